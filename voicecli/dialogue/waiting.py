"""How long an utterance's end is waited for: by what was said, by the assistant's question, by how the person pauses.

Belongs here: from words and pauses to the endpointer's waits. Does not belong here: the rules (dialogue.parts), what is
learnt of pauses (dialogue.patience), turns (dialogue.floor).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from voicecli.audio.endpointer import START_MS, Endpointer, Event
from voicecli.dialogue.history import History
from voicecli.dialogue.manners import asks
from voicecli.dialogue.parts import Rules
from voicecli.dialogue.patience import Patience
from voicecli.dialogue.turn import Turn
from voicecli.types import AudioFrame


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
