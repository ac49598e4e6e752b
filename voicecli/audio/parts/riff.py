"""The recordings in a WAV or AIFF, whose headers tell lengths; and what a WAV holds whose writer died before it told.

Belongs here: chunks, and headers of our making where theirs are wrong. Does not belong here: samples.
Source: Microsoft's "Multimedia Programming Interface and Data Specifications" (RIFF); EBU Tech 3306 (RF64).
"""

from __future__ import annotations

import re

from voicecli.audio.parts.window import Bytes, Part

WAVS = frozenset({b"RIFF", b"RF64", b"BW64"})
NEXT = re.compile(rb"(?:RIFF|RF64|BW64)....WAVE(?:fmt |ds64|JUNK|bext)", re.DOTALL)
NAME = re.compile(rb"[ -~]{4}")
STREAMED = 0x7FFFFFFF - 4096
"""A length from here on was made up by a writer that did not know it."""
MOST = 0xFFFFFFFF
UNKNOWN = MOST.to_bytes(4, "little")
LONGEST_HEAD = 1 << 20
DUST_S = 0.1
"""Bytes behind the samples that would be shorter, and are no chunk, are nothing."""


def parts(data: Bytes) -> list[Part]:
    """The recordings. None at all: a reader of the file as it is gets all of it, or it cannot be followed."""
    if data.at(0, 4) == b"FORM":
        return _forms(data)
    found: list[Part] = []
    at = 0
    while _is_wav(data, at) and (part := _wav(data, at)) is not None:
        found.append(part)
        at = part.end + _padding(data, part.end)
    return found if len(found) > 1 or any(each.head for each in found) else []


def _is_wav(data: Bytes, at: int) -> bool:
    return data.at(at, 4) in WAVS and data.at(at + 8, 4) == b"WAVE"


def _wav(data: Bytes, start: int) -> Part | None:
    """The WAV that begins at `start`."""
    at, rate, long = start + 12, 0, 0
    while at + 8 <= data.size and at - start < LONGEST_HEAD:
        name, size = _chunk(data, at)
        if name == b"fmt ":
            rate = int.from_bytes(data.at(at + 16, 4), "little")
        elif name == b"ds64":
            long = int.from_bytes(data.at(at + 16, 8), "little")
        elif name == b"data":
            return _samples(data, start, at + 8, long if size == MOST else size, rate)
        at += 8 + size + size % 2
    return None


def _samples(data: Bytes, start: int, at: int, size: int, rate: int) -> Part:
    """The WAV from `start`, whose samples begin at `at`: `size` bytes, its header says, `rate` a second."""
    end = at + size
    if size and end >= data.size and (size < STREAMED or size > MOST):
        return Part(start, data.size)  # cut off: what is there is read
    behind = _behind(data, end)
    if (size or behind > at) and end <= data.size and _ends_well(data, behind, rate):
        return Part(start, behind)
    head = b"RIFF" + UNKNOWN + data.at(start + 8, at - 4 - start - 8).replace(b"ds64", b"JUNK") + UNKNOWN
    return Part(at, next(data.find(NEXT, at, 16), data.size), head)


def _ends_well(data: Bytes, at: int, rate: int) -> bool:
    """Whether nothing stands at `at` but another WAV, or too little to be sound."""
    return data.size - at < max(8.0, rate * DUST_S) or _is_wav(data, at)


def _behind(data: Bytes, at: int) -> int:
    """Where the chunks at `at` end: at the end of the file, at another WAV, or at what is no chunk."""
    at += _padding(data, at)
    while at + 8 <= data.size:
        name, size = _chunk(data, at)
        if name in WAVS or not NAME.fullmatch(name) or at + 8 + size > data.size:
            return at
        at += 8 + size + size % 2
    return data.size if data.size - at < 8 else at


def _padding(data: Bytes, at: int) -> int:
    """One byte where a length was odd and the writer kept to the rule."""
    return int(data.at(at, 1) == b"\0" and data.at(at + 1, 1) > b"\0")


def _chunk(data: Bytes, at: int) -> tuple[bytes, int]:
    head = data.at(at, 8)
    return head[:4], int.from_bytes(head[4:], "little")


def _forms(data: Bytes) -> list[Part]:
    """AIFF files one behind the other."""
    found: list[Part] = []
    at = 0
    while data.at(at, 4) == b"FORM":
        end = at + 8 + int.from_bytes(data.at(at + 4, 4), "big")
        found.append(Part(at, min(end, data.size)))
        at = end + (data.at(end, 1) == b"\0")
    return found if len(found) > 1 else []
