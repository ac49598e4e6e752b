"""How much of a long answer is spoken: its beginning, its closing question, or what its writer says is to be spoken.

Belongs here: decisions over pieces of text. Pure. Does not belong here: how a text is cut into pieces, what is shown:
that is always all of it.

Of what comes before a tool the first sentence is spoken; of the rest about three sentences. `<say>…</say>` wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

from voicecli.text.characters import HAN_KANA
from voicecli.text.spoken.changes import WithoutChanges
from voicecli.text.spoken.naming import named

Aloud = Literal["all", "short", "last", "none"]
"""What is spoken: everything; short; of the text after the last tool only, short; nothing but what is asked."""
ALOUD: tuple[Aloud, ...] = ("all", "short", "last", "none")

SENTENCES = 3
LONGEST_S = 12.0
"""Sentences and seconds that a person wants to hear of a text that is on the screen as well."""
_AT_ONCE_S = 7.5
"""A first sentence of so many seconds leaves time for what may have to be said at the end."""
SURELY_LAST = 500
"""Characters that wait: whoever writes so much is not about to use a tool, and nobody shall wait for the end of it."""
_CHARACTERS_A_SECOND, _HAN_A_SECOND = 15.0, 4.5
_MORE = ("There is more on the screen.", "更多内容在屏幕上。")
_SENTENCE = re.compile(r".*?(?:[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？]+[”’」』）]*|\n\n|$)", re.DOTALL)
_ENDED = re.compile(r"[.!?。！？…][\"'”’)\]」』）]*$")
_QUESTION = re.compile(r"[?？][\"'”’)\]」』）]*$")
_CLAUSE = re.compile(r"[,;:，；：、]\s*|\s+")
_HAN = re.compile(f"[{HAN_KANA}]")
_NUMBER_ONLY = re.compile(r"\d{1,3}[.)]")
_OPENS, _CLOSES, _FENCE, _TICK = "<say>", "</say>", "```", "`"
_TOKEN = re.compile("|".join(map(re.escape, (_OPENS, _CLOSES, _FENCE, _TICK, "\n"))))


class Plain(Protocol):
    """Turns text with markup into pieces that are spoken."""

    def feed(self, text: str) -> list[str]: ...

    def flush(self, *, last: bool = False) -> list[str]:
        """What is left, where the text pauses, or with `last` ends."""
        ...


class Silence:
    """A `Plain` of which nothing is spoken."""

    def feed(self, text: str) -> list[str]:
        return []

    def flush(self, *, last: bool = False) -> list[str]:
        return []


class Brief:
    """A `Plain` over another, of which only the pieces come out that are to be spoken.

    `only_last`: nothing of what comes before a tool.
    """

    def __init__(self, plain: Plain, *, only_last: bool = False) -> None:
        self._plain, self._tags, self._only_last = plain, _Tags(), only_last
        self._begin()

    def _begin(self) -> None:
        """A new stretch of text, after a tool."""
        self._changes = WithoutChanges()
        self._waiting: list[str] = []
        self._count = 0
        self._seconds = 0.0
        self._told = self._saying = self._left_out = False
        self._last = ""

    def feed(self, text: str) -> list[str]:
        return [piece for part, tag in self._tags.feed(text) for piece in self._part(part, tag=tag)]

    def flush(self, *, last: bool = False) -> list[str]:
        out = [piece for part, tag in self._tags.flush() for piece in self._part(part, tag=tag)]
        if self._saying or not self._told:
            rest = self._plain.feed(self._changes.flush()) + self._plain.flush()
            out += rest if self._saying else self._take(rest)
        if not self._told:
            out += self._end() if last else self._before_a_tool()
        self._left_out = self._changes.left_out or self._left_out
        if last and not self._told and self._left_out:
            out += self._ending()
        self._begin()
        return out

    def _part(self, part: str, *, tag: bool) -> list[str]:
        """A piece of the text, or a tag."""
        if tag and part == _OPENS:
            self._changes.flush()
            self._plain.flush()
            self._waiting.clear()
            self._told = self._saying = True
            return []
        if tag:
            self._saying = False
            return self._plain.flush()
        if self._saying:
            return self._plain.feed(part)
        return [] if self._told else self._take(self._plain.feed(self._changes.feed(part)))

    def _take(self, pieces: Sequence[str]) -> list[str]:
        """The first sentence at once; what follows waits until it is known whether a tool follows."""
        out: list[str] = []
        for sentence in (each for piece in pieces for each in _sentences(piece)):
            self._last = sentence
            first = not self._count and not self._waiting and not self._only_last
            if first and self._seconds + seconds(sentence) <= _AT_ONCE_S:
                out.append(self._spoken(sentence))
            else:
                self._waiting.append(sentence)
        if sum(map(len, self._waiting)) > SURELY_LAST:
            out += self._release(LONGEST_S - _AT_ONCE_S)
        return out

    def _before_a_tool(self) -> list[str]:
        """Of a text that a tool follows, one sentence."""
        if self._count or self._only_last or not self._waiting:
            return []
        return _fitting(self._waiting[0], LONGEST_S)

    def _end(self) -> list[str]:
        """What waits, where all of it fits; else as much as leaves time for what is said then."""
        sentences = sum(bool(_ENDED.search(each)) for each in self._waiting)
        time = self._seconds + sum(map(seconds, self._waiting))
        all_of_it = not self._left_out and self._count + sentences <= SENTENCES and time <= LONGEST_S
        return self._release(0 if all_of_it else sum(map(seconds, self._ending())))

    def _release(self, reserved_s: float) -> list[str]:
        """Of what waits, as much as is wanted. What was left out once is not gone on with."""
        out: list[str] = []
        for sentence in self._waiting:
            left_s = LONGEST_S - reserved_s - self._seconds
            if self._left_out or self._count >= SENTENCES:
                self._left_out = True
            elif seconds(sentence) <= left_s:
                out.append(self._spoken(sentence))
            else:
                self._left_out = True
                out += [] if self._count else map(self._spoken, _fitting(sentence, left_s))
        self._waiting.clear()
        return out

    def _ending(self) -> list[str]:
        """Where something was left out: that it was, and the question that the text ends with."""
        more = _MORE[bool(_HAN.search(self._last))]
        return [more, *_fitting(self._last, _AT_ONCE_S)] if _QUESTION.search(self._last) else [more]

    def _spoken(self, sentence: str) -> str:
        self._seconds += seconds(sentence)
        self._count += bool(_ENDED.search(sentence))
        return sentence


def seconds(text: str) -> float:
    """About how long it takes to say."""
    han = len(_HAN.findall(text))
    return han / _HAN_A_SECOND + (len(text) - han) / _CHARACTERS_A_SECOND


def _fitting(sentence: str, longest_s: float) -> list[str]:
    """As much of it as can be said in the time, up to the end of a clause, or of a word: nothing where none ends."""
    if seconds(sentence) <= longest_s:
        return [sentence]
    ends = [found.start() for found in _CLAUSE.finditer(sentence) if seconds(sentence[: found.start()]) < longest_s]
    return [sentence[: ends[-1]] + "…"] if ends else []


def _sentences(piece: str) -> Iterator[str]:
    """An item's number stays with it."""
    number = ""
    for each in filter(None, (named(found) for found in _SENTENCE.findall(piece))):
        if _NUMBER_ONLY.fullmatch(each):
            number = f"{each} "
        else:
            yield number + each
            number = ""
    if number:
        yield number.strip()


class _Tags:
    """Text and tags apart, and which it is; a tag in code is text. What may become a tag waits."""

    def __init__(self) -> None:
        self._held = ""
        self._code = self._ticks = False

    def feed(self, text: str) -> list[tuple[str, bool]]:
        text = self._held + text
        cut = next(
            (at for at in range(max(0, len(text) - len(_CLOSES) + 1), len(text)) if _may_be_tag(text[at:])), len(text)
        )
        self._held = text[cut:]
        return self._apart(text[:cut])

    def flush(self) -> list[tuple[str, bool]]:
        text, self._held = self._held, ""
        parts = self._apart(text)
        self._code = self._ticks = False
        return parts

    def _apart(self, text: str) -> list[tuple[str, bool]]:
        out, at = list[tuple[str, bool]](), 0
        for found in _TOKEN.finditer(text):
            if found[0] == _FENCE:
                self._code, self._ticks = not self._code, False
            elif found[0] in (_TICK, "\n"):
                self._ticks = found[0] == _TICK and not self._ticks
            elif not self._code and not self._ticks:
                out += [(text[at : found.start()], False), (found[0], True)]
                at = found.end()
        return [each for each in [*out, (text[at:], False)] if each[0]]


def _may_be_tag(tail: str) -> bool:
    return any(each.startswith(tail) and each != tail for each in (_OPENS, _CLOSES, _FENCE))
