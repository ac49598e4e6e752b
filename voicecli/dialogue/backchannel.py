"""The small sounds of somebody who listens: they are no interruption. Pure text: word lists only."""

from __future__ import annotations

import re

_WORDS = (
    "mhm mm mmm hmm hm uh-huh uhhuh aha ah oh uh um er huh yeah yep yes right ok okay sure thanks "
    "嗯 嗯嗯 哦 噢 喔 啊 唔 对 对对 是 是的 好 好的 行 明白 知道了 谢谢 谢谢观看"
)
BACKCHANNELS = frozenset(_WORDS.split(" "))
_PHRASES = frozenset({"i see", "go on", "thank you", "thanks for watching", "uh huh", "all right"})
_NOT_WORDS = re.compile(r"[^\w\s'-]+")


def is_backchannel(text: str) -> bool:
    """Whether a short utterance over a reply only says "I am listening" ("mhm", "嗯").

    Recognisers also make "thank you" of a cough (whisper does), so that counts as no word either.
    """
    words = _NOT_WORDS.sub(" ", text.lower()).split()
    return " ".join(words) in _PHRASES or all(word in BACKCHANNELS for word in words)
