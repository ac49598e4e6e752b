"""Dictated words as a person wants them written: spoken marks as marks, no fillers, words of one's own. Pure.

Belongs here: what is put in place of what, by fixed tables. Does not belong here: recognising, guessing marks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MARKS: Mapping[str, str] = {
    "comma": ",",
    "full stop": ".",
    "period": ".",
    "question mark": "?",
    "exclamation mark": "!",
    "exclamation point": "!",
    "colon": ":",
    "semicolon": ";",
    "new line": "\n",
    "new paragraph": "\n\n",
    "逗号": "，",
    "句号": "。",
    "问号": "？",
    "感叹号": "！",
    "冒号": "：",
    "分号": "；",
    "顿号": "、",
    "换行": "\n",
}
"""What is said, and what is written for it."""
FILLERS = ("um", "umm", "uh", "uhm", "er", "erm", "hm", "hmm", "嗯", "呃")
_SOFT = r"[,.，。…]?"
"""A mark that a recogniser puts beside a word of these tables."""


@dataclass(frozen=True, slots=True)
class Tidying:
    """What is done to a sentence: nothing, unless asked for. `replace` goes by whole words, whatever their case."""

    punctuation: bool = False
    fillers: bool = False
    replace: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, text: str) -> str:
        """The text as it is to be written; "" where nothing is left of it."""
        if self.fillers:
            text = _words(FILLERS, rf"[,，]?\s*{{}}{_SOFT}").sub("", text).lstrip(" ,，")
        for said, meant in self.replace.items():
            text = _words([said]).sub(lambda _, meant=meant: meant, text)  # type: ignore[misc]
        if self.punctuation:
            marks = _words(MARKS, rf"{_SOFT}\s*{{}}{_SOFT}")
            text = marks.sub(lambda found: MARKS.get(found[1].casefold(), found[0]), text)  # "PERİOD" is no "period"
            text = re.sub(r"\n +", "\n", text)
        return text.strip(" ")


def _words(words: Mapping[str, str] | list[str] | tuple[str, ...], around: str = "{}") -> re.Pattern[str]:
    """Finds any of them as the first group; one in letters with spaces between words only as a whole."""
    longest = sorted(words, key=len, reverse=True)
    found = "|".join(rf"\b{re.escape(each)}\b(?!['’])" if each.isascii() else re.escape(each) for each in longest)
    return re.compile(around.format(f"({found})"), re.IGNORECASE)
