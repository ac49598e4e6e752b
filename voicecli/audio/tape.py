"""Files in place of sound devices: a tape that is played into the ears, a tape that the replies are put on.

Belongs here: pacing, the tape's clock, writing the assistant's channel. Does not belong here: decoding
files (audio.files), deciding when a turn is over (the gate asks the conversation).

A paced tape runs at the speed of a microphone. A fast one runs on the audio's own clock: it goes as fast
as the stages take it while it is only listened to or played, and at the speed of a microphone while a
service works on an answer, so that the gaps on the tape are true.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from voicecli.audio.files import blocks
from voicecli.ports import Rendered
from voicecli.types import MIC, AudioFrame

BLOCK_MS = 20
BLOCK_S = BLOCK_MS / 1000
BLOCK_BYTES = MIC.bytes_for(BLOCK_MS)
SILENCE = bytes(BLOCK_BYTES)
MAX_BACKLOG_S = 0.5
"""A fast tape waits when the recogniser is this far behind."""
TRAILING_S = 5.0
"""How long silence is fed after the end of a tape for a turn to end by itself."""


class Gate(Protocol):
    """What a tape asks of the conversation: may it go on, and how fast."""

    @property
    def holding(self) -> bool: ...
    @property
    def working(self) -> bool: ...
    @property
    def starving(self) -> bool: ...
    @property
    def settled(self) -> bool: ...
    @property
    def backlog_s(self) -> float: ...


@dataclass(slots=True)
class TapeClock:
    """Seconds of audio that have passed; between two blocks it follows the wall clock while services work."""

    position: float = 0.0
    _mark: float | None = None

    def now(self) -> float:
        if self._mark is None:
            return self.position
        return self.position + min(BLOCK_S, asyncio.get_running_loop().time() - self._mark)

    def advance(self) -> None:
        self.position += BLOCK_S
        self._mark = None

    def flow(self) -> None:
        """The next block passes at the wall clock's pace."""
        self._mark = asyncio.get_running_loop().time()


class TapeMicrophone:
    """A recording in place of the microphone: an async iterator of 20 ms frames.

    While the gate holds (a reply is not over), silence comes from it and the recording waits; after the
    recording's end silence comes until the last turn is done.
    """

    def __init__(
        self, name: str, source: AsyncIterator[bytes], gate: Gate, *, fast: bool, clock: TapeClock | None = None
    ) -> None:
        self.name, self._source, self._gate, self._fast = name, source, gate, fast
        self.clock = clock or TapeClock()

    async def __aiter__(self) -> AsyncIterator[AudioFrame]:
        begin = asyncio.get_running_loop().time()
        ended_at: float | None = None
        while True:
            pcm = SILENCE
            if not self._gate.holding and ended_at is None:
                pcm = await anext(self._source, b"")
                if not pcm:
                    ended_at, pcm = self.clock.position, SILENCE
            at = self.clock.position if self._fast else begin + self.clock.position
            await self._pass(begin)
            yield AudioFrame(pcm.ljust(BLOCK_BYTES, b"\0"), MIC, at)
            if ended_at is not None and self._over(ended_at):
                return

    def _over(self, ended_at: float) -> bool:
        late = self.clock.position - ended_at > TRAILING_S and not self._gate.holding
        return self._gate.settled or late

    async def _pass(self, begin: float) -> None:
        """Lets 20 ms pass, on the wall clock or on the audio's own."""
        if not self._fast:
            self.clock.advance()
            await asyncio.sleep(max(0.0, begin + self.clock.position - asyncio.get_running_loop().time()))
            return
        while self._gate.starving or self._gate.backlog_s > MAX_BACKLOG_S:  # noqa: ASYNC110 - pure rooms have no events
            await asyncio.sleep(0.002)
        if self._gate.working:
            self.clock.flow()
            await asyncio.sleep(BLOCK_S)
        else:
            await asyncio.sleep(0)
        self.clock.advance()


class TapeLoudspeaker:
    """Puts what the assistant says on a tape, block by block, on the microphone's clock.

    The tape is as long as what was listened to, and silent where the assistant listened.
    """

    def __init__(
        self, name: str, rendered: Rendered, pump: Callable[[], object], write: Callable[[bytes], object]
    ) -> None:
        self.name, self._rendered, self._pump, self._write = name, rendered, pump, write
        self._count = rendered.rate * BLOCK_MS // 1000
        self._write(bytes(2 * self._count))

    def passed(self, frame: AudioFrame) -> None:
        """After `frame` was heard: the next 20 ms of the assistant's channel."""
        self._write(self._rendered.render(self._count, frame.at + frame.seconds))
        self._pump()

    async def keep(self) -> None:
        """A tape is never lost."""


class WavTape:
    """A WAV file (or any seekable binary file) that grows while the conversation goes on; s16le mono."""

    def __init__(self, file: BinaryIO, rate: int) -> None:
        self._wave = wave.open(file, "wb")  # noqa: SIM115 - closed by close()
        self._wave.setnchannels(1)
        self._wave.setsampwidth(2)
        self._wave.setframerate(rate)

    def write(self, pcm: bytes) -> None:
        self._wave.writeframesraw(pcm)

    def close(self) -> None:
        self._wave.close()


async def file_blocks(source: object) -> AsyncIterator[bytes]:
    """A sound file as 20 ms blocks of s16le 16 kHz mono. InputError when it is no audio."""
    iterator = await asyncio.to_thread(_opened, source)
    for block in iterator:
        yield block


def _opened(source: Any) -> Iterator[bytes]:
    """The blocks, the first one read: a file that is no audio is refused before anything starts."""
    iterator = blocks(source, MIC.rate, BLOCK_MS)
    first = next(iterator, b"")

    def again() -> Iterator[bytes]:
        if first:
            yield first
        yield from iterator

    return again()


async def stream_blocks(stream: BinaryIO | None = None) -> AsyncIterator[bytes]:
    """stdin (s16le 16 kHz mono) as 20 ms blocks. Read on a daemon thread: a silent pipe never delays leaving."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[bytes](maxsize=0)
    room = threading.Semaphore(50)
    source = stream or sys.stdin.buffer

    def read() -> None:
        with suppress(RuntimeError):  # the loop was closed while the pipe was silent
            while True:
                room.acquire()
                block = source.read(BLOCK_BYTES)
                loop.call_soon_threadsafe(queue.put_nowait, block)
                if not block:
                    return

    threading.Thread(target=read, daemon=True, name="voice-stdin").start()
    while block := await queue.get():
        room.release()
        yield block
