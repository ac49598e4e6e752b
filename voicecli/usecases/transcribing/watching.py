"""Recordings that come into a folder: which of them are finished and still have no text.

Belongs here: looking again and again. Does not belong here: where texts go (plan), transcribing (batch), flags.

The folder is polled: disks of a network, folders that a telephone fills and some systems tell of no events.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from pathlib import Path

from voicecli.usecases.transcribing.plan import Job

LOOKS_S = 1.0

State = tuple[int, int]
"""Bytes, and when they were written last (ns)."""


class Arrivals:
    """The jobs of a folder, each given once when it is finished, and again when its recording was changed."""

    def __init__(self, plan: Callable[[], list[Job]]) -> None:
        self._plan = plan
        self._before: dict[Path, State] = {}
        self._given: dict[Path, State] = {}

    def finished(self) -> list[Job]:
        """Those without texts whose recordings are as at the last look, and which nobody is writing."""
        jobs = {path: job for job in self._plan() if (path := job.source.path) and not job.done}
        before, self._before = self._before, {path: state for path in jobs if (state := _state(path))}
        steady = [path for path, state in self._before.items() if state == before.get(path) != self._given.get(path)]
        ready = [path for path in steady if not is_written(path)]
        self._given |= {path: self._before[path] for path in ready}
        return [jobs[path] for path in ready]


def _state(path: Path) -> State | None:
    """None for what is empty, or gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_size, found.st_mtime_ns) if found.st_size else None


def is_written(path: Path) -> bool:
    """Whether a program of this machine has it open for writing, where that can be told (Linux, one's own files)."""
    try:
        import fcntl

        with path.open("rb") as file:
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except (ImportError, AttributeError):  # no Linux
        return False
    except OSError as exc:
        return exc.errno == errno.EAGAIN
    return False


async def watch(plan: Callable[[], list[Job]], work: Callable[[list[Job]], Awaitable[object]]) -> None:
    """Looks until it is cancelled, and works on what has come. Raises what `plan` and `work` raise."""
    arrivals = Arrivals(plan)
    while True:
        if jobs := arrivals.finished():
            await work(jobs)
        await asyncio.sleep(LOOKS_S)
