"""Work that runs beside a block of code, as a tree: nothing outlives the block it was started for.

Belongs here: helpers over asyncio.TaskGroup that know nothing of services. Does not belong here:
sockets, retries, anything that starts a task without a group that owns it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

from voicecli.errors import culprit


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
