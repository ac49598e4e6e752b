"""One recorder of dictation at a time, for hot keys: who holds the microphone, since when, and what it wrote.

Belongs here: the lock, the number of its process, its files. Does not belong here: recording, signals' meaning.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from voicecli.errors import UsageError
from voicecli.storage.atomic import private_folder, taken

POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Recorder:
    """The recorder whose files are in `folder`. Where there are no locks, nobody is ever found to record."""

    folder: Path

    @property
    def text(self) -> Path:
        """What the recorder that was started in the background writes."""
        return self.folder / "dictation.txt"

    @property
    def trouble(self) -> Path:
        """What it says on stderr."""
        return self.folder / "dictation.log"

    @property
    def _lock(self) -> Path:
        return self.folder / "dictation.lock"

    @contextmanager
    def held(self) -> Iterator[None]:
        """This process records. Raises UsageError: another one does."""
        private_folder(self.folder)
        with taken(self._lock) as got:
            if got is False:
                raise UsageError("a dictation is going on already", cure="End it: voice dictate stop")
            self._lock.write_text(f"{os.getpid()}\n")
            try:
                yield
            finally:
                self._lock.write_text("")

    def process(self) -> int:
        """The number of the process that records; 0: nobody does."""
        with suppress(OSError, ValueError), taken(self._lock, make=False) as got:
            if got is False:
                return int(self._lock.read_text() or 0)
        return 0

    def since(self) -> float:
        """For how many seconds it has been recording."""
        return max(0.0, time.time() - self._lock.stat().st_mtime)

    def ended(self, within_s: float) -> bool:
        """Waits until nobody records."""
        until = time.monotonic() + within_s
        while self.process():
            if time.monotonic() > until:
                return False
            time.sleep(POLL_S)
        return True
