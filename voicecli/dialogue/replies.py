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

    async def worked() -> None:
        try:
            await work(out.put)
        except Exception as exc:
            await out.put(culprit(exc))
        else:
            await out.put(None)

    async with task_group() as tasks:
        task = tasks.create_task(worked())
        yield _replies(out)
        task.cancel()


async def _replies(out: asyncio.Queue[Reply | BaseException | None]) -> AsyncIterator[Reply]:
    while (each := await out.get()) is not None:
        if isinstance(each, BaseException):
            raise each
        yield each
