"""A live stream between two tasks: one reads from a service, the other writes to a client.

Belongs here: handing on, a bounded queue, ending both ends. Does not belong here: what is handed on.

A response's body is written by a task of the web framework; an adapter's stream wants to be entered and left in one
task. A slow client makes the reader wait; a client that is gone ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from typing import Generic, TypeVar

T = TypeVar("T")

AHEAD = 64
"""Pieces that may wait for a slow client."""


STALLED_S = 60.0
"""A client that takes nothing for so long is gone."""


class Relay(Generic[T]):
    """Iterate it for the stream's items; `aclose` it in any case. Raises what the stream raises, once."""

    def __init__(self, tasks: asyncio.TaskGroup, stream: AbstractAsyncContextManager[AsyncIterator[T]]) -> None:
        self._queue: asyncio.Queue[T | None] = asyncio.Queue(AHEAD)
        self._trouble: Exception | None = None
        self._begun = asyncio.Event()
        self._some = False
        self._task = tasks.create_task(self._read(stream))

    async def _read(self, stream: AbstractAsyncContextManager[AsyncIterator[T]]) -> None:
        try:
            async with stream as items:
                async for item in items:
                    self._some = True
                    self._begun.set()
                    async with asyncio.timeout(STALLED_S):
                        await self._queue.put(item)
        except Exception as exc:
            self._trouble = exc
        finally:
            self._begun.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(STALLED_S):
                await self._queue.put(None)

    async def begun(self) -> Relay[T]:
        """Itself, at the first item or at an end without one. Raises a failure that came before any item."""
        await self._begun.wait()
        if self._trouble is not None and not self._some:
            raise self._trouble
        return self

    async def __aiter__(self) -> AsyncIterator[T]:
        while (item := await self._queue.get()) is not None:
            yield item
        if self._trouble is not None:
            raise self._trouble

    async def aclose(self) -> None:
        """The stream is left, wherever it is."""
        self._task.cancel()
        await asyncio.wait([self._task])


async def until_none(queue: asyncio.Queue[T | None]) -> AsyncIterator[T]:
    """What comes through a queue, up to None. Empty pieces are left out."""
    while (each := await queue.get()) is not None:
        if each:
            yield each
