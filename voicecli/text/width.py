"""How much room a text takes on a terminal, and where its lines are broken.

Belongs here: graphemes, cells, wrapping, cutting to a width. Does not belong here: colours, drawing.

A grapheme (what a reader sees as one character: a letter with its accents, a family of emoji) is never broken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from voicecli.text.characters import HAN_KANA, WIDE_POINTS

_NO_START = frozenset("、。〉》」』】〕〗！），．：；？］｝,.!?;:)]}%”’…・ー")
"""What may not begin a row."""
_NO_END = frozenset("（〈《「『【〔〖［｛“‘")
"""What may not end one, before or between wide characters."""
_WIDE = re.compile(f"[{HAN_KANA}{WIDE_POINTS}]")
_PARTS = re.compile(r"\s+|[^\s]+")


def graphemes(text: str) -> Iterator[str]:
    """What a reader sees as single characters."""
    if text.isascii():
        return iter(text)
    import wcwidth  # its tables take 15 ms, and most texts are in ASCII

    return wcwidth.iter_graphemes(text)


def cells(text: str) -> int:
    """How many cells of a terminal the text takes; characters that are not printed take none."""
    if text.isascii() and text.isprintable():
        return len(text)
    import wcwidth

    width = wcwidth.wcswidth(text)
    return width if width >= 0 else sum(max(0, wcwidth.wcswidth(each)) for each in graphemes(text))


def cut(text: str, width: int) -> str:
    """`text`, ended with "…" where it would take more than `width` cells."""
    if cells(text) <= width:
        return text
    return _head(text, width - 1)[0].rstrip() + "…"


def tail(text: str, width: int) -> str:
    """The end of `text`, begun with "…" at a word where it would take more than `width` cells."""
    if cells(text) <= width:
        return text
    kept, room = [], width - 1
    for each in reversed(list(graphemes(text))):
        room -= cells(each)
        if room < 0:
            break
        kept.append(each)
    end = "".join(reversed(kept))
    first, space, rest = end.partition(" ")
    return "…" + (rest if space and cells(first) < width // 3 else end)


def wrapped(text: str, width: int, indent: str = "") -> str:
    """`text` in rows of at most `width` cells, broken at spaces, between wide characters, or inside a long word.

    Line breaks of the text stay; the spaces at which a row is broken go. Rows after the first of a line begin
    with `indent`.
    """
    return "\n".join(row for line in text.split("\n") for row in _rows(line, max(width, 2), indent))


def headed(name: str, text: str = "") -> str:
    """`name: text`, with the colon of the name's script."""
    return f"{name}：{text}" if _WIDE.match(name[-1:]) else f"{name}: {text}".rstrip(" ")


def _rows(line: str, width: int, indent: str) -> list[str]:
    indent = indent if cells(indent) < width // 2 else ""
    rows, row, room = [], "", width
    for part in _breakable(line):
        size = cells(part)
        if part.isspace():
            row, room = row + part, room - size
            continue
        if size > room and row.strip():
            rows.append(row.rstrip())
            row, room = indent, width - cells(indent)
        while size > room and room > 0:
            head, part = _broken(part, room)
            rows.append(row + head)
            row, room, size = indent, width - cells(indent), cells(part)
        row, room = row + part, room - size
    return [*rows, row.rstrip()] if row.strip() or not rows else rows


def _broken(part: str, room: int) -> tuple[str, str]:
    """What of a long word stands in `room` cells, and the rest: behind a mark, where one is near."""
    head, rest = _head(part, room)
    at = 1 + max(map(head.rfind, "/._-=&?"))
    return (head[:at], head[at:] + rest) if rest and at > len(head) // 2 else (head, rest)


def _breakable(line: str) -> Iterator[str]:
    """Runs of white space, and what must stay together between them."""
    for run in _PARTS.findall(line):
        if run.isspace() or not _WIDE.search(run):
            yield run
        else:
            yield from _wide_parts(run)


def _wide_parts(run: str) -> Iterator[str]:
    """A run with wide characters: each is a part of its own, with the marks that may not begin a row."""
    part = ""
    for each in graphemes(run):
        breaks = _WIDE.match(each) or (part and _WIDE.match(part[-1]))
        if part and breaks and each[0] not in _NO_START and part[-1] not in _NO_END:
            yield part
            part = ""
        part += each
    if part:
        yield part


def _head(text: str, width: int) -> tuple[str, str]:
    """What of `text` fits into `width` cells (at least one grapheme), and the rest."""
    at = taken = 0
    for each in graphemes(text):
        taken += cells(each)
        if taken > width and at:
            break
        at += len(each)
    return text[:at], text[at:]
