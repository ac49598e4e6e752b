"""How long an utterance's end is waited for: by what was said, by the assistant's question, by how the person pauses.

Belongs here: from words and pauses to the endpointer's waits, and how patient the pauses of a conversation make them.
Does not belong here: the rules (dialogue.parts), when somebody pauses (audio.endpointer), turns (dialogue.floor).

Measured (docs/performance.md, `benchmarks/cutoffs.py`): who pauses is cut off half as often as with fixed waits,
who never pauses waits a sixth less. How loud, how high and how falling a voice ends tells nothing: of 619 spoken
commands' pauses and ends that read complete, each sorts 50 to 65 pairs in 100.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from voicecli.audio.endpointer import START_MS, Endpointer, Event
from voicecli.dialogue.history import History
from voicecli.dialogue.manners import asks
from voicecli.dialogue.parts import Rules
from voicecli.dialogue.turn import Turn
from voicecli.types import AudioFrame

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


class Waiting:
    """Sets the endpointer's waits. `take` gets the events of a wait that is over as soon as it is set."""

    def __init__(
        self, endpointer: Endpointer, rules: Rules, history: History, take: Callable[[Sequence[Event]], None]
    ) -> None:
        self._endpointer, self._rules, self._history, self._take = endpointer, rules, history, take
        self._patience = Patience(rules.end_ms_min)
        self.paused = self._patience.paused
        self._dangles = False

    def begin(self) -> None:
        """A pause begins; its words are not known."""
        self._dangles = False

    def goes_on(self, turn: Turn, frames: Sequence[AudioFrame]) -> None:
        """The person goes on after a silence. Its length is learnt, except after words that dangle."""
        if (since := turn.watch.last_voiced) is not None and frames and not (turn.candidate or self._dangles):
            began = frames[-1].at + frames[-1].seconds - START_MS / 1000
            self.paused((began - since) * 1000)

    def learn(self, voiced_ms: float) -> None:
        """A turn is over: fits the next waits to its pauses. The wait while words are unknown never becomes shorter."""
        if self._rules.learns:
            self._patience.ended(voiced_ms)
            timing = self._rules.timing
            self._endpointer.timing = replace(timing, end_ms=timing.end_ms * max(1.0, self._patience.factor))

    async def by_words(self, turn: Turn, segment: int) -> None:
        """Sets the wait by the guess at the turn's words first, then by the final words."""
        attempt = turn.attempt
        while attempt is not None:
            if attempt.wanted.guess:
                self.told(segment, attempt.wanted.guess)
            words = await attempt.known
            attempt = turn.attempt if turn.attempt is not attempt else None
            if attempt is None:
                self.told(segment, words)

    def told(self, segment: int, words: str) -> None:
        """Sets the wait by the words of a segment."""
        rules, asked = self._rules, asks(self._history.last_reply)
        self._dangles = segment == self._endpointer.segment and not rules.may_be_over(words)
        factor = self._patience.factor if rules.learns else 1.0
        self._take(self._endpointer.heard(segment, rules.wait_ms(words, asked=asked, factor=factor)))
