"""Where spoken sound goes: the loudspeaker, stdout, or a file that appears only when it is whole.

Belongs here: the speech of many requests as one sound, and that sound at its goals. Does not belong here:
flags, texts, how far to work ahead.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from voicecli.commands.ahead import Lane, spoken_ahead
from voicecli.errors import ServiceError
from voicecli.types import AudioChunk, PcmFormat, SpeechRequest

if TYPE_CHECKING:
    from voicecli.commands.session import Session

RATE = 24_000
"""Samples a second where the service does not say its own rate (it sends mp3 or the like)."""

DEVICE_RATE = 48_000
"""What a loudspeaker is opened with, before the first sound tells its own rate."""

STDOUT = "-"
LOUDSPEAKER = ""

Write = Callable[[bytes], Any]


@dataclass(frozen=True, slots=True)
class Goal:
    """Where the sound goes, and in which container. `native`: only a service itself can make it.

    `play`: out of the loudspeaker too. `cues`: somebody wants to know when what is said. `arriving`: the
    text is still being written, so nothing may wait for its next piece.
    """

    path: str
    container: str
    native: bool = False
    play: bool = False
    volume: float = 1.0
    cues: bool = False
    arriving: bool = False

    @property
    def as_sent(self) -> bool:
        """Whether a service's own file would do, if it is in the right container."""
        return self.path != LOUDSPEAKER and not self.play and self.volume == 1.0 and not self.cues


@dataclass(frozen=True, slots=True)
class Cue:
    """What was said from one sample to another (not included)."""

    text: str
    start: int
    end: int


@dataclass(slots=True)
class Told:
    """What there is to tell of a sound: `samples` at `rate` (0 where a service's file was passed on)."""

    pieces: int = 0
    rate: int = 0
    samples: int = 0
    cues: list[Cue] = field(default_factory=list)


async def deliver(
    session: Session,
    speaker: Any,
    requests: AsyncIterator[SpeechRequest],
    goal: Goal,
    done: Callable[[int], None] = lambda characters: None,
) -> Told:
    """Speaks `requests` in order, as one sound, to the goal. `done` is told how much text has sounded."""
    with _opened(session, goal) as target:
        async with spoken_ahead(speaker, requests) as lanes:
            heads, rest = await _look_ahead(lanes, 2 if goal.as_sent and not goal.arriving else 0)
            async with aclosing(_again(heads, rest)) as order:
                if target is not None and await _passes(goal, heads):
                    return await _pass_on(order, target)
                return await _render(session, Track(order, goal, done), goal, target)


async def _look_ahead(lanes: AsyncIterator[Lane], count: int) -> tuple[list[Lane], AsyncIterator[Lane]]:
    """Up to `count` lanes, without waiting for what they hold."""
    heads: list[Lane] = []
    while len(heads) < count and (lane := await anext(lanes, None)) is not None:
        heads.append(lane)
    return heads, lanes


async def _again(heads: list[Lane], rest: AsyncIterator[Lane]) -> AsyncGenerator[Lane]:
    for lane in heads:
        yield lane
    async for lane in rest:
        yield lane


async def _passes(goal: Goal, heads: list[Lane]) -> bool:
    """Whether what the service sends is, byte for byte, what the goal wants."""
    if goal.native:
        return True
    if not goal.as_sent or len(heads) != 1:
        return False
    first = await heads[0].first()
    return first is not None and first.encoding == goal.container


async def _pass_on(lanes: AsyncIterator[Lane], target: Target) -> Told:
    told = Told()
    async for lane in lanes:
        async for chunk in lane.chunks():
            target.write(chunk.data)
        told.pieces += 1
    return told


# -- one sound of many pieces ----------------------------------------------------------------------


class Track:
    """The sound of all lanes, joined at the rate of the first. Samples are counted: `told` is exact."""

    def __init__(self, lanes: AsyncIterator[Lane], goal: Goal, done: Callable[[int], None]) -> None:
        self.told = Told()
        self._lanes, self._goal, self._done = lanes, goal, done
        self._characters = 0

    @property
    def rate(self) -> int:
        """Samples a second; 0 until the first block."""
        return self.told.rate

    async def blocks(self) -> AsyncGenerator[bytes]:
        """s16le mono, once."""
        from voicecli.audio.seams import Joiner

        joiner: Joiner | None = None
        async for lane in self._lanes:
            rate = await self._rate_of(lane)
            joiner = joiner or Joiner(rate)
            start = self.told.samples
            async for block in self._decoded(lane, rate):
                self.told.samples += len(block) // 2
                if out := joiner.feed(block):
                    yield out
            joiner.end_piece()
            self._tell(lane, start)
        if joiner is not None and (out := joiner.flush()):
            yield out

    async def _decoded(self, lane: Lane, rate: int) -> AsyncGenerator[bytes]:
        from voicecli.audio.codec import decode_chunks
        from voicecli.audio.seams import with_gain

        async with aclosing(lane.chunks()) as chunks:
            async for block in decode_chunks(chunks, rate):
                yield block if self._goal.volume == 1.0 else with_gain(block, self._goal.volume)

    async def _rate_of(self, lane: Lane) -> int:
        if not self.told.rate:
            first = await lane.first()
            if first is None:
                raise ServiceError("sent no sound", who="speech")
            self.told.rate = _rate(first)
        return self.told.rate

    def _tell(self, lane: Lane, start: int) -> None:
        text = lane.request.text if lane.request else ""
        self.told.pieces += 1
        self._characters += len(text)
        self._done(self._characters)
        if self._goal.cues:
            self.told.cues.append(Cue(text, start, self.told.samples))


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


# -- the goals -------------------------------------------------------------------------------------


async def _render(session: Session, track: Track, goal: Goal, target: Target | None) -> Told:
    """The sound to the target, out of the loudspeaker, or both."""
    sink: Sink | None = None
    plays = goal.play or target is None

    async def taken() -> AsyncGenerator[bytes]:
        nonlocal sink
        async with aclosing(track.blocks()) as blocks:
            async for block in blocks:
                if target is not None:
                    sink = sink or _SINKS.get(goal.container, _EncodedSink)(target, track.rate, goal.container)
                    sink.feed(block)
                yield block

    async with aclosing(taken()) as blocks:
        if plays:
            await play(session, blocks, track)
        else:
            async for _ in blocks:
                pass
    if sink is not None:
        await sink.end()
    return track.told


async def play(session: Session, blocks: AsyncIterator[bytes], track: Track) -> None:
    """Out of the loudspeaker, which is opened and woken while the first sound is still awaited."""
    from voicecli.audio import playback

    device = session.config().audio.output
    async with aclosing(_for_device(blocks, track)) as samples:
        await playback.play(samples, DEVICE_RATE, None if device == "" else device)


async def _for_device(blocks: AsyncIterator[bytes], track: Track) -> AsyncGenerator[bytes]:
    from voicecli.audio.pcm import Resampler

    resampler: Resampler | None = None
    async for block in blocks:
        resampler = resampler or Resampler(track.rate, DEVICE_RATE)
        if out := resampler.feed(block):
            yield out
    if resampler is not None and (out := resampler.flush()):
        yield out


@dataclass(frozen=True, slots=True)
class Target:
    """How to write to the goal, and the file, if it is one."""

    write: Write
    file: BinaryIO | None


@contextmanager
def _opened(session: Session, goal: Goal) -> Iterator[Target | None]:
    """The target, None for the loudspeaker alone. A file vanishes when the block raises."""
    if goal.path == LOUDSPEAKER:
        yield None
        return
    if goal.path == STDOUT:
        yield Target(session.console.write_bytes, None)
        return
    from voicecli.audio import files

    with files.atomic(Path(goal.path)) as file:
        yield Target(file.write, file)


class Sink(Protocol):
    """Takes s16le mono and writes it as a container."""

    def feed(self, block: bytes) -> None: ...
    async def end(self) -> None: ...


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

        if self._target.file is not None and self._target.file.seekable():
            self._target.file.seek(0)
            self._target.file.write(wav_header(PcmFormat(self._rate), self._length))


class _EncodedSink:
    """Compressed as it arrives; gathered where the format can't be read without a header that was corrected."""

    def __init__(self, target: Target, rate: int, container: str) -> None:
        from voicecli.audio import encoder

        self._target, self._rate, self._container = target, rate, container
        self._gathered = bytearray()
        self._encoder: encoder.Encoder | None = None
        if target.file is not None and target.file.seekable():
            self._encoder = encoder.Encoder(target.file, rate, container)
        elif container in encoder.STREAMED:
            self._encoder = encoder.Encoder(target.write, rate, container)

    def feed(self, block: bytes) -> None:
        if self._encoder is not None:
            self._encoder.feed(block)
        else:
            self._gathered += block

    async def end(self) -> None:
        import asyncio

        from voicecli.audio import files

        if self._encoder is not None:
            self._encoder.close()
        else:
            self._target.write(
                await asyncio.to_thread(files.encode, bytes(self._gathered), self._rate, self._container)
            )


_SINKS: dict[str, Callable[[Target, int, str], Sink]] = {"pcm": _PcmSink, "wav": _WavSink}
