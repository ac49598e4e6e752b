"""How a line begins, and what makes lines: headings, items, quotes, tables, rules, fenced code, definitions.

Belongs here: blocks of Markdown. Does not belong here: signs inside a line (inline.py).
"""

from __future__ import annotations

import re

from voicecli.text.spoken.saying import WORDS, Skip, SpokenWords
from voicecli.text.spoken.signs import ENDS_ITSELF, LONGEST_LINE_HEAD, MORE

_LINE_HEADS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?:[-*_][ \t]*){3,200}(?=\n|\Z)|=+[ \t]*(?=\n|\Z)"), "rule"),
    (re.compile(r"\|?[ \t]*+:?-{2,}+:?[ \t]*+(?:\|[ \t]*+:?-*+:?[ \t]*+)++(?=\n|\Z)"), "rule"),
    (re.compile(r"#{1,6}[ \t]+"), "heading"),
    (re.compile(r"[-*+•‣◦▪–][ \t]+(?:\[[ xX]\][ \t]+)?"), "item"),
    (re.compile(r">[ \t]?"), "quote"),
    (re.compile(r"\|"), "row"),
    (re.compile(r"\[\^[^\]\n]{1,60}\]:"), "note"),
    (
        re.compile(
            r"\[[^\]\n]{1,100}\]:[ \t]*(?:<[^<>\n]*>|(?:https?:|/|#|www)[^\s]*)"
            r"(?:[ \t]+(?:\"[^\"\n]*\"|'[^'\n]*'|\([^()\n]*\)))?[ \t]*(?=\n|\Z)"
        ),
        "definition",
    ),
    (re.compile(r"(`{3,64}|~{3,64})"), "fence"),
)
_LINE_HEAD_OPEN = re.compile(
    r"(?:#{1,6}[ \t]*|[-*_ \t]+|[-*+•‣◦▪–][ \t]+(?:\[[ xX]?\]?)?|[+•‣◦▪–]|\|?[ \t:|-]+|=+[ \t]*|`+|~+"
    r"|\[[^\]\n]{0,100}(?:\](?::[ \t]*(?:h|ht|htt|https?|w|ww|(?:https?:|[/#<]|www)[^\n]*)?)?)?)\Z"
)
_INFO = re.compile(r"[\w+#.-]{0,20}[ \t]*\r?\n")
"""What may follow the ticks of a block that begins inside a line."""
_PROSE = re.compile(r"[^\W\d_][.,;:]?[ \t]+[^\W\d_]")


def begin_line(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    indent = at
    while at < len(text) and text[at] in " \t":
        at += 1
    if at > indent:
        return at
    if not final and len(text) - at < LONGEST_LINE_HEAD and _LINE_HEAD_OPEN.match(text, at):
        return MORE
    for pattern, kind in _LINE_HEADS:
        if (head := pattern.match(text, at)) and head.end() - at < LONGEST_LINE_HEAD:
            return _begin_block(saying, kind, head, text, final)
    saying.line_begins = False
    return at


def _begin_block(saying: SpokenWords, kind: str, head: re.Match[str], text: str, final: bool) -> int:
    if kind == "fence":
        return begin_fence(saying, text, head.start(), head[1], final)
    saying.line_begins = kind == "quote"
    if kind in ("heading", "item", "row", "note"):
        saying.block = kind
    return head.end()


def begin_fence(saying: SpokenWords, text: str, at: int, ticks: str, final: bool) -> int:
    """Ticks that close in the same line are code inside a line; else a block begins, where they begin a line."""
    opened = at + len(ticks)
    line = text.find("\n", opened)
    reach = min(len(text) if line < 0 else line, opened + LONGEST_LINE_HEAD)
    closed = text.find(ticks, opened, reach)
    if closed > opened and ticks[0] == "`":
        saying.ticks, saying.line_begins = ticks, False
        return opened
    if line < 0 and not final and len(text) - opened < LONGEST_LINE_HEAD:
        return MORE
    named = saying.line_begins or _INFO.match(text, opened)
    if not named or ticks in saying.hopeless:
        saying.line_begins = False
        return opened
    _skip_code(saying, ticks, text[at : line if line >= 0 else len(text)])
    return line if line >= 0 else len(text)


def _skip_code(saying: SpokenWords, ticks: str, head: str) -> None:
    """From a fence on. One that begins a line needs no end; one that might be prose is code when its end has come."""
    certain = saying.line_begins and not _PROSE.search(head)
    if certain:
        saying.notice("code")
    closing = re.compile(rf"\n[ \t]{{0,8}}{ticks}{ticks[0]}*(?=[ \t\r\n])")
    opening = re.compile(rf"\n[ \t]{{0,8}}{ticks[0]}*\Z")
    saying.line_begins = False
    saying.skip_from(Skip(ticks, closing, opening, certain, "" if certain else "code"), head)


def read_newline(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    if text[at] == "\r" and at + 1 == len(text) and not final:
        return MORE
    if not text.startswith("\r\n", at):
        saying.end_block()
        saying.end_line()
        saying.line_begins, saying.brackets = True, []
    return at + 1


def read_bar(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    """A table's cells are read with commas between them."""
    after = at + 1
    while after < len(text) and text[after] in " \t" and after - at < LONGEST_LINE_HEAD:
        after += 1
    if after == len(text) and not final:
        return MORE
    if saying.block != "row" and not (saying.before() == " " and after > at + 1):
        return saying.literal(text, at)
    if text[after : after + 1] in ("", "\n", "\r"):
        return after
    language = saying.language()
    saying.gap = ""
    if saying.line_head and not ENDS_ITSELF.search(saying.tail):
        saying.say(WORDS[language]["comma"])
    saying.gap = " " if language == "en" else ""
    return after


def read_number_sign(saying: SpokenWords, text: str, at: int, final: bool) -> int:
    """The signs that close a heading are dropped."""
    if saying.block != "heading" or saying.before() != " ":
        return saying.literal(text, at)
    after = at
    while after < len(text) and text[after] in "# " and after - at < LONGEST_LINE_HEAD:
        after += 1
    if after == len(text) and not final:
        return MORE
    return after if text[after : after + 1] in ("", "\n", "\r") else saying.literal(text, at)
