"""Speech of several texts in order, the next ones asked for while one is taken: in talk, chat and `voice speak` alike.

Belongs here: how far to work ahead, keeping the order, failures at their place. Does not belong here: what is done with
the sound, where the texts come from, how a service is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Generic, TypeVar

from voicecli.errors import VoiceError, task_group
from voicecli.ports import Stream

Asked = TypeVar("Asked")
Sent = TypeVar("Sent")


class Rendition(Generic[Asked, Sent]):
    """The speech of one request: what has come of it, and what will."""

    def __init__(self, request: Asked | None) -> None:
        self.request = request
        self.failure: VoiceError | None = None
        self._chunks: asyncio.Queue[Sent | None] = asyncio.Queue()
        self._first: Sent | None = None
        self._begun = asyncio.Event()

    def put(self, chunk: Sent | None) -> None:
        """The next chunk; None: there are no more."""
        if not self._begun.is_set():
            self._first = chunk
            self._begun.set()
        self._chunks.put_nowait(chunk)

    def fail(self, failure: VoiceError) -> None:
        """What came is still given out; then `failure` is raised."""
        self.failure = failure
        self.put(None)

    async def first(self) -> Sent | None:
        """The first chunk, without taking it; None where none came."""
        await self._begun.wait()
        if self._first is None and self.failure is not None:
            raise self.failure
        return self._first

    async def chunks(self) -> AsyncGenerator[Sent]:
        """All chunks, in order. May be iterated once."""
        while (chunk := await self._chunks.get()) is not None:
            yield chunk
        if self.failure is not None:
            raise self.failure


@asynccontextmanager
async def spoken_ahead(
    say: Callable[[Asked], Stream[Sent]], requests: AsyncIterator[Asked], ahead: int = 0
) -> AsyncIterator[AsyncGenerator[Rendition[Asked, Sent]]]:
    """Yields what `say` makes of each of `requests`, in order; leaving stops what is under way.

    So many requests are under way, or wait, `ahead` of the one that is taken. The first has the service to itself until
    its first sound is there: somebody listens.

    What fails is raised at its place, when everything before it has been taken.
    """
    feeder = _Feeder(say, requests, ahead)
    async with task_group() as tasks:
        feeding = tasks.create_task(feeder.run())
        try:
            async with aclosing(feeder.in_order()) as order:
                yield order
        finally:
            feeding.cancel()


class _Feeder(Generic[Asked, Sent]):
    """A rendition for each request, as soon as there is room. The text itself may fail too."""

    def __init__(self, say: Callable[[Asked], Stream[Sent]], requests: AsyncIterator[Asked], ahead: int) -> None:
        self._say, self._requests = say, requests
        self._ready: asyncio.Queue[Rendition[Asked, Sent] | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(1 + ahead)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as workers:
            first = True
            try:
                await self._room.acquire()
                async for request in self._requests:
                    rendition = self._begun(request)
                    workers.create_task(self._fill(rendition, request))
                    if first:
                        first = False
                        with suppress(VoiceError):  # whoever takes the rendition is told
                            await rendition.first()
                    await self._room.acquire()
            except VoiceError as exc:
                self._begun(None).fail(exc)
            self._ready.put_nowait(None)

    async def in_order(self) -> AsyncGenerator[Rendition[Asked, Sent]]:
        while (rendition := await self._ready.get()) is not None:
            yield rendition
            self._room.release()

    def _begun(self, request: Asked | None) -> Rendition[Asked, Sent]:
        rendition: Rendition[Asked, Sent] = Rendition(request)
        self._ready.put_nowait(rendition)
        return rendition

    async def _fill(self, rendition: Rendition[Asked, Sent], request: Asked) -> None:
        try:
            async with self._say(request) as stream:
                async for chunk in stream:
                    rendition.put(chunk)
        except VoiceError as exc:
            rendition.fail(exc)
        else:
            rendition.put(None)
