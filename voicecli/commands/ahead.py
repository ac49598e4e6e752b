"""Speech of several requests in order, the next ones asked for while one is taken.

Belongs here: how far to work ahead, keeping the order, failures at their place. Does not belong here: samples, texts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

from voicecli.errors import VoiceError, only
from voicecli.types import AudioChunk, SpeechRequest

AHEAD = 2
"""Requests that are under way, or wait, behind the one that is taken."""


class Lane:
    """The speech of one request: what has come of it, and what will."""

    def __init__(self, request: SpeechRequest | None) -> None:
        self.request = request
        self.failure: VoiceError | None = None
        self._chunks: asyncio.Queue[AudioChunk | None] = asyncio.Queue()
        self._first: AudioChunk | None = None
        self._begun = asyncio.Event()

    def put(self, chunk: AudioChunk | None) -> None:
        """The next chunk; None: there are no more."""
        if not self._begun.is_set():
            self._first = chunk
            self._begun.set()
        self._chunks.put_nowait(chunk)

    def fail(self, failure: VoiceError) -> None:
        """What came is still given out; then `failure` is raised."""
        self.failure = failure
        self.put(None)

    async def first(self) -> AudioChunk | None:
        """The first chunk, without taking it; None where none came."""
        await self._begun.wait()
        if self._first is None and self.failure is not None:
            raise self.failure
        return self._first

    async def chunks(self) -> AsyncGenerator[AudioChunk]:
        """All chunks, once."""
        while (chunk := await self._chunks.get()) is not None:
            yield chunk
        if self.failure is not None:
            raise self.failure


@asynccontextmanager
async def spoken_ahead(
    speaker: Any, requests: AsyncIterator[SpeechRequest], ahead: int = AHEAD
) -> AsyncIterator[AsyncGenerator[Lane]]:
    """Yields a lane for each of `requests`, in order; leaving stops what is under way.

    The first request has the service to itself until its first sound is there. What fails is raised at
    its place, when everything before it has been taken.
    """
    lanes: asyncio.Queue[Lane | None] = asyncio.Queue()
    room = asyncio.Semaphore(1 + ahead)
    try:
        async with asyncio.TaskGroup() as tasks:
            feeder = tasks.create_task(_feed(speaker, requests, lanes, room))
            try:
                async with aclosing(_in_order(lanes, room)) as order:
                    yield order
            finally:
                feeder.cancel()
    except BaseExceptionGroup as group:
        raise only(group) from None


async def _in_order(lanes: asyncio.Queue[Lane | None], room: asyncio.Semaphore) -> AsyncGenerator[Lane]:
    while (lane := await lanes.get()) is not None:
        yield lane
        room.release()


async def _feed(
    speaker: Any,
    requests: AsyncIterator[SpeechRequest],
    lanes: asyncio.Queue[Lane | None],
    room: asyncio.Semaphore,
) -> None:
    """A lane for each request, as soon as there is room. The text itself may fail too."""
    async with asyncio.TaskGroup() as workers:
        alone = True
        try:
            async for request in requests:
                lane = Lane(request)
                lanes.put_nowait(lane)
                workers.create_task(_fill(lane, speaker, request))
                if alone:
                    alone = await _settled(lane)
                await room.acquire()
        except VoiceError as exc:
            lane = Lane(None)
            lane.fail(exc)
            lanes.put_nowait(lane)
        lanes.put_nowait(None)


async def _settled(lane: Lane) -> bool:
    """Waits for the first sound of `lane`, or for its failure, which whoever takes the lane is told."""
    with suppress(VoiceError):
        await lane.first()
    return False


async def _fill(lane: Lane, speaker: Any, request: SpeechRequest) -> None:
    try:
        async with speaker.speak(request) as stream:
            async for chunk in stream:
                lane.put(chunk)
    except VoiceError as exc:
        lane.fail(exc)
    else:
        lane.put(None)
