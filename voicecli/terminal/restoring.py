"""The person's terminal: as it was when we came, whenever we stop or leave.

Belongs here: its line settings, the modes that we (or Rich, or prompt_toolkit) switch on, the signals that stop or end
a program. Does not belong here: what is shown. On Windows there is nothing to do: consoles put themselves right.

Who changes the terminal puts it back on the ways out that it knows. This is for the others: SIGTERM and SIGHUP while
nothing asynchronous runs, signals that end a program on the spot (SIGQUIT, SIGUSR1 …), and being stopped (Ctrl-Z, or
SIGTSTP from elsewhere) in the middle of anything. What is ended on the spot leaves no core: keys stand in the memory.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

PLAIN = b"\x1b[?25h\x1b[?2004l\x1b[0m"
"""The cursor is seen, what is pasted comes without marks, no colour."""
MARKED = b"\x1b[?2004h"
ABRUPT = ("SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGXCPU", "SIGALRM", "SIGVTALRM", "SIGPROF")
"""Signals whose end is the program's, without a way out."""


@contextmanager
def kept() -> Iterator[None]:
    """For the whole program: its terminal, if it has one, is put back however it is left or stopped."""
    _leave_no_core()
    terminal = _terminal()
    _handle(_leave, "SIGTERM", "SIGHUP")
    if terminal is None:
        yield
        return
    keeper = _Keeper(terminal)
    keeper.hide_control_keys()
    _handle(keeper.stop, "SIGTSTP")
    _handle(keeper.end, *ABRUPT)
    try:
        yield
    finally:
        keeper.put_back()


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    """Unwinds what runs, so that everybody puts back what they changed."""
    raise SystemExit(128 + number)


def _handle(handler: Callable[[int, FrameType | None], None], *names: str) -> None:
    """Sets the handler of those signals that this system has, and nobody has us ignore (as under nohup)."""
    for name in names:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, handler)


def _leave_no_core() -> None:
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _terminal() -> int | None:
    """The descriptor of the terminal that we are on."""
    if os.name == "nt":
        return None
    for number in (0, 2, 1):
        with suppress(OSError):
            if os.isatty(number):
                return number
    return None


class _Keeper:
    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._before = self._usual = self._settings()

    def _settings(self) -> list[Any] | None:
        import termios

        try:
            return termios.tcgetattr(self._terminal)
        except (termios.error, OSError):  # it went away
            return None

    def _set(self, settings: Any) -> None:
        """Who is in the background would be stopped for this: it is not theirs to put right then."""
        import termios

        asked = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            with suppress(termios.error, OSError):
                if os.tcgetpgrp(self._terminal) == os.getpgrp():
                    termios.tcsetattr(self._terminal, termios.TCSANOW, settings)
        finally:
            signal.signal(signal.SIGTTOU, asked)

    def hide_control_keys(self) -> None:
        """Ctrl-C shows no ^C in the middle of what is printed; only where no other program shares the terminal."""
        import termios

        if self._before is not None and os.isatty(1) and os.isatty(2):
            self._usual = [*self._before]
            self._usual[3] &= ~termios.ECHOCTL
            self._set(self._usual)

    def _write(self, data: bytes) -> None:
        with suppress(OSError):
            if os.isatty(2) and os.tcgetpgrp(2) == os.getpgrp():
                os.write(2, data)

    def put_back(self) -> None:
        """Restores the line settings where they were changed, and the modes that a screen has switched on."""
        now = self._settings()
        if now is not None and now != self._before:
            self._set(self._before)
        if now not in (None, self._before, self._usual):
            self._write(PLAIN)

    def end(self, number: int, _frame: FrameType | None) -> None:
        """The terminal is put back, then the signal does what it does."""
        if self._before is not None:
            self._set(self._before)
        self._write(PLAIN)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def stop(self, number: int, _frame: FrameType | None) -> None:
        """The shell gets its terminal back; on SIGCONT the program finds its own, and draws itself anew."""
        ours = self._settings()
        if self._before is not None:
            self._set(self._before)
        self._write(PLAIN)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, self.stop)
        if ours not in (None, self._before):
            self._set(ours)
        if ours not in (None, self._before, self._usual):
            self._write(MARKED)
        os.kill(os.getpid(), signal.SIGWINCH)
