"""A terminal that shows what a person sees: the final screen, by pyte, of whatever was written.

Belongs here: streams that end on such a terminal, consoles on them. Does not belong here: what is asserted.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence

import pyte
from pyte.screens import Char
from wcwidth import wcwidth

from voicecli.terminal.console import Console

ROWS = 400
BARS = re.compile("[━╺─⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]")
"""What only a bar or a spinner shows."""


def drawable(text: str) -> str:
    """`text` without signs that take no room: pyte takes many of them for the end of what it is given."""
    return "".join(char for char in text if char.isascii() or wcwidth(char))


def _row(line: Mapping[int, Char]) -> str:
    """A wide sign leaves the cell after it without one."""
    return "".join(line[x].data for x in range(max(line, default=-1) + 1)).rstrip()


class Emulator:
    """A screen of so many columns, high enough that nothing scrolls away."""

    def __init__(self, columns: int, rows: int = ROWS) -> None:
        self.screen = pyte.Screen(columns, rows)
        self.screen.set_mode(pyte.modes.LNM)
        self.stream = pyte.Stream(self.screen)

    def feed(self, text: str) -> None:
        self.stream.feed(drawable(text))

    @property
    def rows(self) -> list[str]:
        """The rows from the top to the last one that shows anything."""
        lines = self.screen.buffer  # the screen's own `display` looks at every cell, empty rows included
        shown = [_row(lines[y]) if y in lines else "" for y in range(max(lines, default=-1) + 1)]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    @property
    def text(self) -> str:
        return "\n".join(self.rows)

    @property
    def bare(self) -> str:
        """Everything that is shown, without blanks: words are found wherever rows were broken."""
        return "".join(self.text.split())


class Stream(io.StringIO):
    """A stream that ends on an emulator, or in memory where there is none."""

    def __init__(self, emulator: Emulator | None) -> None:
        super().__init__()
        self.emulator = emulator

    def isatty(self) -> bool:
        return self.emulator is not None

    def write(self, text: str) -> int:
        if self.emulator is not None:
            self.emulator.feed(text)
        return super().write(text)


def console(
    columns: int, *, coloured: bool = False, shared: Sequence[str] = ("out", "err")
) -> tuple[Console, Emulator]:
    """A console of which the streams in `shared` are on one terminal, and that terminal."""
    emulator = Emulator(columns)
    env = {"COLUMNS": str(columns), "TERM": "xterm-256color"} | ({} if coloured else {"NO_COLOR": "1"})
    out, err = (Stream(emulator if name in shared else None) for name in ("out", "err"))
    return Console(env, out, err), emulator
