"""The speech of many requests as one sound, counted in samples.

Belongs here: decoding in order, the common rate, seams, what was said when. Does not belong here: asking ahead, where
the sound goes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from voicecli.errors import ServiceError
from voicecli.types import AudioChunk, PcmFormat, SpeechRequest

if TYPE_CHECKING:
    from voicecli.dialogue.ahead import Rendition

Spoken: TypeAlias = "Rendition[SpeechRequest, AudioChunk]"
"""A request and its sound."""

RATE = 24_000
"""Samples a second where the service does not say its own rate (it sends mp3 or the like)."""


@dataclass(frozen=True, slots=True)
class SpokenText:
    """What was said from one sample to another (not included)."""

    text: str
    start: int
    end: int


@dataclass(slots=True)
class ToldSound:
    """What there is to tell of a sound: `samples` at `rate`, or `length_s` where a service's file was passed on."""

    pieces: int = 0
    rate: int = 0
    samples: int = 0
    length_s: float | None = None
    texts: list[SpokenText] = field(default_factory=list)

    @property
    def seconds(self) -> float | None:
        return self.samples / self.rate if self.rate else self.length_s


@dataclass
class Track:
    """The sound of all `renditions`, joined at the rate of the first, `volume` times as loud.

    `timed` keeps when what was said. `begun` is told of each text before its sound, `done` how many characters have
    come through.
    """

    renditions: AsyncIterator[Spoken]
    volume: float = 1.0
    timed: bool = False
    begun: Callable[[str], object] = lambda text: None
    done: Callable[[float], object] = lambda characters: None
    told: ToldSound = field(default_factory=ToldSound)
    _characters: int = 0

    async def blocks(self) -> AsyncGenerator[bytes]:
        """s16le mono at `told.rate`, once."""
        from voicecli.audio.seams import Joiner

        joiner: Joiner | None = None
        async for rendition in self.renditions:
            rate = await self._rate_of(rendition)
            joiner = joiner or Joiner(rate)
            start, text = self.told.samples, rendition.request.text if rendition.request else ""
            self.begun(text)
            async for block in self._decoded(rendition, rate):
                self.told.samples += len(block) // 2
                if out := joiner.feed(block):
                    yield out
            joiner.end_piece()
            self._tell(text, start)
        if joiner is not None and (out := joiner.flush()):
            yield out

    async def _decoded(self, rendition: Spoken, rate: int) -> AsyncGenerator[bytes]:
        from voicecli.audio.codec import decode_chunks
        from voicecli.audio.seams import with_gain

        async with aclosing(rendition.chunks()) as chunks:
            async for block in decode_chunks(chunks, rate):
                yield block if self.volume == 1.0 else with_gain(block, self.volume)

    async def _rate_of(self, rendition: Spoken) -> int:
        if not self.told.rate:
            first = await rendition.first()
            if first is None:
                raise ServiceError("sent no sound", who="speech")
            self.told.rate = _rate(first)
        return self.told.rate

    def _tell(self, text: str, start: int) -> None:
        self.told.pieces += 1
        self._characters += len(text)
        self.done(self._characters)
        if self.timed:
            self.told.texts.append(SpokenText(text, start, self.told.samples))


def _rate(first: AudioChunk) -> int:
    """The rate that a first chunk tells of, in its encoding or in its header."""
    from voicecli.audio.pcm import parse_wav_header

    if isinstance(first.encoding, PcmFormat):
        return first.encoding.rate
    try:
        found = parse_wav_header(first.data)
    except ValueError:
        found = None
    return found[0].rate if found else RATE
