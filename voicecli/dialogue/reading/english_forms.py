"""English words one by one: written out, brought to their base form, told from numbers.

Belongs here: single words. Does not belong here: word lists (english_words.py), how words make a sentence.
"""

from __future__ import annotations

import re

from voicecli.dialogue.reading import english_words as lex

_LETTER_OR_DIGITS = re.compile(r"[a-z]|\d[\d.,]*[a-z]?")
_HAS_IS = lex.PRONOUNS | lex.WH | lex.words("here name everything weather")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d[\d.,:]*\d|\d")


def words_of(text: str) -> list[str]:
    """The words, in small letters, with "n't", "'m" and the like written out."""
    return [part for word in _WORD.findall(text.lower().replace("’", "'")) for part in _written_out(word)]


def _written_out(word: str) -> list[str]:
    if word in lex.WRITTEN_OUT:
        return lex.WRITTEN_OUT[word].split()
    base, mark, ending = word.partition("'")
    if not mark:
        return [word]
    if ending == "t" and base.endswith("n"):
        return [base[:-1], "not"]
    if ending == "s" and base in _HAS_IS:
        return [base, "is"]
    return [base, lex.ENDINGS[ending]] if ending in lex.ENDINGS else [word]


def lemma(word: str) -> str:
    """The base form of a known verb; empty for any other word."""
    if word in lex.BASES or word in lex.PASTS:
        return lex.PASTS.get(word, word)
    return next((base for base in _stems(word) if base in lex.BASES), "")


def _stems(word: str) -> list[str]:
    """What `word` may be a form of, by its ending."""
    if word.endswith(("ies", "ied")):
        return [word[:-3] + "y"]
    if word.endswith("ing"):
        stem = word[:-3]
    elif word.endswith("ed"):
        stem = word[:-2]
    else:
        return [word[:-1], word[:-2]] if word.endswith("s") else []
    return [stem, stem + "e", stem[:-1]] if stem[-1:] == stem[-2:-1] else [stem, stem + "e"]


def is_finite(word: str) -> bool:
    """True for a form that can be a sentence's verb after a noun."""
    if word in lex.AUXILIARIES:
        return True
    return (
        bool(lemma(word))
        and word not in lex.BASES - lex.words("hurt put cut set hit cost let read")
        and word[-3:] != "ing"
    )


def ends_in_number(words: list[str]) -> bool:
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    if last == "one":
        return not before or before in lex.NUMBERS or before in ("one", "is")
    if last in ("a", "i", "o"):
        return bool(_LETTER_OR_DIGITS.fullmatch(before)) and before != "i"
    return last in lex.NUMBERS or last in lex.SPELLED or bool(_LETTER_OR_DIGITS.fullmatch(last))
