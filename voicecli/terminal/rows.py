"""Who owns the rows of the terminal: results, words on stderr, a bar, an open paragraph, the live screen.

Belongs here: which row is open, and what is redrawn at the bottom. Does not belong here: what is written.

What was printed stays. Only one region below it is redrawn: a bar, a status, a paragraph that is still being written.
Whatever else is written takes the region's place, and the region follows below, once the row is finished. While a
screen (prompt_toolkit's) has the bottom rows, finished rows are handed to it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TextIO

from voicecli.terminal.stdin import entered
from voicecli.terminal.streams import is_pipe, is_terminal
from voicecli.text.clean import clean


class Rows:
    """The rows of the terminal on which `out` and `err` end, one or both. Safe to use from several threads."""

    def __init__(self, columns: Callable[[], int]) -> None:
        self._columns = columns
        self._lock = threading.RLock()
        self._open: list[TextIO] = []  # whose last row is not finished
        self._region: list[str] = []
        self._home: TextIO | None = None  # the region's stream, while there is a region
        self._drawn: list[str] = []
        self._screen: Callable[[str], object] | None = None
        self._shared = False  # another program may write to our terminal: no region any more

    def write(self, stream: TextIO, text: str, *, closed: bool = False, screen: bool = False) -> None:
        """Writes and flushes `text`; raises what the stream raises. `closed`: a person's Enter has ended the row.

        `screen`: it is the screen that writes, which has the rows.
        """
        with self._lock:
            if self._screen is not None and not screen and is_terminal(stream):
                self._screen(text)
                return
            self._shared = self._shared or is_pipe(stream)
            self._erase()
            try:
                self._finish_others(stream)
                stream.write(text)
                stream.flush()
                if text or closed:
                    self._open = [each for each in self._open if each is not stream]
                    self._open += [] if closed or text.endswith("\n") else [stream]
            finally:
                self._draw()

    def is_open(self, stream: TextIO) -> bool:
        """Whether the last row of `stream` is not finished."""
        return any(each is stream for each in self._open)

    def finish(self) -> None:
        """Ends the row of the terminal that is open, whosever it is."""
        with self._lock:
            for each in filter(is_terminal, self._open[:]):
                self.write(each, "\n")

    def show(self, stream: TextIO, rows: Sequence[str]) -> None:
        """Makes `rows` the region below everything that was printed. None of them may be wider than the terminal."""
        with self._lock:
            self._home, self._region = stream, list(rows)
            self._draw()

    def clear(self) -> None:
        """Takes the region away."""
        with self._lock, suppress(OSError, ValueError):
            self._erase()
            self._home, self._region = None, []

    def keep(self) -> None:
        """What the region shows becomes printed rows, as it stands there."""
        with self._lock:
            stream, drawn = self._home, bool(self._drawn)
            self._home, self._region, self._drawn = None, [], []
            if stream is not None and drawn:
                self.write(stream, "\n")

    def shows(self, text: str) -> bool:
        """Whether the region shows just `text`, of ended rows."""
        return bool(self._drawn) and "".join(f"{row}\n" for row in self._drawn) == text

    def taken_by(self, screen: Callable[[str], object] | None) -> None:
        """From now on `screen` prints what is written to a terminal, in finished rows; None gives the rows back."""
        with self._lock:
            if screen is not None:
                self._erase(entered())
                self.clear()
                self.finish()
            self._screen = screen

    def _finish_others(self, stream: TextIO) -> None:
        """Another stream's open row is ended first, where both are on a terminal."""
        for other in self._open[:] if is_terminal(stream) else ():
            if other is not stream and is_terminal(other):
                self._open.remove(other)
                other.write("\n")
                other.flush()

    def _draw(self) -> None:
        """Draws the region where its rows are free; only what changed."""
        if self._home is None or self._screen is not None or self._shared:
            return
        if any(map(is_terminal, self._open)):
            return
        same = 0
        for before, now in zip(self._drawn, self._region, strict=False):
            if before != now:
                break
            same += 1
        if same == len(self._drawn) == len(self._region):
            return
        if self._drawn and same == len(self._drawn) - 1 and self._region[same:] and len(self._region) == same + 1:
            last, now = self._drawn[same], self._region[same]
            if now.startswith(last):
                self._put(now[len(last) :])
                return
        self._put(self._back_to(same) + "\n".join(self._region[same:]))

    def _back_to(self, at: int) -> str:
        """What takes the cursor from the region's end to the beginning of its row `at`, and clears from there."""
        if not self._drawn:
            return ""
        if at == len(self._drawn):
            return "\n"
        above = self._height(self._drawn[at:]) - 1
        return "\r" + (f"\x1b[{above}A" if above > 0 else "") + "\x1b[J"

    def _put(self, text: str) -> None:
        assert self._home is not None
        with suppress(OSError, ValueError):
            self._home.write(text)
            self._home.flush()
        self._drawn = list(self._region)

    def _erase(self, below: int = 0) -> None:
        """Takes the region off the terminal, for what is printed in its place; the cursor is `below` its last row."""
        if not self._drawn or self._home is None:
            return
        back, self._drawn = "\x1b[A" * below + self._back_to(0), []
        self._home.write(back)
        self._home.flush()

    def _height(self, rows: Sequence[str]) -> int:
        """How many rows of the terminal these take: it may have become narrower since they were drawn."""
        from voicecli.text.width import cells

        columns = self._columns()
        return sum(max(1, -(-cells(clean(row)) // columns)) for row in rows)
