"""What a person types or pipes into the program.

Belongs here: reading stdin, whole or a line of a terminal. Does not belong here: the line editor of `voice chat`.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

from voicecli.terminal.streams import is_pipe, is_terminal
from voicecli.text.decoding import as_text, taken


class StandardInput:
    """stdin as commands use it."""

    nothing_came = False

    @property
    def in_is_terminal(self) -> bool:
        return is_terminal(sys.stdin)

    def piped_bytes(self) -> bytes:
        """All of stdin when something was piped or redirected into it, else nothing. InputError: it is too much."""
        if sys.stdin is None or self.in_is_terminal:
            return b""
        return taken(sys.stdin.buffer.read, "stdin")

    def piped_text(self) -> str:
        """All of stdin as text. Raises InputError when it is no text. `nothing_came` tells of a pipe without any."""
        data = self.piped_bytes()
        self.nothing_came = not data and is_pipe(sys.stdin)
        return as_text(data, "stdin")


async def typed(terminal: TextIO) -> str:
    """A line of the terminal, without a thread: one that waits for a line could not be left."""
    import asyncio

    loop, found = asyncio.get_running_loop(), asyncio.Event()
    number = terminal.fileno()
    try:
        loop.add_reader(number, found.set)
    except NotImplementedError:  # Windows
        return str(await asyncio.to_thread(terminal.readline))
    try:
        await found.wait()
    finally:
        loop.remove_reader(number)
    return os.read(number, 4096).decode("utf-8", "replace")


def forget_typed(terminal: TextIO) -> None:
    """What was typed before a question is no answer to it."""
    try:
        import termios
    except ImportError:  # Windows
        return
    with suppress(termios.error, OSError):
        termios.tcflush(terminal.fileno(), termios.TCIFLUSH)


def entered() -> bool:
    """Whether a person has ended a line that nobody has read: the cursor is a row lower for it."""
    try:
        import fcntl
        import termios

        waiting = fcntl.ioctl(sys.stdin.fileno(), termios.FIONREAD, bytes(4))
        return is_terminal(sys.stdin) and any(waiting)
    except (ImportError, AttributeError, OSError, ValueError):  # Windows; no stdin
        return False
