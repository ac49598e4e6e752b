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
class Stretch:
    """`words` with the samples of the stretch that had come before them. `follows`: they came while it sounded.

    `whole`: its `samples` are all there will be.
    """

    words: list[tuple[str, int]]
    follows: bool = False
    samples: int = 0
    whole: bool = False


def heard_until(stretches: Sequence[Stretch], played: int, rate: int) -> str:
    """The words that were heard after `played` samples of all stretches, at `rate`."""
    heard: list[str] = []
    for each in stretches:
        if each.follows:
            heard.append(words_until(each.words, each.samples if each.whole else 0, played, BYTE_S * rate))
        else:
            heard.append(cut_to_heard([("".join(text for text, _ in each.words), each.samples)], played))
        if (played := played - each.samples) < 0:
            break
    return joined(heard)


def words_until(words: Sequence[tuple[str, int]], total: int, played: int, per_byte: float) -> str:
    """The words of one stretch that came piece by piece, each with the samples before it.

    Said evenly to the end of `total` samples; 0: that is not known, and `per_byte` samples are taken for each byte.
    """
    if total and played >= total:
        return "".join(text for text, _ in words)
    if total:
        low, high = 0.0, float(total)
        for _ in range(_HALVINGS):
            per_byte = (low + high) / 2
            low, high = (per_byte, high) if _end(words, per_byte) <= total else (low, per_byte)
        per_byte = low
    heard, at = "", 0.0
    for text, came in words:
        at = max(at, float(came))
        size = len(text.encode("utf-8", "replace")) * per_byte
        if at + size > played:
            return cut_text(heard + text, len(heard) + (len(text) * (played - at) / size if played > at else 0))
        heard, at = heard + text, at + size
    return heard


def _end(words: Sequence[tuple[str, int]], per_byte: float) -> float:
    at = 0.0
    for text, came in words:
        at = max(at, float(came)) + len(text.encode("utf-8", "replace")) * per_byte
    return at
