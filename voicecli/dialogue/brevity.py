"""How much of a long answer is spoken: its beginning, its closing question, or what its writer says is to be spoken.

Belongs here: decisions over pieces of text; pure. Does not belong here: how a text is cut into pieces, what is shown:
that is always all of it.

Of what comes before a tool the first sentence is spoken; of the rest about three sentences. `<say>…</say>` wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from voicecli.text.characters import HAN_KANA

SENTENCES = 3
LONGEST_S = 12.0
"""What a person who listens wants to hear of a text that is on the screen as well."""
SURELY_LAST = 500
"""Characters that wait: whoever writes so much is not about to use a tool, and nobody shall wait for the end of it."""
_CHARACTERS_A_SECOND, _HAN_A_SECOND = 15.0, 4.5
_MORE = ("There is more on the screen.", "更多内容在屏幕上。")
_SENTENCE = re.compile(r".*?(?:[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？]+[”’」』）]*|$)", re.DOTALL)
_ENDED = re.compile(r"[.!?。！？…][\"'”’)\]」』）]*$")
_QUESTION = re.compile(r"[?？][\"'”’)\]」』）]*$")
_HAN = re.compile(f"[{HAN_KANA}]")
_OPENS, _CLOSES, _FENCE = "<say>", "</say>", "```"
_TOKEN = re.compile("|".join(map(re.escape, (_OPENS, _CLOSES, _FENCE))))


class Plain(Protocol):
    """Markup to pieces that are spoken."""

    def feed(self, text: str) -> list[str]: ...

    def flush(self, *, last: bool = False) -> list[str]:
        """What is left, where the text pauses, or with `last` ends."""
        ...


class Brief:
    """A `Plain` over another, of which only the pieces come out that are to be spoken."""

    def __init__(self, plain: Plain) -> None:
        self._plain, self._tags = plain, _Tags()
        self._begin()

    def _begin(self) -> None:
        """A new stretch of text, after a tool."""
        self._waiting: list[str] = []
        self._count = 0
        self._seconds = 0.0
        self._full = self._told = self._saying = self._left_out = False
        self._last = ""

    def feed(self, text: str) -> list[str]:
        return [piece for part in self._tags.feed(text) for piece in self._part(part)]

    def flush(self, *, last: bool = False) -> list[str]:
        out = [piece for part in self._tags.flush() for piece in self._part(part)]
        rest = self._plain.flush()
        if self._saying or not self._told:
            out += rest if self._saying else self._take(rest)
        if last and not self._told:
            out += self._release() + self._closing()
        self._begin()
        return out

    def _part(self, part: str) -> list[str]:
        """A piece of the text, or a tag."""
        if part == _OPENS:
            self._plain.flush()
            self._waiting.clear()
            self._told = self._saying = True
            return []
        if part == _CLOSES:
            self._saying = False
            return self._plain.flush()
        if self._saying:
            return self._plain.feed(part)
        return [] if self._told else self._take(self._plain.feed(part))

    def _take(self, pieces: Sequence[str]) -> list[str]:
        """The first sentence at once; what follows waits until it is known whether a tool follows."""
        out: list[str] = []
        for sentence in (each for piece in pieces for each in _sentences(piece)):
            self._last = sentence
            if self._count == 0:
                out.append(self._spoken(sentence))
            else:
                self._waiting.append(sentence)
        if sum(map(len, self._waiting)) > SURELY_LAST:
            out += self._release()
        return out

    def _release(self) -> list[str]:
        """Of what waits, as much as is wanted."""
        out: list[str] = []
        for sentence in self._waiting:
            if not self._full and self._count < SENTENCES and self._seconds + seconds(sentence) <= LONGEST_S:
                out.append(self._spoken(sentence))
            else:
                self._full = self._left_out = True
        self._waiting.clear()
        return out

    def _closing(self) -> list[str]:
        """Where something was left out: that it was, and the question that the text ends with."""
        if not self._left_out:
            return []
        more = _MORE[bool(_HAN.search(self._last))]
        return [more, self._last] if _QUESTION.search(self._last) else [more]

    def _spoken(self, sentence: str) -> str:
        self._seconds += seconds(sentence)
        self._count += bool(_ENDED.search(sentence))
        return sentence


def seconds(text: str) -> float:
    """About how long it takes to say."""
    han = len(_HAN.findall(text))
    return han / _HAN_A_SECOND + (len(text) - han) / _CHARACTERS_A_SECOND


def _sentences(piece: str) -> Iterator[str]:
    return (each for found in _SENTENCE.findall(piece) if (each := found.strip()))


class _Tags:
    """Text and tags apart; a tag in code is text. What may become a tag waits."""

    def __init__(self) -> None:
        self._held = ""
        self._code = False

    def feed(self, text: str) -> list[str]:
        text = self._held + text
        cut = next(
            (at for at in range(max(0, len(text) - len(_CLOSES) + 1), len(text)) if _may_be_tag(text[at:])), len(text)
        )
        self._held = text[cut:]
        return self._apart(text[:cut])

    def flush(self) -> list[str]:
        text, self._held, self._code = self._held, "", False
        return [text] if text else []

    def _apart(self, text: str) -> list[str]:
        out, at = [], 0
        for found in _TOKEN.finditer(text):
            if found[0] == _FENCE:
                self._code = not self._code
            elif not self._code:
                out += [text[at : found.start()], found[0]]
                at = found.end()
        return [each for each in [*out, text[at:]] if each]


def _may_be_tag(tail: str) -> bool:
    return any(each.startswith(tail) and each != tail for each in (_OPENS, _CLOSES, _FENCE))
