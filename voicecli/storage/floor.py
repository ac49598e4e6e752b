"""One speaker at a time between the processes of a person: who has the floor, and who is the newest.

Belongs here: the two files, waiting for the floor, giving way. Does not belong here: speaking.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from voicecli.errors import task_group

T = TypeVar("T")

LOOKS_S = 0.1
"""How often somebody who waits looks again."""
LONGEST_NAME = 80

Told = Callable[[str], Awaitable[object]]


@asynccontextmanager
async def floor(folder: Path, name: str, waits: Told) -> AsyncIterator[None]:
    """Yields when nobody else speaks; whoever has to wait is told who does, through `waits`, each time that changes.

    The lock of a process that was killed is free. Raises OSError where the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    _make(folder)
    lock, sign = FileLock(folder / "floor.lock"), folder / "floor.name"
    known: str | None = None
    while True:
        try:
            lock.acquire(timeout=0)
            break
        except Timeout:
            if (holder := _read(sign)) != known:
                known = holder
                await waits(holder or "another program")
            await asyncio.sleep(LOOKS_S)
    try:
        sign.write_text(name[:LONGEST_NAME], encoding="utf-8")
        yield
    finally:
        lock.release()


async def newest(say: Callable[[], Coroutine[object, object, T]], folder: Path) -> T | None:
    """What `say` gives, which an earlier one gives way to; None where something newer took its place.

    Raises what `say` raises, and OSError where the folder cannot be written.
    """
    _make(folder)
    path, mark = folder / "newest", secrets.token_hex(8)
    path.write_text(mark, encoding="utf-8")
    async with task_group() as tasks:
        speaking = tasks.create_task(_with_floor(say, folder))
        watching = tasks.create_task(_replaced(path, mark))
        await asyncio.wait({speaking, watching}, return_when=asyncio.FIRST_COMPLETED)
        watching.cancel()
        speaking.cancel()
    return None if speaking.cancelled() else speaking.result()


async def _with_floor(say: Callable[[], Coroutine[object, object, T]], folder: Path) -> T:
    async with floor(folder, "voice speak", _waits):
        return await say()


async def _waits(_holder: str) -> None:
    """Nobody is told who speaks now: that process ends soon."""


async def _replaced(path: Path, mark: str) -> None:
    """Returns once somebody newer wants to speak."""
    while _read(path) in (mark, ""):  # noqa: ASYNC110 - another process tells by a file
        await asyncio.sleep(LOOKS_S)


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")[:LONGEST_NAME]
    return ""
