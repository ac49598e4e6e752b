"""Speech over a reply: it is ducked at once, paused when confirmed, stopped when the speech lasts or has words.

Belongs here: one such stretch of speech and what it does to the reply. Does not belong here: when it begins and pauses
(dialogue.floor), how much weighs what (dialogue.bargein).
"""

from __future__ import annotations

from voicecli.audio.endpointer import Ended
from voicecli.audio.playout import DUCKED
from voicecli.dialogue.bargein import COMMIT_MS, CONFIRM_MS, DOUBT, interrupts, takes_back
from voicecli.dialogue.manners import SpokenWish
from voicecli.dialogue.states import TurnState
from voicecli.dialogue.turn import COSTS_THE_TURN, Turn


class Challenge:
    """`candidate` speaks over the reply of the turn that `held` the floor; it either wins or fails.

    `ended`: the person is done, but whether it was an interruption is not known yet.
    """

    def __init__(self, held: Turn, candidate: Turn) -> None:
        self.held, self.candidate = held, candidate
        self.ended: Ended | None = None
        self._fade(DUCKED)

    def stands(self, voiced_ms: float) -> bool:
        """Whether so much speech stops the reply for good; less of it pauses the reply."""
        if CONFIRM_MS * DOUBT**self.held.alarms <= voiced_ms < COMMIT_MS:
            self._fade(0.0)
        return voiced_ms >= COMMIT_MS

    async def words(self) -> str:
        """The words of the person who paused."""
        try:
            return (await self.candidate.answerer.text()).text
        except COSTS_THE_TURN:
            return ""

    def interrupts(self, words: str) -> bool:
        """Whether these words stop the reply."""
        return interrupts(words, asked=self._asked)

    def wish(self, words: str) -> SpokenWish | None:
        """What they want of the voice; nothing where they may be the answer to a question."""
        return None if self._asked else self.held.wish(words)

    def fail(self) -> None:
        """A false alarm: the reply goes on from where it was."""
        self.candidate.drop()
        self._fade(1.0)

    def win(self, now: float) -> None:
        """The reply stops. Who goes on with what seemed to be over takes the turn back."""
        held, self.candidate.candidate, self.candidate.over_reply = self.held, False, True
        if held.attempt is not None and takes_back(now, held.watch.ended, asked=self._asked):
            self.candidate.prefix = held.take_back()
        elif held.state is not TurnState.DONE:
            held.interrupt("speech")

    @property
    def _asked(self) -> bool:
        return self.held.attempt is not None and self.held.attempt.asked_aloud()

    def _fade(self, gain: float) -> None:
        if self.held.lane is not None and not self.held.paused:
            self.held.lane.fade(gain)
