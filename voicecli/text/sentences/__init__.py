"""Where a text may be cut for a voice: an answer that is still being written, or a long text.

Belongs here: finding clause and sentence ends, and cutting within a service's limits. Pure text.
Does not belong here: markup (text.spoken removes it first), sound, waiting.

Every punctuation mark is judged once, by the rule that the table `JUDGES` has for it, from the word
before it and the character after it. Where that character has not arrived and would decide ("3." may
become "3.14"), the mark waits for it; else it is judged at once, so that no sentence is held back.
"""

from __future__ import annotations

import re
import unicodedata

from voicecli.text.characters import is_han_kana
from voicecli.text.sentences.marks import HAN, JUDGES, MARK, SILENT, SPACE, Is

_FIRST_WEIGHT = 80
"""A first piece without any punctuation is cut at a space after this much (see `_weight`)."""
_FIRST_SLACK = 1.5
"""By so much the first piece may be longer when its end is in sight."""
_NEXT_CLAUSE_WEIGHT = 40
"""While little was said, later clauses of this weight go out too: a short "Sure," must not be followed by a gap."""
_EARLY_WEIGHT = 80
"""So much has to be on its way to the voice before only whole sentences go out."""
_JOINED_WEIGHTS = (0, 80, 160, 320)
"""Sentences that one `feed` brings together are joined up to this; the last entry is for all later pieces."""
EACH, FULL = (0.0,), (float("inf"),)
"""For `joined`: every sentence by itself; as many as the limits allow."""
_RUNAWAY = 400
"""A sentence longer than this many characters is cut, also where no limit is set."""
_TWO_LETTERS = re.compile(r"[^\W\d_][^\n]*[^\W\d_]")


def _weight(text: str) -> int:
    """About how long `text` takes to say, in Latin letters: a Chinese or Japanese character takes as long as three."""
    return len(text) if text.isascii() else len(text) + 2 * len(HAN.findall(text))


def _joins_left(char: str) -> bool:
    """True for a character that belongs to the one before it: accents, joiners, skin tones, Korean vowels."""
    code = ord(char)
    return (
        unicodedata.category(char) in ("Mn", "Me", "Mc")
        or code in (0x200D, 0xFE0F)
        or 0x1F3FB <= code <= 0x1F3FF
        or 0x1160 <= code <= 0x11FF
        or 0xDC00 <= code <= 0xDFFF
        or 0xE0020 <= code <= 0xE007F
    )


def _splits_character(text: str, at: int) -> bool:
    """True where a cut at `at` would go through what a reader sees as one character."""
    left, right = text[at - 1], text[at]
    if _joins_left(right) or left == "\u200d":
        return True
    flags = 0
    while flags < at and 0x1F1E6 <= ord(text[at - 1 - flags]) <= 0x1F1FF:
        flags += 1
    return 0x1F1E6 <= ord(right) <= 0x1F1FF and flags % 2 == 1


class _Limit:
    """How much a piece may hold, in characters and in bytes of UTF-8."""

    def __init__(self, chars: int | None, octets: int | None, longest: int | None = None) -> None:
        if (chars is not None and chars < 1) or (octets is not None and octets < 4):
            raise ValueError("a piece must be allowed at least one character of four bytes")
        self.given = bool(chars or octets)
        self.chars = min(filter(None, (chars, octets, longest)), default=_RUNAWAY)
        self.octets = octets

    def reach(self, text: str, start: int) -> int:
        """The last place where a piece that begins at `start` may end; may lie behind the text's end."""
        end = start + self.chars
        if self.octets is None or self.chars * 4 <= self.octets:
            return end
        data = text[start:end].encode("utf-8", "surrogatepass")
        if len(data) <= self.octets:
            return end if end <= len(text) else start + self.octets
        cut = self.octets
        while data[cut] & 0xC0 == 0x80:
            cut -= 1
        return start + len(data[:cut].decode("utf-8", "surrogatepass"))


def _cut_place(text: str, start: int, reach: int, code: tuple[int, int]) -> int:
    """Where to cut between `start` and `reach` with no punctuation to help: at a space or between
    Chinese characters in the second half, else at the nearest whole character. Not inside `code`."""
    for at in range(reach, start + (reach - start) // 2, -1):
        if code[0] < at < code[1]:
            continue
        if text[at - 1].isspace() or text[at].isspace():
            return at
        if is_han_kana(text[at - 1]) and is_han_kana(text[at]):
            return at
    for at in range(reach, start, -1):
        if not _splits_character(text, at):
            return at
    return reach


class _Cutter:
    """The text that is not given out yet, and how far it is judged.

    `text[start:done]` are finished sentences of the piece to come, `clause` is the end of the last
    clause after them, marks before `scan` are judged. `early`: clauses may go out at the beginning.
    """

    def __init__(self, limit: _Limit, joined: tuple[float, ...], early: bool) -> None:
        self._limit, self._joined, self._early = limit, joined, early
        self._text = ""
        self._start = self._done = self._clause = self._scan = 0
        self._span = (0, 0)  # the last code inside a line: not to be cut
        self._count = self._weight = 0  # what was given out
        self._pieces: list[str] = []

    def take(self, text: str, final: bool) -> list[str]:
        """Adds `text`; returns the pieces that it finished, all of them when it is the `final` one."""
        self._text = self._text + text if self._text else text.lstrip()
        self._judge_marks(final)
        if final:
            self._sentence(len(self._text))
        self._give(len(self._text) if final else self._done)
        self._forget()
        pieces, self._pieces = self._pieces, []
        return pieces

    def _judge_marks(self, final: bool) -> None:
        while mark := MARK.search(self._text, self._scan):
            at, sign = mark.start(), mark[0][0]
            verdict, end = JUDGES[sign](self._text, self._done, at, final)
            if verdict is Is.UNDECIDED:
                self._scan = at
                self._make_room(at if sign == "`" and not self._limit.given else len(self._text))
                return
            self._scan = end
            self._obey(verdict, at, end)
        self._scan = len(self._text)
        self._make_room(self._scan)

    def _obey(self, verdict: Is, at: int, end: int) -> None:
        if verdict is Is.SENTENCE:
            self._make_room(end, slack=_FIRST_SLACK)
            self._sentence(end)
        elif verdict is Is.CLAUSE:
            self._make_room(end, slack=_FIRST_SLACK)
            self._end_clause(end)
        elif verdict is Is.CODE and self._text.startswith("```", at):
            self._fence(at, end)
        elif verdict is Is.CODE:
            self._span = (at, end)

    def _sentence(self, end: int) -> None:
        """A sentence ends at `end`: it joins those before it, or takes their place when they are enough."""
        if self._silent(end):
            return
        target = self._joined[min(self._count, len(self._joined) - 1)]
        if self._done > self._start and _weight(self._text[self._start : end]) > target:
            self._give(self._done)
        self._done = self._clause = end

    def _end_clause(self, end: int) -> None:
        self._clause = end
        if not self._early or self._weight >= _EARLY_WEIGHT or self._done > self._start:
            return
        piece = self._text[self._start : end]
        if _weight(piece) >= _NEXT_CLAUSE_WEIGHT or (not self._count and _TWO_LETTERS.search(piece)):
            self._give(end)

    def _fence(self, at: int, end: int) -> None:
        """A code block is a piece by itself, whole if nothing forbids it."""
        self._make_room(at)
        self._sentence(at)
        self._give(self._done)
        if self._limit.given:
            self._make_room(end)
        self._sentence(end)
        self._give(self._done)

    def _silent(self, end: int) -> bool:
        """True where nothing between the finished sentences and `end` can be said."""
        said = SILENT.match(self._text, self._done)
        return said is not None and said.end() >= end

    def _make_room(self, end: int, slack: float = 1.0) -> None:
        """Cuts until what lies before `end` fits into a piece."""
        while end > self._start and end > (reach := self._reach(slack)):
            if self._done > self._start:
                self._give(self._done)
            elif self._start + (reach - self._start) // 4 < self._clause <= reach:
                self._give(self._clause)
            else:
                self._give(_cut_place(self._text, self._start, reach, self._span))

    def _reach(self, slack: float) -> int:
        """The last place where the piece may end."""
        reach = self._limit.reach(self._text, self._start)
        if self._count or not self._early:
            return reach
        look = min(_FIRST_WEIGHT, len(self._text) - self._start)
        dense = len(HAN.findall(self._text, self._start, self._start + look))
        return min(reach, self._start + int(slack * _FIRST_WEIGHT * look / (look + 2 * dense)))

    def _give(self, end: int) -> None:
        """What lies before `end` is a piece, unless there is nothing in it to say."""
        piece = self._text[self._start : end].strip()
        if piece and SILENT.fullmatch(piece) is None:
            self._pieces.append(piece)
            self._count += 1
            self._weight += _weight(piece) if self._early else 0
        self._start = SPACE.match(self._text, end).end()  # type: ignore[union-attr]
        self._done, self._clause, self._scan = (max(p, self._start) for p in (self._done, self._clause, self._scan))

    def _forget(self) -> None:
        gone, self._start = self._start, 0
        self._text = self._text[gone:]
        self._done, self._clause, self._scan = self._done - gone, self._clause - gone, self._scan - gone
        self._span = (self._span[0] - gone, self._span[1] - gone)


class SentenceSplitter:
    """Cuts an answer that arrives in tokens into pieces for speech.

    The first piece is given out as soon as a clause stands, later ones by whole sentence (while very
    little was said, by long clause too). A finished sentence leaves in the very `feed` that finishes
    it; several that one `feed` brings are joined, to longer pieces as the answer goes on. Pieces carry
    no white space at their borders; joined, they are the text. What no voice can say (a stray quote or
    full stop) goes with the next piece, and at the very end is dropped. `limit` is in characters,
    `limit_bytes` in bytes of UTF-8 (at least 4). `joined` is `EACH` or `FULL` where nobody waits for the
    first word. The work is in proportion to the text that arrives.
    """

    def __init__(
        self,
        first_clause: bool = True,
        limit: int | None = None,
        limit_bytes: int | None = None,
        joined: tuple[float, ...] = _JOINED_WEIGHTS,
    ) -> None:
        longest = _RUNAWAY if joined is _JOINED_WEIGHTS else None
        self._limit = _Limit(limit, limit_bytes, longest)
        self._first_clause, self._joined = first_clause, joined
        self._cutter = self._fresh()

    def _fresh(self) -> _Cutter:
        return _Cutter(self._limit, self._joined, self._first_clause)

    def feed(self, text: str) -> list[str]:
        """Takes the next token; returns the pieces that it finished."""
        return self._cutter.take(text, final=False)

    def flush(self, text: str = "") -> list[str]:
        """The answer has ended (with `text`): returns what is left, and is ready for the next answer."""
        pieces = self._cutter.take(text, final=True)
        self._cutter = self._fresh()
        return pieces
