"""Reasoning that a model writes into its answer, told apart from what it answers.

Belongs here: `<think>…</think>` and its kin, whole and while they arrive. Does not belong here: reasoning that a
service sends in a field of its own, what is shown of it.

Only the beginning of an answer is looked at, and only a tag that opens and closes as one: who writes about the tags
loses no word. Some templates put the opening tag into the prompt: then all that comes is the closing one, on a line of
its own or at the end of one.
"""

from __future__ import annotations

import re

NAMES = "think thinking thought reasoning".split()

_ANY = "|".join(NAMES)
_OPEN = re.compile(rf"\s*[<\[◁](?:seed:)?({_ANY})[>\]▷]", re.IGNORECASE)
"""Seed writes <seed:think>, Mistral [THINK], Kimi ◁think▷."""
_MAYBE_OPEN = re.compile(r"\s*(?:[<\[◁][a-z:]{0,14})?\Z", re.IGNORECASE)
_CLOSE = {
    name: re.compile(rf"[<\[◁]/(?:seed:)?{name}\s{{0,8}}[>\]▷]", re.IGNORECASE) for name in (*NAMES, f"(?:{_ANY})")
}
_MAYBE_CLOSE = re.compile(r"[<\[◁](?:/(?:[a-z:]{0,14}\s{0,8})?)?\Z", re.IGNORECASE)
_AGAIN = re.compile(rf"\s*[<\[◁]/(?:seed:)?(?:{_ANY})\s{{0,8}}[>\]▷]", re.IGNORECASE)
"""Some close twice what they opened twice."""
_MAYBE_AGAIN = re.compile(r"\s*[<\[◁]/(?:[a-z:]{0,14}\s{0,8})?\Z", re.IGNORECASE)
_ORPHAN = re.compile(rf"(?:^[ \t]*|(?<=[^\s`\"'“‘(<]))</(?:{_ANY})>[ \t]*(?=\r?\n\s*\S)", re.IGNORECASE | re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)


class Thoughts:
    """Takes an answer in pieces; gives (reasoning, answer) for each.

    `opened`: the model is known to begin inside its reasoning. What nobody closed before the answer ended turns out to
    be the answer: `flush` gives it, whole, after `feed` gave it as reasoning.
    """

    def __init__(self, *, opened: bool = False) -> None:
        self._closing = _CLOSE[f"(?:{_ANY})"] if opened else None
        self._answering = False  # the reasoning, if there was any, is over
        self._held = ""  # what may become a tag
        self._seen = ""  # reasoning that nobody has closed yet
        self._thought = False  # some reasoning was closed: the blank lines after it belong to it

    def feed(self, text: str) -> tuple[str, str]:
        """The next piece: what of it is reasoning, and what is answer."""
        text, self._held, thought = self._held + text, "", ""
        while text and not self._answering:
            if self._closing is None:
                text = self._begun(text)
            else:
                more, text = self._inside(text)
                thought += more
        return thought, text

    def flush(self) -> tuple[str, str]:
        """The answer has ended: what was held back, or taken for reasoning and never closed."""
        answer = self._seen + (self._held.lstrip() if self._thought else self._held)
        self._seen = self._held = ""
        self._answering, self._closing, self._thought = False, None, False
        return "", answer

    def _begun(self, text: str) -> str:
        """Before the first word: what follows an opening tag, or the answer; nothing while it may become a tag."""
        if opening := _OPEN.match(text):
            self._closing, self._seen = _CLOSE[opening[1].lower()], opening[0]
            return text[opening.end() :]
        if self._thought and (again := _AGAIN.match(text)):
            return text[again.end() :]
        if _MAYBE_OPEN.match(text) or (self._thought and _MAYBE_AGAIN.match(text)):
            self._held = text
            return ""
        self._answering = True
        return text.lstrip() if self._thought else text

    def _inside(self, text: str) -> tuple[str, str]:
        """Reasoning up to its end, and what follows; up to what may be its end while that has not come."""
        assert self._closing is not None
        if end := self._closing.search(text):
            self._closing, self._seen, self._thought = None, "", True
            return text[: end.start()], text[end.end() :]
        begun = _MAYBE_CLOSE.search(text)
        at = begun.start() if begun else len(text)
        self._seen, self._held = self._seen + text[:at], text[at:]
        return text[:at], ""


def split(text: str) -> tuple[str, str]:
    """(reasoning, answer) of a whole text, also where only the closing tag came."""
    thoughts = Thoughts()
    reasoning, answer = thoughts.feed(text)
    unclosed = thoughts.flush()[1]
    if unclosed:
        return "", unclosed
    if reasoning or not (orphan := _orphan(text)):
        return reasoning, answer
    return text[: orphan.start()].rstrip(), text[orphan.end() :].lstrip()


def without(text: str) -> str:
    """The answer in a whole text."""
    return split(text)[1]


def closes_unopened(text: str) -> bool:
    """Whether `text`, an answer so far, shows that its model begins inside its reasoning."""
    return _orphan(text) is not None


def _orphan(text: str) -> re.Match[str] | None:
    """A closing tag that nothing opened before it, outside code, with an answer after it."""
    found = _ORPHAN.search(text)
    if found is None or len(_FENCE.findall(text, 0, found.start())) % 2:
        return None
    return None if re.search(rf"<(?:{_ANY})>", text[: found.start()], re.IGNORECASE) else found
