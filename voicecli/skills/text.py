"""A question brought into one form: lower case, one space between words, numbers as digits.

Belongs here: pure text to text. Does not belong here: what any question means.
"""

from __future__ import annotations

import re
import unicodedata

from voicecli.skills.numbers import han_to_digits, to_digits

LONGEST = 300
"""Characters of a question that is looked at; what is longer is no skill's."""

_HAN_GAP = re.compile(r"(?<=[\u3400-\u9fff]) +| +(?=[\u3400-\u9fff])")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_CONTRACTIONS = {
    "what's": "what is",
    "whats": "what is",
    "who's": "who is",
    "how's": "how is",
    "let's": "let us",
    "i'm": "i am",
    "it's": "it is",
    "don't": "do not",
}
_POLITE = re.compile(
    r"(?:(?:please|hey|okay|ok|um|uh|well|so|now|kindly)\b ?"
    r"|(?:can|could|would|will) you (?:please )?"
    r"(?=tell|set|start|spell|say|repeat|convert|calculate|cancel|stop|remind)"
    r"|(?:can|could) you tell me (?=what|how)|tell me (?=what|how)|请问?(?:你|您)?|麻烦(?:你|您)?|帮我)+"
)
_POLITE_END = re.compile(r"(?: (?:please|thanks|thank you))+$|(?:谢谢你?|好吗|可以吗|吧|呢|啊|呀)+$")
_DEGREES = re.compile(r"(摄氏|华氏)(-?\d+(?:\.\d+)?)度")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_MARKS = re.compile(r"\.(?!\d)|(?<!\d)[,:]|[,:](?!\d)|[;!?\"“”‘。、…·~]")


def is_chinese(text: str) -> bool:
    """Whether `text` holds a Chinese character."""
    return bool(_HAN.search(text))


def plain(text: str) -> str:
    """Lower case, full-width forms made narrow, marks and a polite beginning removed; numbers as written."""
    text = unicodedata.normalize("NFKC", text[: LONGEST * 2]).lower().replace("’", "'")
    text = "".join([char if unicodedata.category(char)[0] != "C" else " " for char in text])
    text = _MARKS.sub(" ", _THOUSANDS.sub("", text))
    text = _HAN_GAP.sub("", " ".join([_CONTRACTIONS.get(word, word) for word in text.split()]))
    polite = _POLITE.match(text)
    return text[polite.end() :].strip() or text if polite else text


def curt(text: str) -> str:
    """Plain text without its polite end."""
    return _POLITE_END.sub("", text) or text


def with_digits(text: str) -> str:
    """Plain text with its spoken numbers as digits."""
    if is_chinese(text):
        text = _DEGREES.sub(r"\2\1度", han_to_digits(text.replace("零下", "-")))
    return to_digits(_spaced(text))


def _spaced(text: str) -> str:
    """ "5km" and "20-minute" as two words."""
    text = re.sub(r"(?<=\d)-(?=[a-z])", " ", text)
    return re.sub(r"(?<=\d)(?=[a-z°µ])(?!(?:st|nd|rd|th|e\d|x\d)\b)", " ", text)
