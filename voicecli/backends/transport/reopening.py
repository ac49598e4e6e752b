"""Live recognition that outlives its connection: what drops in mid-utterance is opened anew and sent again.

Belongs here: the tape of an utterance, and when a session is begun again. Does not belong here: what a
session sends (each family's own room), sockets, the retry of anything that is no live recognition.

This is the one place where something is sent twice. Only a connection that dropped (DroppedError) is
replaced: a service that complains would complain again. The whole utterance so far goes out again, so
that the text comes out whole; while that happens what is spoken waits on the tape.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager

from voicecli.backends.transport import retry
from voicecli.backends.transport.structured import alongside
from voicecli.errors import DroppedError, VoiceError
from voicecli.ports import Stream
from voicecli.types import AudioFrame, Transcript

REOPENINGS = 2
"""How often one utterance may lose its connection."""

LONGEST_S = 600.0
"""An utterance longer than this (s) is not kept, and so not sent again: 20 MB."""

log = logging.getLogger(__name__)

Converse = Callable[[AsyncIterator[AudioFrame]], Stream[Transcript]]


class Tape:
    """The frames of one utterance, which can be played from the beginning while it is still being recorded."""

    def __init__(self) -> None:
        self._frames: list[AudioFrame] = []
        self._cut = 0
        self._changed = asyncio.Event()
        self._ended = False
        self._played = 0
        self.seconds = 0.0

    @property
    def whole(self) -> bool:
        """Whether the beginning is still there."""
        return not self._cut

    async def record(self, frames: AsyncIterator[AudioFrame]) -> None:
        """Takes `frames` as they come, and closes them when it is stopped."""
        async with AsyncExitStack() as stack:
            if isinstance(frames, AsyncGenerator):
                await stack.enter_async_context(aclosing(frames))
            async for frame in frames:
                self._add(frame)
                # A source that never waits must let whoever plays have a turn.
                await asyncio.sleep(0)
        self._ended = True
        self._changed.set()

    def _add(self, frame: AudioFrame) -> None:
        self._frames.append(frame)
        self.seconds += frame.seconds
        self._forget()
        self._changed.set()

    async def play(self) -> AsyncGenerator[AudioFrame, None]:
        """Every frame, then those to come, until the recording ends. One player at a time."""
        self._played = 0
        while True:
            while self._played - self._cut < len(self._frames):
                self._played += 1
                yield self._frames[self._played - self._cut - 1]
            if self._ended:
                return
            self._changed.clear()
            await self._changed.wait()

    def _forget(self) -> None:
        """What has been played of an utterance that became too long is not kept."""
        if self.seconds > LONGEST_S and self._played > self._cut:
            del self._frames[: self._played - self._cut]
            self._cut = self._played


@asynccontextmanager
async def reopened(converse: Converse, frames: AsyncIterator[AudioFrame]) -> AsyncIterator[AsyncIterator[Transcript]]:
    """`converse(frames)`, begun anew when its connection drops. Raises as `converse` does.

    Entering waits for the first connection. After a reopening the texts begin small again: each is
    still the whole so far. What `frames` raises ends the block.
    """
    session = _Session(converse)
    async with alongside(session.tape.record(frames), session.run()), aclosing(session.heard()) as transcripts:
        await session.entered()
        yield transcripts


class _Session:
    """One utterance over as many connections as it takes. A task of its own holds the connection."""

    def __init__(self, converse: Converse) -> None:
        self._converse = converse
        self.tape = Tape()
        self._found: asyncio.Queue[Transcript | VoiceError | None] = asyncio.Queue(8)
        self._entered = asyncio.Event()
        self._refused: VoiceError | None = None

    async def entered(self) -> None:
        """Returns once the first connection is open. Raises why it is not."""
        await self._entered.wait()
        if self._refused is not None:
            raise self._refused

    async def heard(self) -> AsyncGenerator[Transcript, None]:
        """The texts. Raises what ended them."""
        while (found := await self._found.get()) is not None:
            if isinstance(found, VoiceError):
                raise found
            yield found

    async def run(self) -> None:
        """Converses until the end; what goes wrong is told where the texts are read, or on entering."""
        try:
            await self._repeated()
            await self._found.put(None)
        except VoiceError as exc:
            if self._entered.is_set():
                await self._found.put(exc)
            else:
                self._refused = exc
        finally:
            self._entered.set()

    async def _repeated(self) -> None:
        attempt = 0
        while not await self._once(last=attempt >= REOPENINGS):
            attempt += 1
            wait = retry.PACE.pause(attempt)
            log.info("%.1f s of speech are sent again in %.2f s", self.tape.seconds, wait)
            await asyncio.sleep(wait)

    async def _once(self, last: bool) -> bool:
        """One connection. Whether it came to its end; False means that the utterance is to be sent again."""
        try:
            async with aclosing(self.tape.play()) as frames, self._converse(frames) as transcripts:
                self._entered.set()
                async for transcript in transcripts:
                    await self._found.put(transcript)
        except DroppedError as exc:
            if last or not (self._entered.is_set() and self.tape.whole):
                raise
            log.info("%s", exc)
            return False
        return True
