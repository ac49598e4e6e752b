"""Barge-in: what speech over a reply must be to stop it. Pure.

Belongs here: the thresholds, from words to a judgement. Does not belong here: acting on it (dialogue.challenge).
"""

from __future__ import annotations

import re

from voicecli.dialogue.courtesy import Verdict, verdict

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


def interrupts(words: str, *, asked: bool) -> bool:
    """Whether short speech stops the reply: words do, a cough or a backchannel does not.

    `asked`: the reply asks for a yes. An "ok" is then an answer.
    """
    if not words:
        return False
    return not is_backchannel(words) or (asked and verdict(words) is not Verdict.OTHER)


def takes_back(now: float, ended: float | None, *, asked: bool) -> bool:
    """Whether speech over a reply goes on with the turn that `ended` (clock, s). After a question it is an answer."""
    return ended is not None and now - ended < TAKE_BACK_S and not asked
