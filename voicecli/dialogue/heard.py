"""How much of a reply's words was heard, from how much of its sound was: stretch by stretch. Pure.

Belongs here: words that were known before their sound came, and words that come while it does. Does not belong here:
what is remembered of them (dialogue.history), playing.

A service that hears and speaks sends words and sound side by side, the words as a rule ahead of their sound: all of
them at once, or each just before it is heard. So a word does not sound before it has come, nor before those that came
earlier have sounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from voicecli.dialogue.history import cut_text, cut_to_heard
from voicecli.text.join import joined

BYTE_S = 0.06
"""Seconds that a byte of text takes to say, in any script (UTF-8), until the end of the sound is known."""
_HALVINGS = 24


@dataclass(slots=True)
class HeardStretch:
    """`words` with the samples of the stretch that had come before them. `follows`: they came while it sounded.

    `whole`: its `samples` are all there will be.
    """

    words: list[tuple[str, int]]
    follows: bool = False
    samples: int = 0
    whole: bool = False

    def expected(self, rate: int) -> int:
        """How many samples there will be, about: those that have come may be half of it. None are none."""
        size = sum(_bytes(text) for text, _ in self.words)
        return self.samples if self.whole or not self.samples else max(self.samples, round(BYTE_S * rate * size))


def heard_until(stretches: Sequence[HeardStretch], played: int, rate: int) -> str:
    """The words that were heard after `played` samples of all stretches, at `rate`."""
    heard: list[str] = []
    for each in stretches:
        if each.follows:
            heard.append(words_until(each.words, each.samples if each.whole else 0, played, BYTE_S * rate))
        else:
            heard.append(cut_to_heard([("".join(text for text, _ in each.words), each.expected(rate))], played))
        if (played := played - each.samples) < 0:
            break
    return joined(heard)


def words_until(words: Sequence[tuple[str, int]], total: int, played: int, per_byte: float) -> str:
    """The words of one stretch that came piece by piece, each with the samples before it.

    Said evenly to the end of `total` samples; 0: that is not known, and `per_byte` samples are taken for each byte, or
    as many as the pieces were apart. A word counts once what follows it may sound.
    """
    if total and played >= total:
        return "".join(text for text, _ in words)
    heard, at, pace = "", 0.0, _pace(words, total, per_byte) if words else 0.0
    for text, came in words:
        at = max(at, float(came))
        size = _bytes(text) * pace
        if at + size > played:
            return cut_text(heard + text, len(heard) + max(0.0, len(text) * (played - at) / size - 1))
        heard, at = heard + text, at + size
    return heard


def _pace(words: Sequence[tuple[str, int]], total: int, per_byte: float) -> float:
    """Samples a byte: those that make the words end with the sound, where its end is known."""
    if not total:
        before = sum(_bytes(text) for text, _ in words[:-1])
        return max(per_byte, words[-1][1] / before if before else 0.0)
    low, high = 0.0, float(total)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _end(words, middle) <= total else (low, middle)
    return low or 1.0


def _end(words: Sequence[tuple[str, int]], per_byte: float) -> float:
    at = 0.0
    for text, came in words:
        at = max(at, float(came)) + _bytes(text) * per_byte
    return at


def _bytes(text: str) -> int:
    return max(1, len(text.encode("utf-8", "replace")))
