"""What SenseVoice marks in its text besides words: taken off, and kept as tags.

Its raw text carries `<|zh|><|HAPPY|><|Speech|><|withitn|>`; servers that run its postprocessing write
emoji instead: events before the words, the emotion after them, "❓" alone for no speech at all. Both
become the same short names, so that a caller need not know which kind of server it speaks to.

Belongs here: pure functions on text. Does not belong here: requests, or any one service's fields.
Source: https://github.com/FunAudioLLM/SenseVoice
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

EVENTS = {"🎼": "BGM", "👏": "Applause", "😀": "Laughter", "😭": "Cry", "🤧": "Sneeze"}
"""Emoji that stand for sounds. The service writes 🤧 for a cough too."""

EMOTIONS = {"😊": "HAPPY", "😔": "SAD", "😡": "ANGRY", "😰": "FEARFUL", "🤢": "DISGUSTED", "😮": "SURPRISED"}
"""Emoji that stand for how somebody sounds; a neutral voice has none."""

NO_SPEECH = "nospeech"
"""The tag of a recording in which nobody speaks."""

LANGUAGES = frozenset({"zh", "en", "yue", "ja", "ko"})
"""What SenseVoice tells apart, as it writes them."""

_UNKNOWN = "❓"
_NAMES = EVENTS | EMOTIONS | {_UNKNOWN: "Event_UNK"}
_LONGEST_TAG = 40
_EMOJI = r"([" + "".join(_NAMES) + r"])\ufe0f?"
_MARK = re.compile(r"<\|([^|]*)\|>|" + _EMOJI)


def strip_tags(text: str) -> tuple[str, tuple[str, ...]]:
    """`text` without tags and emoji of SenseVoice, and what they said: each name once, in order.

    Only whole tags are taken (`<|` to the next `|>`), so that no words between two of them are lost.
    """
    names, pieces, at = [], [], 0
    for mark in _MARK.finditer(text):
        pieces.append(text[at : mark.start()])
        names.append(_NAMES[mark[2]] if mark[2] else mark[1].strip())
        at = mark.end()
    words = "".join(_joined([*pieces, text[at:]]))
    if names == [_NAMES[_UNKNOWN]] and not words:
        names = [NO_SPEECH]
    return words, tuple(dict.fromkeys(name for name in names if _sound(name)))


def language_in(tags: tuple[str, ...]) -> str | None:
    """The language that the tags name, or None."""
    return next((tag for tag in tags if tag in LANGUAGES), None)


def _joined(pieces: Iterable[str]) -> Iterator[str]:
    """The words between marks; a blank where one stood, and where two words would run together."""
    last, blank = "", False
    for piece in pieces:
        words = piece.strip()
        if words:
            if last and (blank or piece[0].isspace() or not (_wide(last) or _wide(words[0]))):
                yield " "
            yield words
            last, blank = words[-1], False
        blank = blank or piece[-1:].isspace()


def _wide(char: str) -> bool:
    return unicodedata.east_asian_width(char) in "WF"


def _sound(name: str) -> bool:
    return bool(name) and len(name) <= _LONGEST_TAG and name.isprintable()
