"""What each punctuation mark means: the end of a sentence, of a clause, or nothing.

Belongs here: a judge for every mark, by the word before it and the character after it. Does not belong here: cutting.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, auto

from voicecli.text.characters import HAN_KANA, WIDE_POINTS, is_han_kana


class Is(Enum):
    """What a mark turned out to be."""

    SENTENCE = auto()
    CLAUSE = auto()
    NOTHING = auto()
    UNDECIDED = auto()
    CODE = auto()


_Verdict = tuple[Is, int]
"""A mark's meaning, and where the text up to and with it ends."""

_LONGEST_FENCE = 4000
"""A code block longer than this is taken for a stray mark."""
_LONGEST_SPAN = 200
"""The same for code inside a line."""
_LOOK_BEHIND = 200
_LOOK_AHEAD = 24

_CLOSERS = r"\"'“”’»›)\]}*_~」』】》〉）］｝〕〗"
MARK = re.compile(r"[.!?…‥,;:—–。！？｡．，、；：।॥؟۔؛،`\n]|(?<=\s)-+")
_TAIL = re.compile(rf"[.!?…‥。！？｡．।॥؟۔]*[{_CLOSERS}]*")
_CLOSING = re.compile(rf"[{_CLOSERS}]*")
_DASHES = re.compile(r"[—–\-]*")
SPACE = re.compile(r"\s*")
_TICKS = re.compile("`+")
SILENT = re.compile(rf"[\s.…‥,;:!?؟۔؛،।॥¿¡{_CLOSERS}“‘«‹(\[{{<>`/\\|·•—–―\-{WIDE_POINTS}]*")
HAN = re.compile(f"[{HAN_KANA}]")
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


def _word_before(text: str, start: int, at: int) -> str:
    """The run without white space that ends at `at`, without opening quotes; only its Latin end."""
    if at <= start or text[at - 1].isspace():
        return ""
    run = text[max(start, at - _LOOK_BEHIND) : at].rsplit(None, 1)[-1].lstrip(_OPENERS)
    return run if run.isascii() else HAN.split(run)[-1].lstrip(WIDE_POINTS)


def _letter_after(text: str, at: int) -> str:
    """The first character after white space from `at` on; empty where it has not arrived."""
    at = SPACE.match(text, at, at + _LOOK_AHEAD).end()  # type: ignore[union-attr]
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


def _after_abbreviation(text: str, word: str, end: int, final: bool) -> Is:
    """What the full stop of an abbreviation is, by what follows at `end`."""
    lower = word.lower()
    if word in _TITLES or lower in _GOES_ON:
        return Is.NOTHING
    letter = _letter_after(text, end)
    if not letter:
        return Is.SENTENCE if final else Is.UNDECIDED
    if letter.islower() or letter.isdigit():
        return Is.NOTHING
    if lower in _BEFORE_NUMBERS or lower in _MAY_END:
        return Is.SENTENCE
    return _after_initials(text, end, final)


def _after_initials(text: str, end: int, final: bool) -> Is:
    """ "U.S. The next" ends a sentence, "U.S. Army" and "J. Smith" do not."""
    following = _NEXT_WORD.match(text, end)
    if following is None or (following.end() == len(text) and not final):
        return Is.UNDECIDED
    return Is.SENTENCE if following[1] in _STARTERS else Is.NOTHING


def _full_stop(text: str, start: int, at: int, final: bool) -> _Verdict:
    end = _TAIL.match(text, at + 1).end()  # type: ignore[union-attr]
    if text.startswith("..", at):
        return _ellipsis(text, start, at, final)
    follows = text[end : end + 1]
    word = _word_before(text, start, at)
    short = _is_abbreviation(word)
    if follows and not follows.isspace() and (short or not is_han_kana(follows)):
        return Is.NOTHING, end
    if short:
        return _after_abbreviation(text, word, end, final), end
    if not follows:
        address = not final and _could_be_address(text, start, at, word)
        return (Is.UNDECIDED if address else Is.SENTENCE), end
    return (Is.NOTHING if _LIST_NUMBER.fullmatch(text, start, at) else Is.SENTENCE), end


def _bang(text: str, start: int, at: int, final: bool) -> _Verdict:
    """Question and exclamation marks."""
    end = _TAIL.match(text, at + 1).end()  # type: ignore[union-attr]
    follows = text[end : end + 1]
    if not follows:
        address = not final and _URL.search(_word_before(text, start, at))
        return (Is.UNDECIDED if address else Is.SENTENCE), end
    if (follows.isascii() and follows.isalnum()) or follows in _NOT_AFTER_BANG:
        return Is.NOTHING, end
    quoted = end - at > 1 and text[end - 1] in _QUOTES
    return (Is.NOTHING if quoted and _letter_after(text, end).islower() else Is.SENTENCE), end


def _wide_stop(text: str, start: int, at: int, final: bool) -> _Verdict:
    """Full stops that mean nothing else, except the wide one inside a number."""
    end = _TAIL.match(text, at + 1).end()  # type: ignore[union-attr]
    if text[at] != "．" or not text[at - 1 : at].isdigit():
        return Is.SENTENCE, end
    if end == len(text):
        return (Is.SENTENCE if final else Is.UNDECIDED), end
    return (Is.NOTHING if text[end].isdigit() else Is.SENTENCE), end


def _ellipsis(text: str, start: int, at: int, final: bool) -> _Verdict:
    end = _TAIL.match(text, at + 1).end()  # type: ignore[union-attr]
    if text.startswith("..", at) and end - at < 3 and end == len(text) and not final:
        return Is.UNDECIDED, end
    if SILENT.fullmatch(text, start, at):
        return Is.NOTHING, end
    return (Is.CLAUSE if _letter_after(text, end).islower() else Is.SENTENCE), end


def _comma(text: str, start: int, at: int, final: bool) -> _Verdict:
    """Also semicolon and colon: nothing inside a number, word or address, where the next character decides."""
    end = _CLOSING.match(text, at + 1).end()  # type: ignore[union-attr]
    follows = text[end : end + 1]
    if follows or final:
        return (Is.CLAUSE if not follows.strip() or is_han_kana(follows) else Is.NOTHING), end
    word = _word_before(text, start, at)
    inside = text[at - 1 : at].isdigit() or word.lower() in _SCHEMES or _URL.search(word)
    return (Is.UNDECIDED if inside else Is.CLAUSE), end


def _wide_comma(text: str, start: int, at: int, final: bool) -> _Verdict:
    digits = text[at] == "：" and text[at - 1 : at].isdigit()
    if digits and (at + 1 == len(text) or text[at + 1].isdigit()):
        return (Is.NOTHING if at + 1 < len(text) or final else Is.UNDECIDED), at + 1
    return Is.CLAUSE, _CLOSING.match(text, at + 1).end()  # type: ignore[union-attr]


def _dash(text: str, start: int, at: int, final: bool) -> _Verdict:
    """A long dash stands by itself; a short one only between white space, not in "1–2" or "-5"."""
    end = _DASHES.match(text, at).end()  # type: ignore[union-attr]
    long = "—" in text[at:end]
    before, follows = text[at - 1 : at], text[end : end + 1]
    if SILENT.fullmatch(text, start, at):
        return Is.NOTHING, end
    if not follows and not final and (not long or before.isdigit()):
        return Is.UNDECIDED, end
    apart = before.isspace() and follows.isspace()
    ranged = before.isdigit() and follows.isdigit()
    return (Is.CLAUSE if apart or (long and not ranged) else Is.NOTHING), end


def _line_end(text: str, start: int, at: int, final: bool) -> _Verdict:
    """An empty line or a new list item ends what stands before it; a mere line break is a space."""
    if _NEW_BLOCK.match(text, at):
        return Is.SENTENCE, at + 1
    if not final and _MAYBE_BLOCK.match(text, at):
        return Is.UNDECIDED, at + 1
    return Is.NOTHING, at + 1


def _code(text: str, start: int, at: int, final: bool) -> _Verdict:
    """Code ends where as many ticks close it; a mark that nothing closes is only a mark."""
    opened = _TICKS.match(text, at).end()  # type: ignore[union-attr]
    ticks = text[at:opened]
    if opened == len(text) and not final:
        return Is.UNDECIDED, opened
    longest = _LONGEST_FENCE if len(ticks) >= 3 else _LONGEST_SPAN
    closed = text.find(ticks, opened, opened + longest)
    if closed >= 0:
        return Is.CODE, closed + len(ticks)
    open_still = not final and len(text) - opened < longest
    return (Is.UNDECIDED if open_still else Is.NOTHING), opened


_Judge = Callable[[str, int, int, bool], _Verdict]
"""Text, start of the sentence, place of the mark, whether the text has ended."""

JUDGES: dict[str, _Judge] = {
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
