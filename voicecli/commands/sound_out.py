"""Where spoken sound goes: the loudspeaker, stdout, or a file that appears only when it is whole.

Belongs here: chunks of a service to samples or bytes at their goal. Does not belong here: flags, texts.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from voicecli.errors import ServiceError
from voicecli.types import AudioChunk, PcmFormat, SpeechRequest

if TYPE_CHECKING:
    from voicecli.commands.common import Session

RATE = 24_000
"""Samples a second where the service does not say its own rate (it sends mp3 or the like)."""

STDOUT = "-"
LOUDSPEAKER = ""


@dataclass(frozen=True, slots=True)
class Goal:
    """Where the sound goes, and in which container. `native`: only a service itself can make it."""

    path: str
    container: str
    native: bool = False


async def deliver(session: Session, speaker: Any, requests: list[SpeechRequest], goal: Goal) -> None:
    """Speaks `requests` in order, as one sound, to the goal."""
    async with speaker.speak(requests[0]) as stream:
        first = await anext(aiter(stream), None)
        if first is None:
            raise ServiceError("sent no sound", who="speech")
        head, rest = _rejoined(first, stream), requests[1:]
        if goal.native or (first.encoding == goal.container and not rest):
            async with aclosing(_as_sent(speaker, head, rest)) as data:
                await _write_as_sent(session, goal, data)
            return
        rate = first.encoding.rate if isinstance(first.encoding, PcmFormat) else RATE
        async with aclosing(_samples(speaker, head, rest, rate)) as blocks:
            await (_play if goal.path == LOUDSPEAKER else _write)(session, goal, blocks, rate)


async def _rejoined(first: AudioChunk, stream: AsyncIterator[AudioChunk]) -> AsyncGenerator[AudioChunk]:
    yield first
    async for chunk in stream:
        yield chunk


async def _as_sent(speaker: Any, head: AsyncIterator[AudioChunk], rest: list[SpeechRequest]) -> AsyncGenerator[bytes]:
    """The service's own bytes, piece after piece."""
    async for chunk in head:
        yield chunk.data
    for request in rest:
        async with speaker.speak(request) as stream:
            async for chunk in stream:
                yield chunk.data


async def _samples(
    speaker: Any, head: AsyncIterator[AudioChunk], rest: list[SpeechRequest], rate: int
) -> AsyncGenerator[bytes]:
    """s16le mono at `rate`, piece after piece: each piece is a file of its own and decoded as one."""
    from voicecli.audio.codec import decode_chunks

    async for block in decode_chunks(head, rate):
        yield block
    for request in rest:
        async with speaker.speak(request) as stream:
            async for block in decode_chunks(stream, rate):
                yield block


# -- the goals -------------------------------------------------------------------------------------


async def _play(session: Session, goal: Goal, blocks: AsyncIterator[bytes], rate: int) -> None:
    from voicecli.audio.playback import play

    device = session.config().audio.output
    await play(blocks, rate, None if device == "" else device)


async def _write_as_sent(session: Session, goal: Goal, data: AsyncIterator[bytes]) -> None:
    with _opened(session, goal) as (write, _):
        async for each in data:
            write(each)


async def _write(session: Session, goal: Goal, blocks: AsyncIterator[bytes], rate: int) -> None:
    with _opened(session, goal) as (write, file):
        await _WRITERS.get(goal.container, _write_encoded)(write, file, blocks, rate, goal.container)


@contextmanager
def _opened(session: Session, goal: Goal) -> Iterator[tuple[Callable[[bytes], Any], BinaryIO | None]]:
    """How to write to the goal, and the file, if it is one (it vanishes when the block raises)."""
    if goal.path == STDOUT:
        yield session.console.write_bytes, None
        return
    from voicecli.audio import files

    with files.atomic(Path(goal.path)) as file:
        yield file.write, file


async def _write_pcm(
    write: Callable[[bytes], Any], file: BinaryIO | None, blocks: AsyncIterator[bytes], rate: int, container: str
) -> None:
    async for block in blocks:
        write(block)


async def _write_wav(
    write: Callable[[bytes], Any], file: BinaryIO | None, blocks: AsyncIterator[bytes], rate: int, container: str
) -> None:
    """A header without a length first; in a file it is corrected at the end."""
    from voicecli.audio.pcm import wav_header

    write(wav_header(PcmFormat(rate)))
    length = 0
    async for block in blocks:
        write(block)
        length += len(block)
    if file is not None:
        file.seek(0)
        file.write(wav_header(PcmFormat(rate), length))


async def _write_encoded(
    write: Callable[[bytes], Any], file: BinaryIO | None, blocks: AsyncIterator[bytes], rate: int, container: str
) -> None:
    import asyncio

    from voicecli.audio import files

    pcm = bytearray()
    async for block in blocks:
        pcm += block
    write(await asyncio.to_thread(files.encode, bytes(pcm), rate, container))


_WRITERS = {"pcm": _write_pcm, "wav": _write_wav}
