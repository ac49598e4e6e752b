"""Markdown as a terminal shows it: every word of it, at any width.

Belongs here: how a block of Markdown looks, and an answer that is drawn while it is written. Does not belong here:
where a block ends (text/blocks.py), which rows are free (rows.py).

HTML and words in angle brackets are shown as they are written, line breaks stay, wide cells are wrapped. Where a block
would still lose a word (a table's row with too many cells), it is shown as it was written.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from voicecli.terminal.console import BOLD, DIM, PLAIN, Console
from voicecli.terminal.styled import Styled
from voicecli.terminal.tables import fitted, side_by_side
from voicecli.text.blocks import Blocks
from voicecli.text.clean import clean
from voicecli.text.width import wrapped

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

ITALIC, UNDERLINE, STRIKE, CODE = "\x1b[3m", "\x1b[4m", "\x1b[9m", "\x1b[36m"
_INLINE = {"strong_open": BOLD, "em_open": ITALIC, "s_open": STRIKE, "link_open": UNDERLINE}
_COLOURS = (
    ("Token.Comment", DIM),
    ("Token.Keyword", "\x1b[34m"),
    ("Token.Literal.String", "\x1b[32m"),
    ("Token.Literal.Number", "\x1b[36m"),
    ("Token.Name.Function", "\x1b[33m"),
    ("Token.Name.Class", "\x1b[33m"),
    ("Token.Operator.Word", "\x1b[34m"),
)
"""Of code: colours that can be read on light and on dark."""
_WORD = re.compile(r"[^\W_]+")
_UNSAID = re.compile(r"^ {0,3}(?:```|~~~).*|^[ >]*\d{1,9}[.)](?=\s)", re.MULTILINE)
"""Of a block's source, what is drawn in another way: fences, numbers of items."""


def render(block: str, width: int, *, coloured: bool) -> str:
    """One block of Markdown in rows of at most `width` cells, each ended."""
    rows = list(_blocks(_parser().parse(block), width))
    if _loses_words(block, rows):
        rows = wrapped(block, width).split("\n")
    text = "".join(f"{row.rstrip()}\n" for row in rows)
    return text if coloured else clean(text)


def _loses_words(block: str, rows: Sequence[str]) -> bool:
    shown, at = "".join(_WORD.findall(clean("".join(rows)))), 0
    for word in _WORD.findall(html.unescape(_UNSAID.sub("", block))):
        at = shown.find(word, at) + len(word)
        if at < len(word):
            return True
    return False


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])


# -- blocks ----------------------------------------------------------------------------------------


def _blocks(tokens: Sequence[Token], width: int) -> Iterator[str]:
    """The rows of blocks that follow each other, an empty one between them."""
    first, tight = True, False
    for opened, inside in _nested(tokens):
        rows = _DRAWN.get(opened.type, _text)(opened, inside, width)
        if rows and not first and not tight:
            yield ""
        yield from rows
        first, tight = first and not rows, opened.hidden


def _nested(tokens: Sequence[Token]) -> Iterator[tuple[Token, Sequence[Token]]]:
    """Each block with what it holds."""
    at = 0
    while at < len(tokens):
        depth, end = int(tokens[at].nesting), at + 1
        while depth > 0:
            depth += tokens[end].nesting
            end += 1
        yield tokens[at], tokens[at + 1 : end - 1] if end - at > 1 else tokens[at : at + 1]
        at = end


def _text(opened: Token, inside: Sequence[Token], width: int) -> list[str]:
    """A paragraph."""
    return [row for token in inside for row in inline(token).rows(width)]


def _heading(opened: Token, inside: Sequence[Token], width: int) -> list[str]:
    style = BOLD + UNDERLINE if opened.tag == "h1" else BOLD
    return [row for token in inside for row in inline(token, style).rows(width)]


def _code(opened: Token, inside: Sequence[Token], width: int) -> list[str]:
    """Code, indented by two; what is too wide is wrapped under its own indentation."""
    rows: list[str] = []
    for line in _highlighted(opened.content.rstrip("\n").expandtabs(4), opened.info.split(" ")[0]):
        indent = len(line.text) - len(line.text.lstrip())
        rows += [f"  {row}" for row in line.rows(width - 2, " " * (indent + 2))]
    return rows


def _quote(opened: Token, inside: Sequence[Token], width: int) -> list[str]:
    return [f"{DIM}▌{PLAIN} {row}" for row in _blocks(inside, max(8, width - 2))]


def _rule(opened: Token, inside: Sequence[Token], width: int) -> list[str]:
    return [f"{DIM}{'─' * width}{PLAIN}"]


def _list(opened: Token, inside: Sequence[Token], width: int) -> list[str]:
    """Items with their sign; a loose list keeps its empty rows."""
    ordered, rows = opened.type == "ordered_list_open", list[str]()
    number = int(opened.attrs.get("start", 1)) if ordered else 0
    for _, item in _nested(inside):
        sign = f"{number}. " if ordered else "• "
        loose = any(each.type == "paragraph_open" and not each.hidden for each in item)
        drawn = list(_blocks(item, max(8, width - len(sign)))) or [""]
        rows += [""] if rows and loose else []
        rows += [f"{sign if not at else ' ' * len(sign)}{row}" for at, row in enumerate(drawn)]
        number += 1
    return rows


def _table(opened: Token, inside: Sequence[Token], width: int) -> list[str]:
    """Columns side by side, wrapped; as lines of "header: cell" where there is no room for that."""
    rows = [
        [inline(each, BOLD if cell.type == "th_open" else "") for cell, within in _nested(row) for each in within[:1]]
        for _, part in _nested(inside)
        for _, row in _nested(part)
    ]
    widths = fitted([[cell.text for cell in column] for column in zip(*rows, strict=True)], width)
    if widths is None:
        return _records(rows, width)
    parts = ([cell.rows(room) for cell, room in zip(row, widths, strict=True)] for row in rows)
    return [line for row in parts for line in side_by_side(row, widths)]


def _records(rows: Sequence[Sequence[Styled]], width: int) -> list[str]:
    lines: list[str] = []
    for row in rows[1:] or rows:
        lines += [""] if lines else []
        for head, cell in zip(rows[0], row, strict=True):
            both = Styled()
            both.add(head.text + ("" if cell is head else ": "), BOLD)
            if cell is not head:
                both.text, both.styles = both.text + cell.text, both.styles + cell.styles
            lines += both.rows(width, "  ")
    return lines


_DRAWN = {
    "heading_open": _heading,
    "fence": _code,
    "code_block": _code,
    "blockquote_open": _quote,
    "hr": _rule,
    "bullet_list_open": _list,
    "ordered_list_open": _list,
    "table_open": _table,
}


# -- inside a line ---------------------------------------------------------------------------------


def inline(token: Token, style: str = "") -> Styled:
    """What stands in a paragraph, a heading or a cell."""
    made, styles, target = Styled(), [style], ""
    for child in token.children or ():
        now = "".join(styles)
        if child.type in _INLINE:
            styles.append(_INLINE[child.type])
            target = str(child.attrs.get("href", "")) if child.type == "link_open" else target
        elif child.type.endswith("_close"):
            styles.pop()
            if child.type == "link_close" and target not in made.text:
                made.add(f" ({target})", style + DIM)
        elif child.type in ("softbreak", "hardbreak"):
            made.add("\n", now)
        elif child.type == "image":
            made.add(f"{child.content} ({child.attrs.get('src', '')})", now + DIM)
        else:
            made.add(child.content, now + (CODE if child.type == "code_inline" else ""))
    return made


def _highlighted(code: str, language: str) -> Iterator[Styled]:
    """The lines of `code`, coloured where its language is known."""
    line = Styled()
    for text, style in _coloured(code, language):
        for at, part in enumerate(text.split("\n")):
            if at:
                yield line
                line = Styled()
            line.add(part, style)
    yield line


def _coloured(code: str, language: str) -> Iterator[tuple[str, str]]:
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        yield code, ""
        return
    for kind, text in lexer.get_tokens(code):
        yield text, next((style for name, style in _COLOURS if str(kind).startswith(name)), "")


# -- an answer that is being written ---------------------------------------------------------------


class MarkdownView:
    """An answer on a terminal: the open block as plain text, redrawn as Markdown when it is finished."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._blocks = Blocks()
        self._some = False

    def write(self, text: str) -> None:
        """The next piece of the answer."""
        self._show(self._blocks.feed(clean(text)))
        columns, height = self._console.size()
        rows = wrapped(self._blocks.open.strip("\n"), columns - 1).split("\n")
        if any(rows) and self._console.out_is_terminal:
            self._console.rows.finish()
            rows = ["", *rows] if self._some else rows
            self._console.rows.show(self._console.out, rows[-(height - 2) :])

    def end(self) -> None:
        """The answer has ended."""
        self._show(self._blocks.flush())
        self._console.rows.clear()
        self._some = False

    def _show(self, blocks: Sequence[str]) -> None:
        for block in blocks:
            drawn = render(block, self._console.size()[0] - 1, coloured=self._console.colour(self._console.out))
            drawn = ("\n" if self._some else "") + drawn
            if self._console.rows.shows(drawn):
                self._console.rows.keep()
            else:
                self._console.rows.clear()
                self._console.drawn(drawn)
            self._some = True
