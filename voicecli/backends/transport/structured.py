"""Work that runs beside a block of code, as a tree: nothing outlives the block it was started for.

Belongs here: helpers over asyncio.TaskGroup that know nothing of services. Does not belong here:
sockets, retries, anything that starts a task without a group that owns it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from voicecli.errors import culprit

T = TypeVar("T")


@asynccontextmanager
async def alongside(*work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Run `work` beside the block. The block's end cancels it; its failure ends the block.

    Raises the single error (see `errors.culprit`), never an ExceptionGroup around one.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(each) for each in work]
            yield
            for task in running:
                task.cancel()
    except BaseExceptionGroup as group:
        error = culprit(group)
        raise error from error.__cause__


async def handed_over(begin: Callable[[Callable[[T], bool]], asyncio.Future[None]]) -> AsyncGenerator[T, None]:
    """The pieces that work on a thread hands over, each as soon as it is made. Raises what the work raises.

    `begin` starts the work. It is given the function that takes a piece and returns whether another one is wanted:
    none is once this generator is closed, and nobody waits for the end of the work then.
    """
    loop, left = asyncio.get_running_loop(), threading.Event()
    queue: asyncio.Queue[T | None] = asyncio.Queue()

    def take(piece: T) -> bool:
        if not left.is_set():
            with suppress(RuntimeError):  # the loop is closed: nobody listens
                loop.call_soon_threadsafe(queue.put_nowait, piece)
        return not left.is_set()

    work = begin(take)
    work.add_done_callback(lambda _: queue.put_nowait(None))
    try:
        while (piece := await queue.get()) is not None:
            yield piece
        await work
    finally:
        left.set()
        work.cancel()
