"""One speaker at a time between the processes of a person: who has the floor, and who is the newest.

Belongs here: the two files. Does not belong here: speaking, how long to wait.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

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


class Newest:
    """Who speaks last: `replaced` once somebody newer wants to."""

    def __init__(self, folder: Path) -> None:
        _make(folder)
        self._path, self._mark = folder / "newest", secrets.token_hex(8)
        self._path.write_text(self._mark, encoding="utf-8")

    async def replaced(self) -> None:
        """Returns once somebody newer wants to speak."""
        while _read(self._path) in (self._mark, ""):  # noqa: ASYNC110 - another process tells by a file
            await asyncio.sleep(LOOKS_S)


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def _read(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")[:LONGEST_NAME]
    return ""
