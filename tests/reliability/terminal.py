"""A person's terminal and shell, for tests: a pseudo-terminal, and a shell that runs one program in the foreground.

As a shell does, the program gets a process group of its own and the terminal; when it stops, the shell has the
terminal again, and `fg` gives it back. What the terminal's settings are, and what was written to it, can be seen.

Belongs here: the terminal, its state, the shell. Does not belong here: what is run, what is asserted.
"""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

# A shell of a few lines: it tells on a pipe when its job stops and how it ends, and takes "fg" on another.
SHELL = r"""
import fcntl, os, signal, sys, termios
told, asked = int(sys.argv[1]), int(sys.argv[2])
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = os.fork()
if not job:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.closerange(3, 50)
    os.execv(sys.argv[3], sys.argv[3:])
os.write(told, b"pid %d\n" % job)
while True:
    _, status = os.waitpid(job, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        break
    os.tcsetpgrp(0, os.getpgrp())
    os.write(told, b"stopped\n")
    os.read(asked, 1)
    os.tcsetpgrp(0, job)
    os.killpg(job, signal.SIGCONT)
os.write(told, b"ended %d\n" % os.waitstatus_to_exitcode(status))
os.read(asked, 1)
"""

MODES = {b"?25": True, b"?1049": False, b"?1047": False, b"?47": False, b"?2004": False, b"?1": False, b"?1000": False}
"""Modes of a terminal that programs change, and how a shell wants to find them (True: on)."""


class Terminal:
    """Runs `command` on a terminal of its own. `shown` is all that it wrote there."""

    def __init__(self, command: list[str], env: dict[str, str], folder: Any) -> None:
        self.ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 80))
        self.before = termios.tcgetattr(self.ours)
        self.shown = b""
        self.told, told = os.pipe()
        asked, self.asked = os.pipe()
        self.shell = subprocess.Popen(
            [sys.executable, "-c", SHELL, str(told), str(asked), *command],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=env | {"TERM": "xterm-256color"},
            cwd=folder,
            pass_fds=(told, asked),
        )
        for each in (theirs, told, asked):
            os.close(each)
        self.words = b""
        self.pid = int(self.word("pid"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in (self.pid, self.shell.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.shell.wait()
        for each in (self.ours, self.told, self.asked):
            os.close(each)

    # -- what happens --------------------------------------------------------------------------------

    def until(self, what: Callable[[str], Any], seconds: float = 60) -> None:
        """Reads what is shown until `what(text)` is true."""
        deadline = time.monotonic() + seconds
        while not what(self.text):
            assert time.monotonic() < deadline, self.text[-2000:]
            self.read(0.05)

    @property
    def text(self) -> str:
        return self.shown.decode("utf-8", "replace")

    def read(self, seconds: float) -> None:
        ready, _, _ = select.select([self.ours], [], [], seconds)
        if ready:
            try:
                self.shown += os.read(self.ours, 65536)
            except OSError:
                return

    def pass_time(self, seconds: float) -> None:
        """Lets the program go on for so long: the moment of a signal is what is tried."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.read(left)

    def press(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def close(self) -> None:
        """Its window: the shell and the program are told by SIGHUP."""
        with Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), self.ours)

    def stopped(self) -> None:
        self.word("stopped")

    def fg(self) -> None:
        os.write(self.asked, b"f")

    def leave(self) -> int:
        """Ctrl-D until it has ended: one that is pressed before it is at work again is the terminal's."""
        for _ in range(10):
            self.press(b"\x04")
            with contextlib.suppress(AssertionError):
                return int(self.word("ended", 2))
        return self.ended()

    def ended(self) -> int:
        """Waits for the program's end; its exit code, negative for a signal."""
        return int(self.word("ended"))

    def word(self, name: str, seconds: float = 60) -> str:
        deadline = time.monotonic() + seconds
        while not (found := re.search(rf"^{name} ?(-?\d*)\n".encode(), self.words, re.MULTILINE)):
            assert time.monotonic() < deadline, f"never {name}: {self.text[-2000:]}"
            ready, _, _ = select.select([self.told, self.ours], [], [], 0.05)
            if self.told in ready:
                self.words += os.read(self.told, 4096)
            if self.ours in ready:
                self.read(0)
        self.words = self.words[found.end() :]
        return found.group(1).decode()

    # -- how it is left ------------------------------------------------------------------------------

    def faults(self) -> list[str]:
        """What is not as a shell wants to find it."""
        self.pass_time(0.05)
        found = []
        if termios.tcgetattr(self.ours) != self.before:
            found.append("the line settings are others")
        for mode, wanted in MODES.items():
            changes = re.findall(rb"\x1b\[" + re.escape(mode) + rb"([hl])", self.shown)
            if changes and (changes[-1] == b"h") != wanted:
                found.append(f"mode {mode.decode()} is {'on' if changes[-1] == b'h' else 'off'}")
        pushed, popped = self.shown.count(b"\x1b[>3u"), self.shown.count(b"\x1b[<u")
        if pushed > popped:
            found.append("the keyboard protocol is still on")
        colours = re.findall(rb"\x1b\[([0-9;]*)m", self.shown)
        if colours and colours[-1] not in (b"", b"0", b"39", b"0;39;49"):
            found.append(f"colour {colours[-1].decode()} is still on")
        return found
