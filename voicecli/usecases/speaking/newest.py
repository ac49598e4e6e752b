"""One text at a time, the newest: what an earlier one still says ends.

Belongs here: giving way, and waiting for the floor. Does not belong here: the files (storage.floor), saying.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeVar

from voicecli.errors import task_group
from voicecli.storage.floor import Newest, floor

T = TypeVar("T")


async def newest(say: Callable[[], Coroutine[object, object, T]], folder: Path) -> T | None:
    """What `say` gives; None where something newer took its place. Raises what `say` raises."""
    mark = Newest(folder)
    async with task_group() as tasks:
        speaking = tasks.create_task(_with_floor(say, folder))
        watching = tasks.create_task(mark.replaced())
        await asyncio.wait({speaking, watching}, return_when=asyncio.FIRST_COMPLETED)
        watching.cancel()
        speaking.cancel()
    return None if speaking.cancelled() else speaking.result()


async def _with_floor(say: Callable[[], Coroutine[object, object, T]], folder: Path) -> T:
    async with floor(folder, "voice speak", _waits):
        return await say()


async def _waits(_holder: str) -> None:
    """Nobody is told who speaks now: that process ends soon."""
