"""Where a text may be cut for a voice: an answer that is still being written, or a long text.

Belongs here: finding clause and sentence ends, and cutting within a service's limits. Pure text.
Does not belong here: markup (spoken.py removes it first), sound, waiting.

Every punctuation mark is judged once, by the rule that the table `_JUDGES` has for it, from the word
before it and the character after it. Where that character has not arrived and would decide ("3." may
become "3.14"), the mark waits for it; else it is judged at once, so that no sentence is held back.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from enum import Enum, auto

from voicecli.text.characters import HAN_KANA, WIDE_POINTS, is_han_kana


class _Is(Enum):
    """What a mark turned out to be."""

    SENTENCE = auto()
    CLAUSE = auto()
    NOTHING = auto()
    UNDECIDED = auto()
    CODE = auto()


_Verdict = tuple[_Is, int]
"""A mark's meaning, and where the text up to and with it ends."""

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
_LONGEST_FENCE = 4000
"""A code block longer than this is taken for a stray mark."""
_LONGEST_SPAN = 200
"""The same for code inside a line."""
_LOOK_BEHIND = 200
_LOOK_AHEAD = 24

_CLOSERS = r"\"'“”’»›)\]}*_~」』】》〉）］｝〕〗"
_MARK = re.compile(r"[.!?…‥,;:—–。！？｡．，、；：।॥؟۔؛،`\n]|(?<=\s)-+")
_TAIL = re.compile(rf"[.!?…‥。！？｡．।॥؟۔]*[{_CLOSERS}]*")
_CLOSING = re.compile(rf"[{_CLOSERS}]*")
_DASHES = re.compile(r"[—–\-]*")
_SPACE = re.compile(r"\s*")
_TICKS = re.compile("`+")
_SILENT = re.compile(rf"[\s.…‥,;:!?؟۔؛،।॥¿¡{_CLOSERS}“‘«‹(\[{{<>`/\\|·•—–―\-{WIDE_POINTS}]*")
_HAN = re.compile(f"[{HAN_KANA}]")
_TWO_LETTERS = re.compile(r"[^\W\d_][^\n]*[^\W\d_]")
_NEW_BLOCK = re.compile(r"\n[^\S\n]{0,24}(?:\n|[-*+•]\s|\d{1,3}[.)]\s)")
_MAYBE_BLOCK = re.compile(r"\n[^\S\n]{0,24}(?:[-*+•]|\d{1,3}[.)]?)?\Z")
_LIST_NUMBER = re.compile(r"\s*[\"'“‘(]*\d{1,3}")
_OPENERS = "\"'“‘«([{*_~<"

# Abbreviations, without their last full stop.
_TITLES = frozenset(
    "Mr Mrs Ms Mx Dr Prof Rev Hon Gen Col Capt Lt Sgt Maj Cmdr Gov Sen Rep Pres St Mt Ft Fr Sra Dra Mme Ph".split()
)
_GOES_ON = frozenset("e.g i.e vs cf viz approx resp esp incl al ca bzw z.b d.h p.ej".split())
_BEFORE_NUMBERS = frozenset(
    "no nos nr fig figs vol vols pp ch chap sec art eq op ver par jan feb apr jun jul aug sep sept oct nov dec".split()
)
_MAY_END = frozenset("etc inc ltd co corp jr sr bros llc dept est a.m p.m usw u.a".split())
_INITIALS = re.compile(r"[A-Z](?:[a-z]?\.[A-Z][a-z]?)*|[a-z]")
_NEXT_WORD = re.compile(rf"\s*[{re.escape(_OPENERS)}]*([^\W\d_]*)")
_STARTERS = frozenset(
    "The This That These Those It He She We They You There Here But And So However If When What".split()
)
# What stands before ".com" or ".py": after such a word the next character is waited for.
_ADDRESS_SIGNS = re.compile(r"[/@_\\=#&]|www|\w:|\(\)")
_URL = re.compile(r"://|^www\.|@")
_SUFFIXES = frozenset("com org net io dev gov edu cn uk de fr jp eu py js ts md txt pdf toml json html css".split())
_STEMS = frozenset("example github gitlab google wikipedia youtube readme index node vue localhost".split())
_NAMES_A_FILE = frozenset("file visit open edit run called named module script site website import".split())
_SCHEMES = frozenset("http https ftp file mailto ws wss".split())
_QUOTES = frozenset("\"'”’»」』")
_NOT_AFTER_BANG = frozenset(",;:=&/-_%")


def _weight(text: str) -> int:
    """About how long `text` takes to say, in Latin letters: a Chinese or Japanese character takes as long as three."""
    return len(text) if text.isascii() else len(text) + 2 * len(_HAN.findall(text))


def _word_before(text: str, start: int, at: int) -> str:
    """The run without white space that ends at `at`, without opening quotes; only its Latin end."""
    if at <= start or text[at - 1].isspace():
        return ""
    run = text[max(start, at - _LOOK_BEHIND) : at].rsplit(None, 1)[-1].lstrip(_OPENERS)
    return run if run.isascii() else _HAN.split(run)[-1].lstrip(WIDE_POINTS)


def _letter_after(text: str, at: int) -> str:
    """The first character after white space from `at` on; empty where it has not arrived."""
    at = _SPACE.match(text, at, at + _LOOK_AHEAD).end()  # type: ignore[union-attr]
    return text[at : at + 1]


def _could_be_address(text: str, start: int, at: int, word: str) -> bool:
    """True where the full stop at `at` may be one inside a number, address or file name."""
    if not word or word[-1].isdigit() or _ADDRESS_SIGNS.search(word):
        return True
    if "." in word:
        return word.rpartition(".")[2].lower() not in _SUFFIXES
    if word in _STEMS or not word.islower():
        return word in _STEMS
    before = text[max(start, at - len(word) - 12) : at - len(word)].split()
    return bool(before) and before[-1].lower() in _NAMES_A_FILE


def _is_abbreviation(word: str) -> bool:
    lower = word.lower()
    known = word in _TITLES or lower in _GOES_ON or lower in _BEFORE_NUMBERS or lower in _MAY_END
    return known or bool(_INITIALS.fullmatch(word))


def _after_abbreviation(text: str, word: str, end: int, final: bool) -> _Is:
    """What the full stop of an abbreviation is, by what follows at `end`."""
    lower = word.lower()
    if word in _TITLES or lower in _GOES_ON:
        return _Is.NOTHING
    letter = _letter_after(text, end)
    if not letter:
        return _Is.SENTENCE if final else _Is.UNDECIDED
    if letter.islower() or letter.isdigit():
        return _Is.NOTHING
    if lower in _BEFORE_NUMBERS or lower in _MAY_END:
        return _Is.SENTENCE
    return _after_initials(text, end, final)


def _after_initials(text: str, end: int, final: bool) -> _Is:
    """ "U.S. The next" ends a sentence, "U.S. Army" and "J. Smith" do not."""
    following = _NEXT_WORD.match(text, end)
    if following is None or (following.end() == len(text) and not final):
        return _Is.UNDECIDED
    return _Is.SENTENCE if following[1] in _STARTERS else _Is.NOTHING


def _full_stop(text: str, start: int, at: int, final: bool) -> _Verdict:
    end = _TAIL.match(text, at + 1).end()  # type: ignore[union-attr]
    if text.startswith("..", at):
        return _ellipsis(text, start, at, final)
    follows = text[end : end + 1]
    word = _word_before(text, start, at)
    short = _is_abbreviation(word)
    if follows and not follows.isspace() and (short or not is_han_kana(follows)):
        return _Is.NOTHING, end
    if short:
        return _after_abbreviation(text, word, end, final), end
    if not follows:
        address = not final and _could_be_address(text, start, at, word)
        return (_Is.UNDECIDED if address else _Is.SENTENCE), end
    return (_Is.NOTHING if _LIST_NUMBER.fullmatch(text, start, at) else _Is.SENTENCE), end


def _bang(text: str, start: int, at: int, final: bool) -> _Verdict:
    """Question and exclamation marks."""
    end = _TAIL.match(text, at + 1).end()  # type: ignore[union-attr]
    follows = text[end : end + 1]
    if not follows:
        address = not final and _URL.search(_word_before(text, start, at))
        return (_Is.UNDECIDED if address else _Is.SENTENCE), end
    if (follows.isascii() and follows.isalnum()) or follows in _NOT_AFTER_BANG:
        return _Is.NOTHING, end
    quoted = end - at > 1 and text[end - 1] in _QUOTES
    return (_Is.NOTHING if quoted and _letter_after(text, end).islower() else _Is.SENTENCE), end


def _wide_stop(text: str, start: int, at: int, final: bool) -> _Verdict:
    """Full stops that mean nothing else, except the wide one inside a number."""
    end = _TAIL.match(text, at + 1).end()  # type: ignore[union-attr]
    if text[at] != "．" or not text[at - 1 : at].isdigit():
        return _Is.SENTENCE, end
    if end == len(text):
        return (_Is.SENTENCE if final else _Is.UNDECIDED), end
    return (_Is.NOTHING if text[end].isdigit() else _Is.SENTENCE), end


def _ellipsis(text: str, start: int, at: int, final: bool) -> _Verdict:
    end = _TAIL.match(text, at + 1).end()  # type: ignore[union-attr]
    if text.startswith("..", at) and end - at < 3 and end == len(text) and not final:
        return _Is.UNDECIDED, end
    if _SILENT.fullmatch(text, start, at):
        return _Is.NOTHING, end
    return (_Is.CLAUSE if _letter_after(text, end).islower() else _Is.SENTENCE), end


def _comma(text: str, start: int, at: int, final: bool) -> _Verdict:
    """Also semicolon and colon: nothing inside a number, word or address, where the next character decides."""
    end = _CLOSING.match(text, at + 1).end()  # type: ignore[union-attr]
    follows = text[end : end + 1]
    if follows or final:
        return (_Is.CLAUSE if not follows.strip() or is_han_kana(follows) else _Is.NOTHING), end
    word = _word_before(text, start, at)
    inside = text[at - 1 : at].isdigit() or word.lower() in _SCHEMES or _URL.search(word)
    return (_Is.UNDECIDED if inside else _Is.CLAUSE), end


def _wide_comma(text: str, start: int, at: int, final: bool) -> _Verdict:
    digits = text[at] == "：" and text[at - 1 : at].isdigit()
    if digits and (at + 1 == len(text) or text[at + 1].isdigit()):
        return (_Is.NOTHING if at + 1 < len(text) or final else _Is.UNDECIDED), at + 1
    return _Is.CLAUSE, _CLOSING.match(text, at + 1).end()  # type: ignore[union-attr]


def _dash(text: str, start: int, at: int, final: bool) -> _Verdict:
    """A long dash stands by itself; a short one only between white space, not in "1–2" or "-5"."""
    end = _DASHES.match(text, at).end()  # type: ignore[union-attr]
    long = "—" in text[at:end]
    before, follows = text[at - 1 : at], text[end : end + 1]
    if _SILENT.fullmatch(text, start, at):
        return _Is.NOTHING, end
    if not follows and not final and (not long or before.isdigit()):
        return _Is.UNDECIDED, end
    apart = before.isspace() and follows.isspace()
    ranged = before.isdigit() and follows.isdigit()
    return (_Is.CLAUSE if apart or (long and not ranged) else _Is.NOTHING), end


def _line_end(text: str, start: int, at: int, final: bool) -> _Verdict:
    """An empty line or a new list item ends what stands before it; a mere line break is a space."""
    if _NEW_BLOCK.match(text, at):
        return _Is.SENTENCE, at + 1
    if not final and _MAYBE_BLOCK.match(text, at):
        return _Is.UNDECIDED, at + 1
    return _Is.NOTHING, at + 1


def _code(text: str, start: int, at: int, final: bool) -> _Verdict:
    """Code ends where as many ticks close it; a mark that nothing closes is only a mark."""
    opened = _TICKS.match(text, at).end()  # type: ignore[union-attr]
    ticks = text[at:opened]
    if opened == len(text) and not final:
        return _Is.UNDECIDED, opened
    longest = _LONGEST_FENCE if len(ticks) >= 3 else _LONGEST_SPAN
    closed = text.find(ticks, opened, opened + longest)
    if closed >= 0:
        return _Is.CODE, closed + len(ticks)
    open_still = not final and len(text) - opened < longest
    return (_Is.UNDECIDED if open_still else _Is.NOTHING), opened


_Judge = Callable[[str, int, int, bool], _Verdict]
"""Text, start of the sentence, place of the mark, whether the text has ended."""

_JUDGES: dict[str, _Judge] = {
    **dict.fromkeys(".", _full_stop),
    **dict.fromkeys("!?؟", _bang),
    **dict.fromkeys("。！？｡．।॥۔", _wide_stop),
    **dict.fromkeys("…‥", _ellipsis),
    **dict.fromkeys(",;:؛،", _comma),
    **dict.fromkeys("，、；：", _wide_comma),
    **dict.fromkeys("—–-", _dash),
    "\n": _line_end,
    "`": _code,
}


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
        while mark := _MARK.search(self._text, self._scan):
            at, sign = mark.start(), mark[0][0]
            verdict, end = _JUDGES[sign](self._text, self._done, at, final)
            if verdict is _Is.UNDECIDED:
                self._scan = at
                self._make_room(at if sign == "`" and not self._limit.given else len(self._text))
                return
            self._scan = end
            self._obey(verdict, at, end)
        self._scan = len(self._text)
        self._make_room(self._scan)

    def _obey(self, verdict: _Is, at: int, end: int) -> None:
        if verdict is _Is.SENTENCE:
            self._make_room(end, slack=_FIRST_SLACK)
            self._sentence(end)
        elif verdict is _Is.CLAUSE:
            self._make_room(end, slack=_FIRST_SLACK)
            self._end_clause(end)
        elif verdict is _Is.CODE and self._text.startswith("```", at):
            self._fence(at, end)
        elif verdict is _Is.CODE:
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
        said = _SILENT.match(self._text, self._done)
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
        dense = len(_HAN.findall(self._text, self._start, self._start + look))
        return min(reach, self._start + int(slack * _FIRST_WEIGHT * look / (look + 2 * dense)))

    def _give(self, end: int) -> None:
        """What lies before `end` is a piece, unless there is nothing in it to say."""
        piece = self._text[self._start : end].strip()
        if piece and _SILENT.fullmatch(piece) is None:
            self._pieces.append(piece)
            self._count += 1
            self._weight += _weight(piece) if self._early else 0
        self._start = _SPACE.match(self._text, end).end()  # type: ignore[union-attr]
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


def split_text(text: str, *, limit: int | None = None, limit_bytes: int | None = None) -> list[str]:
    """Cuts a whole text into pieces within the limits (400 characters where there are none).

    Sentences are joined up to the limit. One that is longer is cut at clauses, where there are none at
    spaces, where there are none between whole characters.
    """
    return _Cutter(_Limit(limit, limit_bytes), FULL, early=False).take(text, final=True)
