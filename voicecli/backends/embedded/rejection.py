"""What is not in the grammar: a loop of single sounds that competes with the skills for every utterance.

Without it any noise is heard as some skill. The sounds enter the recogniser as words of their own; an
answer that contains one means "nothing of the grammar was said". `_none` can hardly be heard: it takes
most of the loop's probability, which makes each sound cost enough for real phrases to win.

Belongs here: the rule, its words, its weight. Does not belong here: skills, the recogniser.
"""

from __future__ import annotations

_SOUNDS = (
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
).split()
_PREFIX = "sound_"

WEIGHT = 100_000
"""How many times likelier `_none` is than a sound; measured by benchmarks/embedded.py."""

PRONUNCIATIONS = {f"{_PREFIX}{sound.lower()}": sound for sound in _SOUNDS} | {f"{_PREFIX}none": " ".join(["ZH"] * 30)}
"""The words that the recogniser must know, with their sounds."""

RULE = (
    f"<other> = (/{WEIGHT}/ {_PREFIX}none"
    + "".join([f" | /1/ {_PREFIX}{sound.lower()}" for sound in _SOUNDS])
    + ")+;\n"
)
"""The JSGF rule `<other>`."""


def rejected(text: str) -> bool:
    """Whether a recogniser's text contains what fits no phrase."""
    return _PREFIX in text
