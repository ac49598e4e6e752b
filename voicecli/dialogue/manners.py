"""Small words that are obeyed without a model, and how patient to be with a person. Pure: tables of words.

Belongs here: from words to a wish, or to milliseconds of patience. Does not belong here: doing it (dialogue.floor), how
complete a text reads (dialogue.reading), whether a sound is a word at all (dialogue.challenge).
"""

from __future__ import annotations

import re
from enum import Enum, auto


class SpokenWish(Enum):
    """What a person may want of the voice alone."""

    STOP = auto()
    PAUSE = auto()
    GO_ON = auto()
    REPEAT = auto()
    SLOWER = auto()
    FASTER = auto()


PACES = {SpokenWish.SLOWER: 0.8, SpokenWish.FASTER: 1.25}
"""How many times as fast."""

_SAID = {
    SpokenWish.STOP: "stop|stop it|stop that|stop talking|please stop|be quiet|quiet please|shut up|enough"
    "|that s enough"
    "|停|停下|停下来|停一下|停止|别说了|別說了|不要说了|安静|安靜|闭嘴|閉嘴|够了|夠了",
    SpokenWish.PAUSE: "pause|pause please|please pause|暂停|暫停|先停一下",
    SpokenWish.GO_ON: "go on|carry on|continue|resume|please continue|go ahead|继续|繼續|继续说|接着说|請繼續|请继续",
    SpokenWish.REPEAT: "repeat|repeat that|please repeat|say that again|say it again|come again|pardon|what did you say"
    "|再说一遍|再說一遍|再说一次|再說一次|重复一遍|重複一遍|重复|你说什么|你說什麼",
    SpokenWish.SLOWER: "slower|slower please|a bit slower|a little slower|speak slower|speak more slowly|slow down"
    "|please slow down|not so fast|too fast|that s too fast|you re too fast"
    "|慢点|慢點|慢一点|慢一點|再慢一点|再慢一點|慢点说|慢點說|说慢点|說慢點|说慢一点|說慢一點|请慢一点|請慢一點|慢慢说|太快了",
    SpokenWish.FASTER: "faster|faster please|a bit faster|a little faster|speak faster|speak more quickly|speed up"
    "|please speed up|too slow|that s too slow|you re too slow"
    "|快点|快點|快一点|快一點|再快一点|再快一點|快点说|快點說|说快点|說快點|说快一点|說快一點|请快一点|請快一點|太慢了",
}
_WISHES = {phrase: wish for wish, phrases in _SAID.items() for phrase in phrases.split("|")}
_MARKS = re.compile(r"[\W_]+")

_THINKS = re.compile(
    r"\b(?:let me (?:think|see|check|look)(?: about (?:it|that))?|give me a (?:second|moment|minute)|(?:just )?a moment"
    r"|(?:wait|just) a (?:second|moment|minute)|one (?:second|moment)|hold on|hang on|bear with me"
    r"|i(?:'m| am) thinking)$"
    r"|(?:等一下|等一等|等等|稍等|稍等一下|等我想想|让我想想|讓我想想|让我想一下|我想想|我想一下|容我想想|让我看看|我看看)$"
)
_TRAILING = re.compile(r"[\s.,!…，。！、]+$")
_SENTENCES = re.compile(r"(?<=[.!?])\s+(?=\S)|(?<=[。！？])\s*(?=\S)")
_QUESTION = re.compile(r"[?？][\"'”’」』)\s]*$")

THINKS_MS = 8000.0
"""Who asks for time to think gets so much silence."""
ASKED = 1.5
"""Who was asked something may think so much longer, unless the answer reads complete."""
WORD_MS = 5000.0
"""Where a word ends turns, silence ends them after so much."""


def wish_of(text: str, *, paces: bool = True) -> SpokenWish | None:
    """What a person wants of the voice, who says nothing else; another pace only of a voice that has `paces`."""
    wish = _WISHES.get(_MARKS.sub(" ", text.casefold()).strip())
    return wish if paces or wish not in PACES else None


def heeded(wish: SpokenWish | None, *, over_reply: bool) -> SpokenWish | None:
    """A wish that needs no answer: to stop or to pause means something over a reply only."""
    anytime = wish is SpokenWish.REPEAT or wish in PACES
    return wish if anytime or (over_reply and wish in (SpokenWish.STOP, SpokenWish.PAUSE)) else None


def thinks(text: str) -> bool:
    """Whether a person asks for time to think."""
    return bool(_THINKS.search(_TRAILING.sub("", text[-80:].casefold())))


def asks(reply: str) -> bool:
    """Whether a reply ends with a question."""
    return bool(_QUESTION.search(reply))


def ended_by(text: str, words: tuple[str, ...]) -> bool:
    """Whether a turn ends with one of the words that end turns."""
    said, *ends = (" " + _MARKS.sub(" ", each.casefold()).strip() for each in (text, *words))
    return any(said.endswith(end if end.isascii() else end.strip()) for end in ends)


_CALLS = {"hey": r"(?:\bhey|^[\W_]*(?:a|ay|eh|hay|he|hi))", "okay": r"\b(?:okay|ok)", "ok": r"\b(?:okay|ok)"}
"""How else a recogniser writes the first of several words; for a "hey" that nothing stands before, many small ones."""


def after_phrase(text: str, phrase: str) -> str | None:
    """What follows a phrase in a text, whatever marks the recogniser put into it; None: the phrase is not in it."""
    if phrase.isascii():
        first, *rest = map(re.escape, phrase.casefold().split())
        sought = r"[\W_]+".join([_CALLS.get(first if rest else "", rf"\b{first}"), *rest]) + r"\b"
    else:
        sought = r"[\W_]*".join(map(re.escape, "".join(phrase.split())))
    found = re.search(sought, text, re.IGNORECASE)
    return re.sub(r"^[\W_]+", "", text[found.end() :]) if found else None


def last_sentence(reply: str) -> str:
    """The last sentence of a reply, to be said once more."""
    return _SENTENCES.split(reply.rstrip("… "))[-1]
