"""A question brought into one form: lower case, one space between words, numbers as digits.

Belongs here: pure text to text. Does not belong here: what any question means.
"""

from __future__ import annotations

import re
import unicodedata

from voicecli.skills.numbers import han_to_digits, to_digits
from voicecli.text.characters import HAN, has_han

LONGEST = 300
"""Characters of a question that is looked at; what is longer is no skill's."""

_HAN_GAP = re.compile(rf"(?<=[{HAN}]) +| +(?=[{HAN}])")
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
_GREETING = re.compile(
    r"^(?:hi|hello|hey|good (?:morning|afternoon|evening))(?: there)? "
    r"(?=(?:please |so )?(?:what|how far|how many|how much|how long|set|start|convert|tell|can|could|will|would)\b)"
    r"|^(?:你好|您好)(?=.*(?:几|多少|什么|提醒|计时))"
)
_POLITE_END = re.compile(r"(?: (?:please|thanks|thank you))+$|(?:谢谢你?|好吗|可以吗|吧|呢|啊|呀)+$")
_MEASURED = "far|tall|long|heavy|much|hot|cold|warm|fast|big|large|high|wide|deep|old"
_SIGN = r"(?:plus|minus|times|(?:multiplied|divided) by)"
_WAYS = tuple(
    (re.compile(said), meant)
    for said, meant in (
        (r"(?<=[a-z])-(?=[a-z])", " "),
        (r"^(?:i want to know|i(?:'d| would) like to know|do you know|any idea|tell me) (?=what|how|which)", ""),
        (r"^(?:can|could) you tell me (?=the)", "what is "),
        (r"^(?:what would|what will) (.*) be\b", r"what is \1"),
        (r"^(?:what would be|what are|what do you get (?:if|when) you|which is|calculate what is)\b", "what is"),
        (r"^what is (?=(?:add|subtract|multiply|divide|convert) )", ""),
        (r"^which (?=day|date|month|year|time)", "what "),
        (rf"^how (?:{_MEASURED}) (?:is|are) (?=.*(?:in|to)\b)", "what is "),
        (r" (?:for me|right now|at the moment|would you|if you can|then)$", ""),
        (r"\bhalf an? (?=[a-z])", "0.5 "),
        (rf"\btoo?(?= {_SIGN}\b)", "two"),
        (rf"\bfor(?= {_SIGN}\b)", "four"),
        (rf"\b({_SIGN}) too?(?=$| {_SIGN}\b)", r"\1 two"),
        (rf"\b({_SIGN}) for(?=$| {_SIGN}\b)", r"\1 four"),
        (r"^what (.*(?:times|plus|minus|divided|over|percent).*?) (?:is|equals|makes)$", r"what is \1"),
    )
)
"""Turns of phrase that mean the same; spoken questions seldom come in one form."""
_HALF = re.compile(r"\b(\d+) and (?:a|1) (half|quarter|third)\b")
_PARTS = {"half": ".5", "quarter": ".25", "third": ".3333333333"}
_DEGREES = re.compile(r"(摄氏|华氏)(-?\d+(?:\.\d+)?)度")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_MARKS = re.compile(r"\.(?!\d)|(?<!\d)[,:]|[,:](?!\d)|[;!?\"“”‘。、…·~]")


def plain(text: str) -> str:
    """Lower case, full-width forms made narrow, marks and a polite beginning removed; numbers as written."""
    text = unicodedata.normalize("NFKC", text[: LONGEST * 2]).lower().replace("’", "'")
    text = "".join([char if unicodedata.category(char)[0] != "C" else " " for char in text])
    text = _MARKS.sub(" ", _THOUSANDS.sub("", text))
    text = _HAN_GAP.sub("", " ".join([_CONTRACTIONS.get(word, word) for word in text.split()]))
    text = _GREETING.sub("", text)
    polite = _POLITE.match(text)
    return text[polite.end() :].strip() or text if polite else text


def straight(text: str) -> str:
    """Plain text in the turns of phrase that skills know."""
    for said, meant in _WAYS:
        text = said.sub(meant, text)
    return text.strip()


def curt(text: str) -> str:
    """Plain text without its polite end."""
    return _POLITE_END.sub("", text) or text


def with_digits(text: str) -> str:
    """Plain text with its spoken numbers as digits."""
    if has_han(text):
        text = _DEGREES.sub(r"\2\1度", han_to_digits(text.replace("零下", "-")))
    return _HALF.sub(lambda match: match[1] + _PARTS[match[2]], to_digits(_spaced(text)))


def _spaced(text: str) -> str:
    """ "5km" and "20-minute" as two words."""
    text = re.sub(r"(?<=\d)-(?=[a-z])", " ", text)
    return re.sub(r"(?<=\d)(?=[a-z°µ])(?!(?:st|nd|rd|th|e\d|x\d)\b)", " ", text)
