"""A person at a (pseudo) terminal, who types into the program and reads what it shows.

Belongs here: the terminal and its reader. Does not belong here: shells, job control, what a terminal is left like
(tests.reliability.terminal).
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from voicecli.text.clean import clean

PASTING = "\x1b[?2004h"


class Person:
    """Types at a terminal and reads what it shows."""

    def __init__(self, terminal: int, process: subprocess.Popen[bytes]) -> None:
        self.terminal, self.process = terminal, process
        self.shown, self.mark = "", 0

    def until(self, words: str, seconds: float = 60) -> str:
        """Reads until `words` are shown after what was typed last; returns what was shown since."""
        return clean(self.read(lambda shown: words in clean(shown), repr(words), seconds))

    def prompted(self) -> None:
        """Reads until there is a line to type into: pasting is asked for then."""
        self.read(lambda shown: PASTING in shown, "a prompt", 60)

    def read(self, there: Callable[[str], bool], words: str, seconds: float) -> str:
        deadline = time.monotonic() + seconds
        while not there(shown := self.shown[self.mark :]):
            assert time.monotonic() < deadline, f"never shown: {words} in {clean(shown)!r}"
            if select.select([self.terminal], [], [], 0.1)[0]:
                data = self.next()
                assert data, f"left before it showed {words}: {clean(shown)!r}"
                if b"\x1b[6n" in data:  # a terminal is asked where the cursor is
                    os.write(self.terminal, b"\x1b[1;1R")
                self.shown += data.decode(errors="replace")
        return shown

    def next(self) -> bytes:
        """What the terminal shows next; nothing when its last user has left."""
        try:
            return os.read(self.terminal, 65_536)
        except OSError:
            return b""

    def types(self, text: str) -> None:
        self.mark = len(self.shown)
        os.write(self.terminal, text.encode())

    def says(self, line: str, shown: str) -> str:
        """Types a line and reads on to `shown` and the next prompt; returns what came up to `shown`."""
        self.types(line + "\r")
        found = self.until(shown)
        self.prompted()
        return found

    def leaves(self, keys: str = "") -> int:
        """Types the last of it, if anything, and waits for the program to end; its exit code."""
        if keys:
            self.types(keys)
        self.rest()
        return self.process.wait(timeout=60)

    def rest(self) -> str:
        """All that is shown until the program has left."""
        shown = b"".join(iter(self.next, b""))
        return shown.decode().replace("\r\n", "\n")


@contextmanager
def at_terminal(
    *args: str, env: Mapping[str, str], folder: Path, rows: int = 40, columns: int = 100, keys: bool = False
) -> Iterator[Person]:
    """`voice ARGS` with all three streams on a terminal of its own; killed when the block is left.

    With `keys` a Ctrl-C that is typed is a signal.
    """
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (rows, columns))
    command = [sys.executable, "-m", "voicecli", *args]
    with subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=env,
        cwd=folder,
        start_new_session=True,
        preexec_fn=_take_terminal if keys else None,
    ) as process:
        os.close(theirs)
        try:
            yield Person(ours, process)
        finally:
            process.kill()
            os.close(ours)


def _take_terminal() -> None:
    """stdin becomes the terminal that this process is led by."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
