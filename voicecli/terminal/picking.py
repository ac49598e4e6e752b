"""One of a few things chosen by ear or by level: keys move, and what is chosen at the moment shows itself.

Belongs here: single keys, the rows that are drawn. Does not belong here: what is chosen, and how it sounds.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from voicecli.errors import task_group
from voicecli.text.clean import one_line
from voicecli.text.width import cut

if TYPE_CHECKING:
    from voicecli.terminal.console import Console

BAR = 24
KEYS = "Enter takes it · 1–{last} another · b back · s skip"
UP, DOWN = (b"\x1b[A", b"\x1bOA", b"k"), (b"\x1b[B", b"\x1bOB", b"j")
ENTER, GONE = (b"\r", b"\n"), (b"", b"\x04")

Show = Callable[[int, Callable[[float], None]], Awaitable[str]]
"""Shows a thing by its place: it sounds, or tells its level (0 to 1) until it is cancelled. Returns a word, or ""."""


class BackError(Exception):
    """The person goes back a step."""


class SkipError(Exception):
    """The person leaves this step as it is."""


@contextmanager
def keys() -> Iterator[asyncio.Queue[bytes]]:
    """What is pressed, key by key and not shown. Ctrl-C stays. SkipError: there are no such keys (Windows)."""
    try:
        import termios
        import tty
    except ImportError:
        raise SkipError from None

    number, queue = sys.stdin.fileno(), asyncio.Queue[bytes]()
    loop, before = asyncio.get_running_loop(), termios.tcgetattr(number)

    def take() -> None:
        pressed = os.read(number, 64)
        for each in [pressed] if pressed[:1] in (b"\x1b", b"") else [bytes([byte]) for byte in pressed]:
            queue.put_nowait(each)

    tty.setcbreak(number, termios.TCSANOW)
    loop.add_reader(number, take)
    try:
        yield queue
    finally:
        loop.remove_reader(number)
        with suppress(termios.error):
            termios.tcsetattr(number, termios.TCSANOW, before)


class Picker:
    """A list with a mark that moves: digits and arrows move it, Enter takes, b goes back, s skips."""

    def __init__(self, console: Console, head: str, names: Sequence[str], show: Show) -> None:
        self._console, self._head, self._names, self._show = console, head, names, show
        self._at, self._level, self._word = 0, -1.0, ""

    async def pick(self, now: int | str = "") -> int:
        """The place of what was taken, the mark first at `now`. Raises BackError, SkipError, KeyboardInterrupt."""
        self._at = self._names.index(now) if isinstance(now, str) and now in self._names else 0
        if self._console.err is None:
            raise SkipError
        try:
            with keys() as pressed:
                while (moved := await self._until_moved(pressed)) is not None:
                    self._at = moved
        finally:
            self._console.rows.clear()
        return self._at

    async def _until_moved(self, pressed: asyncio.Queue[bytes]) -> int | None:
        """Lets what is marked show itself until a key leads elsewhere; None: it is taken."""
        async with task_group() as tasks:
            shown = tasks.create_task(self._shown())
            try:
                while (key := await pressed.get()) not in ENTER:
                    if (moved := self._moved(key)) is not None:
                        return moved
                return None
            finally:
                shown.cancel()

    def _moved(self, key: bytes) -> int | None:
        """Where a key leads; None: nowhere."""
        if key in GONE:
            raise KeyboardInterrupt
        if key in (b"b", b"B"):
            raise BackError
        if key in (b"s", b"S"):
            raise SkipError
        if key in UP or key in DOWN:
            return (self._at + (1 if key in DOWN else -1)) % len(self._names)
        if key.isdigit() and 1 <= int(key) <= len(self._names):
            return int(key) - 1
        return self._at if key == b" " else None

    async def _shown(self) -> None:
        self._level, self._word = -1.0, ""
        self._draw()
        self._word = await self._show(self._at, self._moves)
        self._draw()

    def _moves(self, level: float) -> None:
        self._level = level
        self._draw()

    def _draw(self) -> None:
        console = self._console
        if console.err is None:
            return
        width = console.size()[0] - 1
        rows = [console.say(self._head)]
        for at, name in enumerate(self._names):
            mark = "›" if at == self._at else " "
            rows.append(f"{mark} {at + 1}  {one_line(name)}")
        rows.append(self._foot())
        console.rows.show(console.err, [cut(row, width) for row in rows])

    def _foot(self) -> str:
        told = f"  {bar(self._level)}" if self._level >= 0 else f"  {self._word}" if self._word else ""
        keys = self._console.say(KEYS).format(last=len(self._names))
        return f"  {keys}{told}"


def bar(level: float) -> str:
    """A level from 0 to 1."""
    full = round(BAR * max(0.0, min(1.0, level)))
    return "▮" * full + "·" * (BAR - full)
