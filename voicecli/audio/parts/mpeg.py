"""The recordings in a file of MP3 frames: each begins with a tag, a Xing frame, or another rate.

libsndfile believes a Xing frame's count of frames, and where there is none guesses it from the first frame's rate of
bits: of a recording whose rate varies it may read a third. So a part gets a Xing frame with the count that was walked.
Source: ISO/IEC 11172-3 2.4.1.3 and 13818-3 for the header, Gabriel Bouvigne's mp3-tech.org for Xing and VBRI.

Belongs here: headers of frames, tags, counting. Does not belong here: decoding.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from voicecli.audio.parts.window import Bytes, Part

RATES = (44_100, 48_000, 32_000)
KBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
SYNC = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xeb]|ID3[\x02-\x04]")
"""The first bytes of a frame of layer 3, or of a tag."""
XING_KBITS_INDEX = 9


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """A frame's header: its length in bytes, samples for each channel, its rate, where a Xing tag would stand."""

    length: int
    samples: int
    rate: int
    mono: bool
    xing_at: int


def frame_of(head: bytes) -> FrameHeader | None:
    """What four bytes tell, if they are a header of layer 3."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2 or head[1] & 0x18 == 0x08:
        return None
    kbits, rate, version = head[2] >> 4, head[2] >> 2 & 3, head[1] >> 3 & 3
    if kbits in (0, 15) or rate == 3:
        return None
    first, mono = version == 3, head[3] >> 6 == 3
    hertz = RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    bits = 1000 * (KBITS_1 if first else KBITS_2)[kbits]
    side = (17 if mono else 32) if first else (9 if mono else 17)
    length = (144 if first else 72) * bits // hertz + (head[2] >> 1 & 1)
    return FrameHeader(length, 1152 if first else 576, hertz, mono, 4 + side)


def parts(data: Bytes) -> list[Part]:
    """The recordings. None at all: these are no frames of MP3."""
    walk = _Walk(data)
    walk.run()
    return walk.parts


class _Walk:
    """One way through the file."""

    def __init__(self, data: Bytes) -> None:
        self._data = data
        self.parts: list[Part] = []
        self._head: bytes = b""
        self._first: FrameHeader | None = None
        self._start = self._count = self._said = 0

    def run(self) -> None:
        at = 0
        while at + 4 <= self._data.size:
            frame = frame_of(self._data.at(at, 4))
            if frame is None:
                past = self._beyond(at)
                if past is None or self._is_tag(at):
                    self._close(at)
                if past is None:
                    return
                at = past
            else:
                at = self._take(at, frame)
        self._close(min(at, self._data.size))

    def _take(self, at: int, frame: FrameHeader) -> int:
        """The frame at `at`. Returns where the next one should be."""
        body = self._data.at(at, frame.xing_at + 200)
        if (told := _count_in(body, frame)) is not None:
            self._close(at)
            self._begin(at + frame.length, self._data.at(at, frame.length), frame, told)
            return at + frame.length
        other = self._first is not None and (frame.rate, frame.mono) != (self._first.rate, self._first.mono)
        if self._first is None or other or (self._said and self._count >= self._said):
            self._close(at)
            self._begin(at, b"", frame, 0)
        self._count += 1
        return at + frame.length

    def _begin(self, start: int, xing: bytes, frame: FrameHeader, said: int) -> None:
        self._start, self._head, self._first, self._count, self._said = start, xing, frame, 0, said

    def _close(self, end: int) -> None:
        if self._first is not None and self._count:
            true = self._count == self._said
            head = self._head if true else _xing(self._first, self._count)
            seconds = self._count * self._first.samples / self._first.rate
            self.parts.append(Part(self._start, end, head, seconds))
        self._first, self._count, self._said = None, 0, 0

    # -- what is no frame ----------------------------------------------------------------------

    def _is_tag(self, at: int) -> bool:
        return self._data.at(at, 3) == b"ID3"

    def _beyond(self, at: int) -> int | None:
        """Where frames go on behind a tag, or behind what nobody knows. None: nowhere."""
        if (past := tag_end(self._data, at)) > at:
            return past
        return next((where for where in self._data.find(SYNC, at + 1, 4) if self._goes_on(where)), None)

    def _goes_on(self, at: int) -> bool:
        """Whether two frames follow one another at `at`, or a tag is there: chance easily makes three bytes."""
        if self._is_tag(at):
            return True
        frame = frame_of(self._data.at(at, 4))
        return frame is not None and frame_of(self._data.at(at + frame.length, 4)) is not None


def tag_end(data: Bytes, at: int) -> int:
    """Where a tag at `at` ends: `at` itself where there is none."""
    head = data.at(at, 10)
    if head[:3] == b"ID3" and len(head) == 10:
        size = sum((each & 0x7F) << shift for each, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        return at + 10 + size + 10 * (head[5] >> 4 & 1)
    return at + 128 if head[:3] == b"TAG" else at


def _count_in(body: bytes, frame: FrameHeader) -> int | None:
    """How many frames a Xing, Info or VBRI tag tells of, 0 for unknown; None: there is no such tag."""
    if body[frame.xing_at : frame.xing_at + 4] in (b"Xing", b"Info"):
        flags, count = struct.unpack_from(">II", body.ljust(frame.xing_at + 12, b"\0"), frame.xing_at + 4)
        return count if flags & 1 else 0
    if body[36:40] == b"VBRI":
        return 0
    return None


def _xing(frame: FrameHeader, count: int) -> bytes:
    """A frame of silence that tells how many follow."""
    first = frame.samples == 1152
    rate = (RATES if first else tuple(each >> (1 if frame.rate >= 16_000 else 2) for each in RATES)).index(frame.rate)
    version = 3 if first else 2 if frame.rate >= 16_000 else 0
    head = bytes([0xFF, 0xE3 | version << 3, XING_KBITS_INDEX << 4 | rate << 2, 0xC0 if frame.mono else 0])
    made = frame_of(head)
    assert made is not None
    return (head.ljust(made.xing_at, b"\0") + b"Xing" + struct.pack(">II", 1, count)).ljust(made.length, b"\0")
