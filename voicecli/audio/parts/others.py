"""The recordings in an Ogg, FLAC, MP4 or WebM: each begins as a file of that kind does. And an AU's length.

Belongs here: pages, boxes, marks. Does not belong here: what is in them.
Source: RFC 3533 (Ogg), RFC 9639 (FLAC), ISO/IEC 14496-12 (boxes), RFC 9559 (Matroska).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from voicecli.audio.parts.window import Bytes, Part

PAGE = re.compile(rb"OggS\0[\0-\x07]")
FLAC = re.compile(rb"fLaC[\0\x80]\0\0\x22")
WEBM = re.compile(rb"\x1aE\xdf\xa3.{1,60}?(?:webm|matroska)", re.DOTALL)
BEGINS = 2


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


def flac(data: Bytes) -> list[Part]:
    """A mark of eight bytes, which no frame holds but by a chance of one to 2^64."""
    return _between([0, *data.find(FLAC, 1, 8)], data.size)


def webm(data: Bytes) -> list[Part]:
    return _between([0, *data.find(WEBM, 1, 80)], data.size)


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
    head = data.at(0, 12)
    dead = head[8:] == bytes(4) and data.size > int.from_bytes(head[4:8], "big")
    return [Part(12, data.size, head[:8] + b"\xff" * 4)] if dead else []


def _between(starts: Sequence[int], end: int) -> list[Part]:
    """The parts from each start to the next; none where there is but one."""
    if len(starts) < 2:
        return []
    return [Part(one, two) for one, two in pairwise([*starts, end])]
