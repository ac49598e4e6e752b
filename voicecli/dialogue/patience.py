"""How long a person pauses inside turns, kept for the conversation, and how patient that makes it. Pure.

Belongs here: from pauses to one factor on the waits. Does not belong here: how long to wait for which text
(dialogue.parts), when somebody pauses (audio.endpointer).

Measured (docs/performance.md, `benchmarks/cutoffs.py`): who pauses is cut off half as often as with fixed waits,
who never pauses waits a sixth less. How loud, how high and how falling a voice ends tells nothing: of 619 spoken
commands' pauses and ends that read complete, each sorts 50 to 65 pairs in 100.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

LEAST, MOST = 0.84, 1.25
"""Bounds of the factor on the waits that are configured."""
STEP = 0.04
"""The factor falls by at most so much with each turn."""
MARGIN_MS = 100.0
"""A wait is at least so much longer than the longest pause of the last turns."""
TURNS = 12
LEAST_VOICED_MS = 500.0
"""Shorter turns have no room for a pause."""
LONGEST_MS = 2000.0
"""Whoever says nothing for longer has finished."""


@dataclass(slots=True)
class Patience:
    """`shortest_ms` is the shortest wait that is set: no pause of the last turns may outlast it."""

    shortest_ms: float
    _now: float = 0.0
    _turns: deque[float] = field(default_factory=lambda: deque(maxlen=TURNS))
    _count: int = 0

    def paused(self, ms: float) -> None:
        """The person went on after a silence that might have been the end."""
        if ms <= LONGEST_MS:
            self._now = max(self._now, ms)

    def ended(self, voiced_ms: float) -> None:
        """A turn of so much speech is over."""
        if self._now or voiced_ms >= LEAST_VOICED_MS:
            self._turns.append(self._now)
            self._count += 1
        self._now = 0.0

    @property
    def factor(self) -> float:
        """What the waits are multiplied with."""
        least = max(LEAST, 1 - STEP * self._count)
        return min(MOST, max(least, (max(self._turns, default=0.0) + MARGIN_MS) / self.shortest_ms))
