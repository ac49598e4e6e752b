"""How far something is: a line that says what, how much of how much, how fast and how long still.

Belongs here: the words of the line, pure; the thread that keeps it moving. Does not belong here: where it is drawn.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from voicecli.text.width import cells, cut

TICK_S = 0.1
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
LEAST_BAR = 8
_MOST_BAR = 40
_TELLS_AFTER_S = 1.0
"""From then on the line tells for how long it has been working."""
_STEADY_S = 2.0
"""So long it measures before it says how long it will still take."""


@dataclass(slots=True)
class Progress:
    """`done` of `total`, in seconds of sound (`unit` "s") or in anything else; the clock's seconds since it began."""

    label: str
    total: float | None = None
    unit: str = ""
    done: float = 0.0

    def row(self, columns: int, since: float) -> str:
        """The line, at most `columns` wide."""
        wheel = SPINNER[int(since / TICK_S) % len(SPINNER)]
        if not self.total:
            told = f"  {clock(since)}" if since >= _TELLS_AFTER_S else ""
            return f"{wheel} {cut(self.label, columns - cells(told) - 2)}{told}"
        share = self.share or 0.0
        figures = " · ".join(self._figures(share, since))
        room = columns - cells(figures) - 6
        label = cut(self.label, max(8, room // 2))
        width = min(_MOST_BAR, room - cells(label))
        middle = f"  {drawn(share, width)}" if width >= LEAST_BAR else ""
        return cut(f"{wheel} {label}{middle}  {figures}", columns)

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where nobody knows the whole."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total else None

    def _figures(self, share: float, since: float) -> list[str]:
        assert self.total is not None
        timed = self.unit == "s"
        told = [f"{clock(self.done)} of {clock(self.total)}" if timed else f"{share:.0%}"]
        if since >= _STEADY_S and share > 0:
            told += [f"{self.done / since:.0f}×"] if timed and self.done >= since else []
            told.append(f"{clock(since / share - since)} left")
        return told


def drawn(share: float, width: int) -> str:
    """A bar of `width` cells."""
    full = int(share * width)
    head = "╺" if full < width else ""
    return "━" * full + head + "─" * (width - full - len(head))


def clock(seconds: float) -> str:
    """`0:07`, `12:30`, `1:02:03`."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


class Ticker:
    """Calls `draw(seconds since it began)` ten times a second until the block is left, from `after` seconds on."""

    def __init__(self, draw: Callable[[float], object], after: float = 0.0) -> None:
        self._draw, self._after, self._over = draw, after, threading.Event()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True, name="voice-progress")

    def __enter__(self) -> Ticker:
        if not self._after:
            self._draw(0.0)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def since(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    def _run(self) -> None:
        if self._over.wait(self._after):
            return
        while not self._over.wait(TICK_S):
            self._draw(self.since)
