"""How much speech over a reply weighs: it is paused when confirmed, stopped when it lasts or has words. Pure.

Belongs here: from milliseconds of speech and from words to a judgement. Does not belong here: to act on it
(dialogue.challenge).
"""

from __future__ import annotations

from enum import Enum, auto

from voicecli.dialogue.backchannel import is_backchannel
from voicecli.dialogue.courtesy import Verdict, verdict

CONFIRM_MS, COMMIT_MS = 100.0, 600.0
"""Voiced for so long, the reply pauses; for so long, it stops for good. Of claps, clicks, coughs, music and what an
adapted canceller leaves of the reply, 100 ms let no more through than 120; an "mhm" of 120 ms pauses it too."""
DOUBT = 2.4
"""So many times as much after each false alarm."""
TAKE_BACK_S = 2.0
"""Speech this soon after a turn's end means that the end was a mistake."""


class Weight(Enum):
    """How much speech over a reply weighs."""

    LITTLE = auto()
    PAUSES = auto()
    STOPS = auto()


def weigh(voiced_ms: float, alarms: int) -> Weight:
    """After a false alarm, a pause needs more speech for the rest of the reply: an echo's rest is short."""
    if voiced_ms >= COMMIT_MS:
        return Weight.STOPS
    return Weight.PAUSES if voiced_ms >= CONFIRM_MS * DOUBT**alarms else Weight.LITTLE


def interrupts(words: str, *, asked: bool) -> bool:
    """Whether short speech stops the reply: words do, a cough or "mhm" does not.

    `asked`: the reply asks for a yes. "ok" is then not the sign of somebody who listens.
    """
    if not words:
        return False
    return not is_backchannel(words) or (asked and verdict(words) is not Verdict.OTHER)


def takes_back(now: float, ended: float | None, *, asked: bool) -> bool:
    """Whether who speaks over a reply goes on with a turn that seemed to have `ended`. Who was asked answers."""
    return ended is not None and now - ended < TAKE_BACK_S and not asked
