"""Signs inside a line: code, emphasis, arrows, links and notes, entities, emoji and what nobody sees.

Belongs here: a reader for each sign. Does not belong here: angle brackets (tags.py), formulas, addresses.
"""

from __future__ import annotations

import html
import re

from voicecli.text.spoken.lines import begin_fence
from voicecli.text.spoken.saying import SpokenWords
from voicecli.text.spoken.signs import EMOJI, EMOJIS, JOINERS, LONGEST_ADDRESS, LONGEST_RUN, MORE, sayable

_EMOJI_REST = re.compile(f"^[{EMOJI}{JOINERS}\u200d]+")
_EMOJI_LAST = re.compile(f"[{EMOJI}][{EMOJI}{JOINERS}\u200d]*$")
_TICKS = re.compile(f"`{{1,{LONGEST_RUN}}}")
_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}[@-~]|\][^\x07\x1b\n]{0,200}(?:\x07|\x1b\\)|[@-Z\\^_])")
_ESCAPE_OPEN = re.compile(r"\x1b(?:\[[0-?]{0,32}[ -/]{0,8}|\][^\x07\x1b\n]{0,200}\x1b?)?\Z")
_NOTE_MARK = re.compile(r"\[\^\d{1,3}\]|【\d[^】†\n]{0,20}†[^】\n]{0,40}】")
"""A note's number, and a service's pointer to what it has read."""
_CITATION = re.compile(r"\[[1-9]\d{0,2}(?:[,–-] ?\d{1,3}){0,9}\]")
_STOPS = frozenset(".!?。！？,;，；")
_BRACKET_OPEN = re.compile(r"(?:\[(?:\^[^\]\n]{0,60}|\d[\d,– -]{0,40})?|【(?:\d[^】\n]{0,60})?)\Z")
_PATH = r"(?:[^\s()]++|\([^\s()]*+\))*+"
_TARGET = re.compile(
    rf"\]\([ \t]*+(?:<[^<>\n]*+>|{_PATH})(?:[ \t]++(?:\"[^\"\n]*+\"|'[^'\n]*+'|\([^()\n]*+\)))?[ \t]*+\)"
)
_TARGET_OPEN = re.compile(
    rf"\]\([ \t]*+(?:<[^<>\n]*+>?|{_PATH}(?:\([^\s()]*+)?)"
    r"(?:[ \t]++(?:\"[^\"\n]*+\"?|'[^'\n]*+'?|\([^()\n]*+\)?)?)?[ \t]*+\Z"
)
_NO_REFERENCE = re.compile(r"\]\[\]")
_REFERENCE_OPEN = re.compile(r"\]\[\Z")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_ENTITY_OPEN = re.compile(r"&(?:#\d{0,7}|#[xX][0-9a-fA-F]{0,6}|[a-zA-Z][a-zA-Z0-9]{0,31})?\Z")


def read_ticks(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    ticks = _TICKS.match(text, at)
    assert ticks is not None
    if ticks.end() == len(text) and not final:
        return MORE
    if len(ticks[0]) >= 3:
        return begin_fence(saying, text, at, ticks[0], final)
    saying.ticks = ticks[0]
    return ticks.end()


def in_code(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    """Code inside a line is said as it stands; it ends at its ticks, or with the line."""
    line = text.find("\n", at)
    end = text.find(saying.ticks, at, line if line >= 0 else len(text))
    stop = next((place for place in (end, line) if place >= 0), len(text))
    if stop == len(text) and not final:
        stop -= len(text) - max(at, len(text[at:].rstrip("`")) + at)
    saying.say(_without_emoji(saying, text[at:stop]))
    if end >= 0 or line >= 0:
        stop += len(saying.ticks) if end >= 0 else 0
        saying.ticks, saying.emoji = "", False
        return stop
    return stop if stop > at or final else MORE


def _without_emoji(saying: SpokenWords, code: str) -> str:
    """The joiner of emoji may come after the emoji was dropped; what else it joins stays."""
    if saying.emoji:
        code = _EMOJI_REST.sub("", code)
    saying.emoji = bool(_EMOJI_LAST.search(code)) or (saying.emoji and not code)
    return sayable(code)


def read_emphasis(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    """Stars, underscores and tildes are dropped, but not in 3 * 4, snake_case or ~5."""
    sign, after = text[at], at
    while after < len(text) and text[after] == sign and after - at < LONGEST_RUN:
        after += 1
    if after == len(text) and not final:
        return MORE
    _say_emphasis(saying, sign, after - at, text[after : after + 1])
    return after


def _say_emphasis(saying: SpokenWords, sign: str, count: int, follows: str) -> None:
    before = saying.before()
    numbers = before.isdigit() and follows.isdigit()
    apart = before == follows == " " and saying.tail[-1:].isdigit()
    if sign == "*" and count == 1 and (numbers or apart):
        saying.word("times")
    elif sign == "~" and count == 1 and follows.isdigit() and not before.isalnum():
        saying.word("about")
    elif (sign == "_" and before.isalnum() and follows.isalnum()) or (sign == "*" and numbers):
        saying.say(sign * count)
    elif sign == "~" and follows == "/":
        saying.say(sign)


def read_arrow(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    """An arrow between two things is read "to"; one that begins a line is a bullet."""
    after = at + 1
    while after < len(text) and text[at] in "-=" and text[after] == text[at] and after - at < LONGEST_RUN:
        after += 1
    if text[at] in "-=" and after == len(text) and not final:
        return MORE
    line = text[at] == saying.before() == "-"  # what came before did not fit on an arrow
    if text[at] in "-=" and (line or text[after : after + 1] != ">"):
        saying.say(text[at:after])
        return after
    if saying.line_head:
        saying.word("to")
    return after + (text[at] in "-=")


def read_exclamation(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    """The mark before a picture is dropped; one that ends a sentence passes at once."""
    if saying.before().strip():
        return saying.literal(text, at)
    if at + 1 == len(text):
        return saying.literal(text, at) if final else MORE
    return at + 1


def read_bracket(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    """Links are read by their label. Numbers of notes are not read, nor of sources where they follow a full stop."""
    if not final and _BRACKET_OPEN.match(text, at):
        return MORE
    before = saying.before()
    mark = _NOTE_MARK.match(text, at) or (_CITATION.match(text, at) if before in _STOPS else None)
    if mark and mark.end() == len(text) and not final:
        return MORE
    if mark and text[mark.end() : mark.end() + 1] != "(":
        saying.dropped = True
        return mark.end()
    if text[at] == "【":
        return saying.literal(text, at)
    kept = before.isascii() and (before.isalnum() or before in ("_", ")", "]")) and before != ""
    saying.brackets.append(kept)
    return saying.literal(text, at) if kept else at + 1


def read_bracket_end(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    """The end of a label, and the target that follows it."""
    if at + 1 == len(text) and not final:
        return MORE
    if not saying.brackets:
        return at + 1
    kept = saying.brackets[-1]
    target = None if kept else _TARGET.match(text, at) or _NO_REFERENCE.match(text, at)
    waits = not kept and (_TARGET_OPEN.match(text, at) or _REFERENCE_OPEN.match(text, at))
    if waits and not target and not final and len(text) - at < LONGEST_ADDRESS:
        return MORE
    saying.brackets.pop()
    if kept:
        return saying.literal(text, at)
    return target.end() if target else at + 1


def read_entity(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    if entity := _ENTITY.match(text, at):
        said = sayable(html.unescape(entity[0]))
        saying.say(" ".join(said.split()) or " ")
        return entity.end()
    return saying.literal(text, at) if final or not _ENTITY_OPEN.match(text, at) else MORE


def read_space(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    saying.gap = saying.gap or " "
    return at + 1


def read_escape(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    """A terminal's escape sequence is dropped whole."""
    if sequence := _ESCAPE_SEQUENCE.match(text, at):
        return sequence.end()
    return MORE if not final and _ESCAPE_OPEN.match(text, at) else at + 1


def read_unseen(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    """Emoji and what nobody sees. The joiner of emoji joins letters too, in some scripts."""
    if text[at] == "\u200d" and not saying.dropped:
        return saying.literal(text, at)
    if emoji := EMOJIS.match(text, at):
        saying.gap = saying.gap or (" " if saying.tail[-1:].isascii() and saying.tail[-1:].isalnum() else "")
        saying.dropped = True
        return emoji.end()
    return at + 1
