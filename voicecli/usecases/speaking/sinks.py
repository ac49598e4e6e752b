"""Samples written as a container, to a file or a stream, as they come.

Belongs here: headers, encoders, what has to be gathered. Does not belong here: where the samples come from, encoding
itself (audio.encoder).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

from voicecli.types import PcmFormat

if TYPE_CHECKING:
    from voicecli.audio.encoder import Encoder

Write = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Target:
    """How to write to the goal, and the file, if it is one."""

    write: Write
    file: BinaryIO | None = None

    @property
    def seekable(self) -> BinaryIO | None:
        """The file, if what was written can be corrected."""
        return self.file if self.file is not None and self.file.seekable() else None


class SoundSink(Protocol):
    """Takes s16le mono and writes it as a container."""

    def feed(self, block: bytes) -> object: ...
    async def end(self) -> None: ...


def sink(target: Target, rate: int, container: str, wanted: int | None = None) -> SoundSink:
    """The sink for a container of `goals.FORMATS`; sound comes at `rate` and is written at `wanted`."""
    made: dict[str, Callable[[Target, int, str], SoundSink]] = {"pcm": _PcmSink, "wav": _WavSink}
    written = made.get(container, _EncodedSink)(target, wanted or rate, container)
    return _Resampled(written, rate, wanted) if wanted and wanted != rate else written


class _Resampled:
    """At another rate than it comes."""

    def __init__(self, to: SoundSink, rate: int, wanted: int) -> None:
        from voicecli.resampling import Resampler

        self._to, self._resampler = to, Resampler(rate, wanted)

    def feed(self, block: bytes) -> None:
        self._to.feed(self._resampler.feed(block))

    async def end(self) -> None:
        self._to.feed(self._resampler.flush())
        await self._to.end()


class _PcmSink:
    def __init__(self, target: Target, rate: int, container: str) -> None:
        self.feed = target.write

    async def end(self) -> None:
        """Samples have no end of their own."""


class _WavSink:
    """A header without a length first; in a file it is corrected at the end."""

    def __init__(self, target: Target, rate: int, container: str) -> None:
        from voicecli.audio.pcm import wav_header

        self._target, self._rate, self._length = target, rate, 0
        target.write(wav_header(PcmFormat(rate)))

    def feed(self, block: bytes) -> None:
        self._target.write(block)
        self._length += len(block)

    async def end(self) -> None:
        from voicecli.audio.pcm import wav_header

        if file := self._target.seekable:
            file.seek(0)
            file.write(wav_header(PcmFormat(self._rate), self._length))


class _EncodedSink:
    """Compressed as it arrives; gathered where the format can't be read without a header that was corrected."""

    def __init__(self, target: Target, rate: int, container: str) -> None:
        from voicecli.audio import encoder

        self._target, self._rate, self._container = target, rate, container
        self._gathered = bytearray()
        self._encoder: Encoder | None = None
        if target.seekable or container in encoder.STREAMED:
            self._encoder = encoder.Encoder(target.seekable or target.write, rate, container)

    def feed(self, block: bytes) -> None:
        if self._encoder is not None:
            self._encoder.feed(block)
        else:
            self._gathered += block

    async def end(self) -> None:
        import asyncio

        from voicecli.audio import encoder

        if self._encoder is not None:
            self._encoder.close()
            return
        made = await asyncio.to_thread(encoder.encode, bytes(self._gathered), self._rate, self._container)
        self._target.write(made)
