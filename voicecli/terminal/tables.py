"""Columns for a person on a terminal.

Belongs here: drawing rows of cells so that every cell can be read at any width. Does not belong here: which cells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

from voicecli.text.clean import clean
from voicecli.text.width import cells, headed, wrapped

GAP = 2
_LEAST, _WORD = 6, 10
"""A column is made no narrower than this, nor than its longest word while that has no more letters."""
_PARTS = re.compile(r"(?<=[/._-])|\s+")


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], columns: int, bold: str = "", plain: str = "") -> str:
    """The rows below their headers, wrapped within their columns; as records where they cannot stand side by side."""
    widths = fitted([*zip(headers, *rows, strict=True)], columns)
    if widths is None:
        return records(headers, rows, columns)
    lines = [f"{bold}{each}{plain}" for each in _row(headers, widths)]
    for row in rows:
        lines += _row(row, widths)
    return "\n".join(lines) + "\n"


def standing_out(text: str, words: Sequence[str]) -> str:
    """`text` with these words in bold, in any case, wherever they stand whole on a row; styles are let be."""
    found = re.compile("(\x1b\\[\\d*m)|" + "|".join(map(re.escape, words)), re.IGNORECASE)
    return found.sub(lambda match: match[0] if match[1] else f"\x1b[1m{match[0]}\x1b[0m", text)


def fitted(columns: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """Widths for columns of cells: the widest give first; None where a header's word would be broken."""
    widths = [max(map(cells, column)) for column in columns]
    least = [max(_LEAST, *map(cells, column[0].split() or [""]), min(_WORD, _longest(column))) for column in columns]
    room -= GAP * (len(widths) - 1)
    while sum(widths) > room:
        wide = [at for at in range(len(widths)) if widths[at] > least[at]]
        if not wide:
            return None
        widths[max(wide, key=widths.__getitem__)] -= 1
    return widths


def _longest(column: Sequence[str]) -> int:
    """The widest of the words, or of their parts between marks; wide characters may be parted anywhere."""
    return max((len(part) for cell in column for part in _PARTS.split(cell) if part.isascii()), default=0)


def _row(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The terminal's rows of one of ours."""
    parts = [wrapped(cell, width).split("\n") for cell, width in zip(row, widths, strict=True)]
    return side_by_side(parts, widths)


def side_by_side(parts: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    """The rows of several cells beside each other, `widths` cells wide; their styles take no room."""
    lines = []
    for line in zip_longest(*parts, fillvalue=""):
        padded = (text + " " * (width - cells(clean(text))) for text, width in zip(line, widths, strict=True))
        lines.append((" " * GAP).join(padded).rstrip())
    return lines


def records(headers: Sequence[str], rows: Sequence[Sequence[str]], columns: int) -> str:
    """Each row as lines of "header: cell"; empty cells are left out, and an empty line stands between two rows."""
    fields = ([headed(name, cell) for name, cell in zip(headers, row, strict=True) if cell] for row in rows)
    return "\n".join("".join(wrapped(each, columns, "  ") + "\n" for each in found) for found in fields)
