"""The recordings in an Ogg, FLAC, MP4, WebM and others: each begins as a file of that kind does. And false lengths.

Belongs here: pages, boxes, marks. Does not belong here: what is in them.
Source: RFC 3533 (Ogg), RFC 9639 (FLAC), ISO/IEC 14496-12 (boxes), RFC 9559 (Matroska), Apple's CAF, Adobe's FLV,
and the headers of WavPack, TTA, ASF, VOC, AU and AMR (RFC 4867) as their writers publish them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from voicecli.audio.parts.window import Bytes, Part

PAGE = re.compile(rb"OggS\0[\0-\x07]")
BEGINS = 2
INITIAL = b"[" + re.escape(bytes(each for each in range(256) if each & 8)) + b"]"
"""The flag of WavPack's first block of several, for several channels."""
LONGEST = 80
MARKS = tuple(
    re.compile(mark, re.DOTALL)
    for mark in (
        rb"fLaC[\0\x80]\0\0\x22",
        rb"\x1aE\xdf\xa3.{1,60}?(?:webm|matroska)",
        rb"caff\0\x01\0\0desc\0{7}\x20",
        rb"FLV\x01[\0\1\4\5]\0\0\0\x09\0{4}",
        rb"wvpk.{4}[\x02-\x10]\x04.{6}\0{4}.{5}" + INITIAL,
        rb"TTA1[\1\3]\0[\1-\x10]\0[\x08\x10\x18\x20]\0",
        rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c",
        rb"Creative Voice File\x1a",
        rb"\.snd\0\0.{6}\0\0\0[\1-\x1b]\0[\0-\x0f]..\0\0\0[\1-\x10]",
        rb"#!AMR(?:-WB)?\n",
        rb"\xb7\xd8\0\x20\x37\x49\xda\x11\xa6\x4e\0\x07\xe9\x5e\xad\x8d",
    )
)
"""How files begin whose recordings are not walked: so many bytes stand within one by a chance of one to 2^48 and less.
In this order: FLAC, Matroska, CAF, FLV, WavPack, TTA, ASF, VOC, AU, AMR, WTV."""


def ogg(data: Bytes) -> list[Part]:
    """A new recording begins with a page that begins a stream, behind one that does not."""
    starts: list[int] = []
    at, fresh = 0, False
    while at < data.size:
        head = data.at(at, 27)
        if head[:4] != b"OggS" or len(head) < 27:
            at = next(data.find(PAGE, at + 1, 6), data.size)
            continue
        if head[5] & BEGINS and not fresh:
            starts.append(at)
        fresh = bool(head[5] & BEGINS)
        at += 27 + head[26] + sum(data.at(at + 27, head[26]))
    return _between(starts, data.size)


def marked(data: Bytes) -> list[Part]:
    """Each mark begins a recording."""
    mark = next((each for each in MARKS if each.match(data.at(0, LONGEST))), None)
    return _between([0, *data.find(mark, 1, LONGEST)], data.size) if mark else []


def flac(data: Bytes) -> list[Part]:
    """Some headers tell too few samples, and a decoder stops there: they get the number of the last frame's end."""
    return [_counted(data, each) for each in marked(data) or [Part(0, data.size)]]


def _counted(data: Bytes, part: Part) -> Part:
    head = data.at(part.start, 26)
    told = int.from_bytes(head[18:], "big") & MOST_SAMPLES
    place = max(part.start, part.end - TAIL)
    tail = data.at(place, part.end - place)
    ends = (
        _end_of(tail[each.start() : each.start() + 16].ljust(16), head) for each in reversed([*FRAME.finditer(tail)])
    )
    true = next((each for each in ends if each), 0)
    if not 0 < told < true <= MOST_SAMPLES:
        return part
    mended = int.from_bytes(head[18:], "big") - told + true
    return Part(part.start + 26, part.end, head[:18] + mended.to_bytes(8, "big"))


FRAME = re.compile(rb"\xff[\xf8\xf9][\x10-\xff][\0-\xaf]")
MOST_SAMPLES, TAIL = (1 << 36) - 1, 1 << 18


def _end_of(frame: bytes, head: bytes) -> int:
    """The number of the sample behind a frame of FLAC, by the frame's header; 0 for what is none."""
    first = frame[4]
    more = max(0, 7 - (first ^ 0xFF).bit_length())  # bytes behind the first, as in UTF-8
    number = first & (0x7F if not more else 0x3F >> more)
    for each in frame[5 : 5 + more]:
        number = number << 6 | each & 0x3F
    at, code = 5 + more, frame[2] >> 4
    wide = {6: 1, 7: 2}.get(code, 0)
    behind = at + wide + {12: 1, 13: 2, 14: 2}.get(frame[2] & 15, 0)
    if _crc8(frame[:behind]) != frame[behind]:
        return 0
    size = int.from_bytes(frame[at : at + wide], "big") + 1 if wide else SIZES[code]
    return (number if frame[1] & 1 else number * int.from_bytes(head[8:10], "big")) + size


SIZES = (0, 192, 576, 1152, 2304, 4608, 0, 0, *(256 << each for each in range(8)))


def _crc8(data: bytes) -> int:
    found = 0
    for each in data:
        found ^= each
        for _ in range(8):
            found = found << 1 ^ (0x107 if found & 0x80 else 0)
    return found


def boxes(data: Bytes) -> list[Part]:
    """A second box that tells a file's type begins another file."""
    starts: list[int] = []
    at = 0
    while at + 8 <= data.size:
        head = data.at(at, 16)
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if kind == b"ftyp":
            starts.append(at)
        size = int.from_bytes(head[8:16], "big") if size == 1 else size
        if size < 8 or not kind.isascii():
            break
        at += size
    return _between(starts, data.size)


def au(data: Bytes) -> list[Part]:
    """A writer that died leaves a length of 0; this format has a number for an unknown one."""
    return [_unmeasured(data, each) for each in marked(data) or [Part(0, data.size)]]


def _unmeasured(data: Bytes, part: Part) -> Part:
    head = data.at(part.start, 12)
    dead = head[8:] == bytes(4) and part.end - part.start > int.from_bytes(head[4:8], "big")
    return Part(part.start + 12, part.end, head[:8] + b"\xff" * 4) if dead else part


def _between(starts: Sequence[int], end: int) -> list[Part]:
    """The parts from each start to the next; none where there is but one."""
    if len(starts) < 2:
        return []
    return [Part(one, two) for one, two in pairwise([*starts, end])]
