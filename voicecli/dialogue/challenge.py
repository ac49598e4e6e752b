"""Speech over a reply: it is ducked at once, paused when confirmed, stopped when the speech lasts or has words.

Belongs here: one such stretch of speech, how it is weighed and what it does to the reply. Does not belong here: when it
begins and pauses (dialogue.floor).
"""

from __future__ import annotations

import re

from voicecli.audio.endpointer import Ended
from voicecli.audio.playout import DUCKED
from voicecli.dialogue.courtesy import Verdict, verdict
from voicecli.dialogue.manners import SpokenWish
from voicecli.dialogue.states import TurnState
from voicecli.dialogue.turn import COSTS_THE_TURN, Turn

CONFIRM_MS, COMMIT_MS = 100.0, 600.0
"""Milliseconds of voice after which the reply pauses, and after which it stops for good.

Of claps, clicks, coughs, music and what an adapted echo canceller leaves of the reply, 100 ms let no more through than
120 ms; and an "mhm" of 120 ms pauses the reply too.
"""
DOUBT = 2.4
"""After each false alarm, the reply pauses only for so many times more speech: the rest of an echo is short."""
TAKE_BACK_S = 2.0
"""Speech this soon after a turn's end means that the end was a mistake."""

_WORDS = (
    "mhm mm mmm hmm hm uh-huh uhhuh aha ah oh uh um er huh yeah yep yes right ok okay sure thanks "
    "嗯 嗯嗯 哦 噢 喔 啊 唔 对 对对 是 是的 好 好的 行 明白 知道了 谢谢 谢谢观看"
)
_BACKCHANNELS = frozenset(_WORDS.split(" "))
_PHRASES = frozenset({"i see", "go on", "thank you", "thanks for watching", "uh huh", "all right"})
_NOT_WORDS = re.compile(r"[^\w\s'-]+")


def is_backchannel(text: str) -> bool:
    """Whether a short utterance over a reply only says "I am listening" ("mhm", "嗯").

    Recognisers (whisper is one) also write "thank you" for a cough, so that counts as a backchannel too.
    """
    words = _NOT_WORDS.sub(" ", text.lower()).split()
    return " ".join(words) in _PHRASES or all(word in _BACKCHANNELS for word in words)


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
        """Whether short speech stops the reply: words do, a cough or a backchannel does not.

        Where the reply asks for a yes, an "ok" is an answer.
        """
        answers = self._asked and verdict(words) is not Verdict.OTHER
        return bool(words) and (answers or not is_backchannel(words))

    def wish(self, words: str) -> SpokenWish | None:
        """What they want of the voice; nothing where they may be the answer to a question."""
        return None if self._asked else self.held.wish(words)

    def fail(self) -> None:
        """A false alarm: the reply goes on from where it was."""
        self.candidate.drop()
        self._fade(1.0)

    def win(self, now: float) -> None:
        """The reply stops. Who goes on with what seemed to be over takes the turn back.

        After a question it is an answer.
        """
        held, self.candidate.candidate, self.candidate.over_reply = self.held, False, True
        soon = held.watch.ended is not None and now - held.watch.ended < TAKE_BACK_S
        if held.attempt is not None and soon and not self._asked:
            self.candidate.prefix = held.take_back()
        elif held.state is not TurnState.DONE:
            held.interrupt("speech")

    @property
    def _asked(self) -> bool:
        return self.held.attempt is not None and self.held.attempt.asked_aloud()

    def _fade(self, gain: float) -> None:
        if self.held.lane is not None and not self.held.paused:
            self.held.lane.fade(gain)
