"""An answer that is made by work of its own, as the stream that `ports.Answerer.turn` promises.

Belongs here: the task beside the stream, and how its failure comes out last. Does not belong here: making answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from voicecli.errors import culprit, task_group
from voicecli.types.turns import Reply

Put = Callable[[Reply], Awaitable[None]]


@asynccontextmanager
async def answered(work: Callable[[Put], Awaitable[None]]) -> AsyncIterator[AsyncIterator[Reply]]:
    """What `work` puts out; what it raises comes after all that. Leaving the block cancels it."""
    out: asyncio.Queue[Reply | BaseException | None] = asyncio.Queue(maxsize=1)
    left = False

    async def worked() -> None:
        end: BaseException | None = None
        try:
            await work(out.put)
        except Exception as exc:
            end = culprit(exc)
        if not left:  # else nobody makes room for it, and leaving would wait for ever
            await out.put(end)

    async with task_group() as tasks:
        task = tasks.create_task(worked())
        try:
            yield _replies(out)
        finally:
            left = True
            task.cancel()


async def _replies(out: asyncio.Queue[Reply | BaseException | None]) -> AsyncIterator[Reply]:
    while (each := await out.get()) is not None:
        if isinstance(each, BaseException):
            raise each
        yield each
