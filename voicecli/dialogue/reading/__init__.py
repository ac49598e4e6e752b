"""What the words tell of whether the person has finished.

Belongs here: reading the end of a recognised text, its punctuation and, by language, its words. Pure text.
Does not belong here: milliseconds (the endpointer has them), clocks.

The order of judgement: what plainly goes on is DANGLING, whatever punctuation stands after it; what
ends in a number is PLAIN, for people pause inside numbers; what has the shape of a whole question,
command, statement or answer is COMPLETE; the rest, and whatever is in doubt, is PLAIN.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from voicecli.dialogue.reading.chinese import number_at_end, read_chinese
from voicecli.dialogue.reading.english import read_english
from voicecli.dialogue.reading.english_forms import ends_in_number, words_of
from voicecli.dialogue.reading.result import Reading
from voicecli.text.characters import HAN_KANA
from voicecli.text.language import code_of

__all__ = ["Reading", "read"]

_GOES_ON = re.compile(r"(?:[,、，:：;；—–\-‐]|\.{2,}|…|‥)[\"'”’」』)]*$")
_STOP = re.compile(r"[.!?。！？｡][\"'”’」』)]*$")
_NEXT_SENTENCE = re.compile(r"(?<=[.!?])[\"'”’)]*\s+(?=\S)|(?<=[。！？｡])[”’」』）]*\s*(?=\S)")
_QUESTION = re.compile(r"[?？][\"'”’」』)]*$")
_HAN = re.compile(f"[{HAN_KANA}]")
_CHINESE = ("zh", "cmn", "yue")
_LONGEST = 1000
"""Of a longer text only the end is read."""
_TRUSTED_WORDS = 3
_TRUSTED_CHARACTERS = 4


def read(text: str, *, trust_punctuation: bool = False, language: str | None = None) -> Reading:
    """How `text`, all that was heard of this turn, reads at its end.

    `trust_punctuation`: the recogniser sets full stops by sense, not at the end of every fragment. A
    full stop then completes a sentence of at least three words (four Chinese characters) whose words
    do not say otherwise. `language` (as `en` or `zh-CN`) is guessed from the script when it is None;
    of languages other than English and Chinese only the punctuation is read.
    """
    text = text.strip()[-_LONGEST:]
    if not text or _GOES_ON.search(text):
        return Reading.DANGLING if text else Reading.PLAIN
    tongue = (language or code_of(text)).lower().split("-")[0].split("_")[0]
    by_words = _by_words(text, _TONGUES.get(tongue, _other))
    if by_words is not Reading.PLAIN or not trust_punctuation or _ends_in_number(text, tongue):
        return by_words
    return Reading.COMPLETE if _ended_by_punctuation(text) else Reading.PLAIN


def _by_words(text: str, reader: Callable[[str], Reading]) -> Reading:
    """The last sentence counts; where it is not whole, it may still be the end of what began before it."""
    last = _NEXT_SENTENCE.split(text)[-1]
    by_last = reader(last)
    if last == text or by_last is not Reading.PLAIN:
        return by_last
    return Reading.DANGLING if reader(text) is Reading.DANGLING else Reading.PLAIN


def _ended_by_punctuation(text: str) -> bool:
    if _QUESTION.search(text):
        return any(map(str.isalnum, text))
    han = len(_HAN.findall(text))
    enough = han >= _TRUSTED_CHARACTERS or (not han and len(text.split()) >= _TRUSTED_WORDS)
    return bool(_STOP.search(text)) and enough


def _ends_in_number(text: str, tongue: str) -> bool:
    if tongue in (*_CHINESE, "ja"):
        return number_at_end(text)
    words = words_of(text)
    return bool(words) and ends_in_number(words)


def _other(text: str) -> Reading:
    return Reading.PLAIN


_TONGUES: dict[str, Callable[[str], Reading]] = {
    "en": read_english,
    **dict.fromkeys(_CHINESE, read_chinese),
}
