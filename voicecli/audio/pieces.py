"""Recordings of any length, read in a stream and cut into pieces; never more than one piece is in memory.

Belongs here: whichever reader a file needs, levels and voice detection for the splitter, the pieces' samples.
Does not belong here: where to cut (splitter), what a service takes, sending.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from voicecli.audio import files, foreign, pcm
from voicecli.audio.splitter import FRAME_MS, QUIET_DBFS, Cut, SplitRules, Splitter
from voicecli.audio.vad import QuickDetector
from voicecli.errors import InputError, UsageError, unreadable
from voicecli.types import MIC

FRAME = MIC.rate * FRAME_MS // 1000
FRAME_BYTES = 2 * FRAME
BLOCK_MS = 1000
LONGEST_S = 1e7
"""Seconds. A header that tells of more was written before the length was known."""

# -- samples ---------------------------------------------------------------------------------------

ENCODINGS = {
    "s16le": ("<i2", 15),
    "s16be": (">i2", 15),
    "s32le": ("<i4", 31),
    "s32be": (">i4", 31),
    "s8": ("i1", 7),
    "u8": ("u1", 7),
    "f32le": ("<f4", 0),
    "f32be": (">f4", 0),
    "f64le": ("<f8", 0),
}
"""Samples without a header: numpy's name for them, and the bits of full scale (0: they are floats up to 1)."""


@dataclass(frozen=True, slots=True)
class Raw:
    """What samples without a header are."""

    encoding: str = "s16le"
    rate: int = 16_000
    channels: int = 1


def raw_of(text: str) -> Raw:
    """ "s16le:16000:1" as values; rate and channels may be left out. UsageError."""
    encoding, _, rest = text.partition(":")
    rate, _, channels = rest.partition(":")
    if encoding not in ENCODINGS:
        raise UsageError(f"--raw does not know '{encoding}'", cure=f"It knows: {', '.join(ENCODINGS)}.")
    numbers = (rate or "16000", channels or "1")
    if not all(each.isascii() and each.isdigit() for each in numbers):
        raise UsageError(f"--raw can't read '{text}'", cure="Write it as s16le:16000:1.")
    raw = Raw(encoding, int(numbers[0]), int(numbers[1]))
    if not (1000 <= raw.rate <= 384_000 and 1 <= raw.channels <= 64):
        raise UsageError(f"--raw {text}: no sound has that rate or that many channels", cure="Try s16le:16000:1.")
    return raw


def blocks(path: Path, raw: Raw | None = None, env: Mapping[str, str] | None = None) -> Iterator[bytes]:
    """The recording as s16le mono at 16 kHz, as it is read. InputError: nothing here can read it."""
    if raw is not None:
        return _raw_blocks(path, raw)
    try:
        files.probe(path)
    except files.RateError:
        raise
    except InputError:
        if not is_media(path):
            raise
        return foreign.blocks(path, env)
    return files.blocks(path, ms=BLOCK_MS, live=False)


def seconds(path: Path, raw: Raw | None = None) -> float:
    """How long the recording says it is; 0 where that can't be told without reading it."""
    try:
        if raw is not None:
            return path.stat().st_size / (np.dtype(ENCODINGS[raw.encoding][0]).itemsize * raw.channels * raw.rate)
        found = files.probe(path).seconds
    except (InputError, OSError):
        return 0.0
    return found if found < LONGEST_S else 0.0


def is_media(path: Path) -> bool:
    """Whether another program might find sound in it; a text is not worth asking, nor what may not be read."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(512)
    except OSError:
        return False
    return bool(files.container_of(head[:16])) or not _is_text(head)


def _is_text(head: bytes) -> bool:
    """Whether these are letters, in UTF-8 (the last one may be cut), without controls."""
    return b"\0" not in head and "\ufffd" not in head.decode("utf-8", "replace")[:-3]


def _raw_blocks(path: Path, raw: Raw) -> Iterator[bytes]:
    kind, bits = ENCODINGS[raw.encoding]
    width = np.dtype(kind).itemsize * raw.channels
    resampler = pcm.FileResampler(raw.rate, MIC.rate)
    try:
        with path.open("rb") as file:
            while data := file.read(files.READ_BYTES // width * width):
                yield resampler.feed(_mono(data[: len(data) // width * width], kind, bits, raw.channels))
    except OSError as exc:
        raise unreadable(path, exc) from exc
    yield resampler.flush()


def _mono(data: bytes, kind: str, bits: int, channels: int) -> bytes:
    samples = np.frombuffer(data, kind).astype(np.float64).reshape(-1, channels)
    return pcm.s16(pcm.mixed(pcm.finite((samples - (128 if kind == "u1" else 0)) * 2.0**-bits)))


# -- pieces ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """Samples [start, end) of the recording at 16 kHz; [first, last) is where somebody speaks."""

    start: int
    end: int
    first: int
    last: int
    pcm: bytes


class Cutter:
    """Iterate it once: the pieces in order. `samples` is how many were read so far, `sent` how many are in pieces.

    `told_s` is how long the recording says it is, 0 where it does not.
    """

    def __init__(self, blocks: Iterable[bytes], rules: SplitRules | None = None) -> None:
        self.told_s = rules.total_s if rules else 0.0
        self.samples = 0
        self.sent = 0
        self._blocks = blocks
        self._splitter = Splitter(rules)
        self._detector = QuickDetector()
        self._buffer = bytearray()
        self._origin = 0
        self._judged = 0

    def __iter__(self) -> Iterator[Piece]:
        for block in chain(self._blocks, (None,)):
            cuts = self._judge(block) if block is not None else self._last()
            yield from (self._piece(cut) for cut in cuts)
            gone = 2 * (self._splitter.kept_from * FRAME - self._origin)
            if gone > 0:
                del self._buffer[:gone]
                self._origin += gone // 2

    def _judge(self, block: bytes) -> list[Cut]:
        self._buffer += block
        self.samples += len(block) // 2
        count = (self.samples - self._judged) // FRAME
        at = 2 * (self._judged - self._origin)
        self._judged += count * FRAME
        return self._feed(bytes(self._buffer[at : at + count * FRAME_BYTES]))

    def _last(self) -> list[Cut]:
        """The samples behind the last whole frame are judged as one, with silence behind them."""
        rest = bytes(self._buffer[2 * (self._judged - self._origin) :])
        cuts = self._feed(rest.ljust(FRAME_BYTES, b"\0")) if rest else []
        return cuts + self._splitter.finish()

    def _feed(self, frames: bytes) -> list[Cut]:
        return self._splitter.feed(levels(frames), self._detector.detect(frames)) if frames else []

    def _piece(self, cut: Cut) -> Piece:
        start, end = cut.start * FRAME, min(cut.end * FRAME, self.samples)
        self.sent += end - start
        data = bytes(self._buffer[2 * (start - self._origin) : 2 * (end - self._origin)])
        return Piece(start, end, cut.first * FRAME, min(cut.last * FRAME, self.samples), data)


def levels(frames: bytes) -> list[float]:
    """The level of each frame of 20 ms in dBFS, −100 for digital silence."""
    samples = np.frombuffer(frames, np.int16).reshape(-1, FRAME).astype(np.float32)
    samples -= samples.mean(axis=1, keepdims=True)  # a microphone's offset is no sound
    power = np.einsum("ij,ij->i", samples, samples) / FRAME / 32768**2
    found: list[float] = (10 * np.log10(np.maximum(power, 1e-10))).tolist()
    return found


def is_silent(blocks: Iterable[bytes]) -> bool:
    """Whether nothing in the recording is as loud as sound is. Reads only as far as it must."""
    rest = b""
    for block in blocks:
        rest += block
        whole = len(rest) // FRAME_BYTES * FRAME_BYTES
        if whole and max(levels(rest[:whole])) > QUIET_DBFS:
            return False
        rest = rest[whole:]
    return not rest or max(levels(rest.ljust(FRAME_BYTES, b"\0"))) <= QUIET_DBFS
