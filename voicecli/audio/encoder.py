"""Samples to a compressed file: at once, or while they arrive, so that hours cost no more memory than seconds.

Belongs here: libsndfile's writing end, the formats that it writes, streams that can't be sought in. Does not belong
here: headers of WAV (pcm), reading (files).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, ParamSpec, TypeVar

from voicecli.audio import pcm
from voicecli.audio.quiet import hushed
from voicecli.errors import UsageError
from voicecli.resampling import Resampler
from voicecli.types import PcmFormat

AT_ONCE = 65_536
"""Bytes: libsndfile's Vorbis encoder overflows its stack when it is given minutes at once."""

FORMATS = {
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "aiff": ("AIFF", "PCM_16"),
}
"""What libsndfile writes, by extension: its format and subtype."""

RATES = {
    "opus": (8000, 12_000, 16_000, 24_000, 48_000),
    "mp3": (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
}
"""The only rates that a format knows."""

WRITABLE = ("wav", "pcm", *FORMATS)


def encode(samples: bytes, rate: int, container: str) -> bytes:
    """s16le mono as a file of that container (one of `WRITABLE`). UsageError: another one."""
    if container == "wav":
        return pcm.wav_bytes(samples, PcmFormat(rate))
    if container in ("pcm", "raw"):
        return samples
    if container not in FORMATS:
        raise UsageError(f"sound cannot be written as {container!r}", cure=f"Choose one of: {', '.join(WRITABLE)}.")
    out, fitting = io.BytesIO(), _fitting(rate, container)
    encoder = Encoder(out, fitting, container)
    encoder.feed(pcm.resample(samples, rate, fitting))
    encoder.close()
    return out.getvalue()


def _fitting(rate: int, container: str) -> int:
    """The rate itself where the format knows it, else the next higher one."""
    return min((each for each in RATES.get(container, (rate,)) if each >= rate), default=48_000)


STREAMED = frozenset({"ogg", "opus", "mp3"})
"""Formats that can be read though their header was written before the sound."""

STEADY = {"bitrate_mode": "CONSTANT", "compression_level": 0.7}
"""MP3 in a stream: readers tell the length of one by its rate of bits. About 56 kbit/s at 24 kHz."""


class Encoder:
    """`feed` s16le mono at `rate`, then `close`. `container` is a key of `FORMATS`.

    Where the format does not know the rate, the next higher one that it knows is used.
    """

    def __init__(self, target: BinaryIO | Callable[[bytes], object], rate: int, container: str) -> None:
        import soundfile

        format, subtype = FORMATS[container]
        fitting = _fitting(rate, container)
        self._resampler = Resampler(rate, fitting)
        self._target = _Honest(_Forward(target) if callable(target) else target)
        how: dict[str, Any] = STEADY if callable(target) and container == "mp3" else {}
        with hushed(), self._target.errors():
            self._file = soundfile.SoundFile(self._target, "w", fitting, 1, subtype, format=format, **how)

    def feed(self, samples: bytes) -> None:
        self._put(self._resampler.feed(samples))

    def close(self) -> None:
        """The end of the sound, and what the format writes after it."""
        self._put(self._resampler.flush())
        with hushed(), self._target.errors():
            self._file.close()

    def _put(self, samples: bytes) -> None:
        import numpy as np

        for at in range(0, len(samples), AT_ONCE):
            with hushed(), self._target.errors():
                self._file.write(np.frombuffer(samples[at : at + AT_ONCE], np.int16))


P = ParamSpec("P")
T = TypeVar("T")


class _Honest:
    """A file for libsndfile, which knows no exceptions: what went wrong is kept, and raised once it is back from C."""

    def __init__(self, file: BinaryIO | _Forward) -> None:
        self._file = file
        self._trouble: Exception | None = None

    def write(self, data: bytes) -> int:
        return len(data) if self._kept(self._file.write, data) is not None else 0

    def read(self, size: int = -1) -> bytes:
        return self._kept(self._file.read, size) or b""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._kept(self._file.seek, offset, whence) or 0

    def tell(self) -> int:
        return self._kept(self._file.tell) or 0

    def flush(self) -> None:
        """Does nothing: whoever owns the file flushes it."""

    def _kept(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Nothing is tried after the first failure; libsndfile tidies up long after, when the file is closed."""
        try:
            return work(*args, **kwargs) if self._trouble is None else None
        except Exception as exc:
            self._trouble = exc
            return None

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raises what went wrong in the block, in place of what libsndfile makes of it."""
        try:
            yield
        finally:
            if self._trouble is not None:
                raise self._trouble


class _Forward:
    """A file for libsndfile that only ever grows: what it would correct in a header is not written again."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._at = self._end = 0

    def write(self, data: bytes) -> int:
        data = bytes(data)
        fresh = data[max(0, self._end - self._at) :]
        self._at += len(data)
        if self._at > self._end:
            self._end = self._at
            self._write(fresh)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._end}[whence] + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        return b""

    def flush(self) -> None:
        """Does nothing: libsndfile wants the method."""
