"""Texts cut into passages: by headings, then paragraphs, then sentences. Pure text.

Belongs here: where a passage begins and ends, and which heading it stands under. Does not belong here: files, vectors.

A short text stays whole. Nothing is repeated and nothing is lost but blank space and control characters: the passages
in their order are the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from voicecli.text.characters import HAN_KANA, HANGUL

VERSION = 1
"""Goes up when the same text is cut in another way: what was kept is then made anew."""

LONGEST = 1000
"""The weight of the longest passage: Latin letters, about 250 tokens."""
SMALL = 150
"""The weight below which what stands under a heading is no passage of its own: it goes with what follows."""
DENSE = 3
"""What a Chinese, Japanese or Korean character weighs more than a letter."""
LONGEST_HEADING = 120

STARRED = frozenset({"org"})
"""Kinds of text where a line with stars in front is a heading, and not a list."""
HASHED = frozenset({"md", "markdown", "mdown", "mkd", "txt", "text", "rst", "adoc", ""})
"""Kinds where a line with # in front is a heading, and not a comment."""

_DENSE = re.compile(f"[{HAN_KANA}{HANGUL}]")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")
_NEWLINES = re.compile("\r\n|[\r\x85\u2028\u2029]")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HASHES = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*$")
_STARS = re.compile(r"(\*+)[ \t]+(.*?)[ \t]*$")
_UNDERLINE = re.compile(r"([=\-~^\"'`*+#])\1{2,}[ \t]*$")
_SENTENCE = re.compile(
    r"(?<=[.!?…])[\"'”’»)\]]*\s+"  # Latin: a blank follows
    r"|(?<=[。！？｡])[”’」』】）》]*(?=[^”’」』】）》])"
    r"|\n"
)
_CLAUSE = re.compile(r"(?<=[,;:，、；：])\s*|\s+")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a text. `heading` are the headings it stands under, the outermost first: "Rome > Hotels"."""

    text: str
    heading: str = ""


def cut(text: str, kind: str = "md") -> list[Passage]:
    """The passages of `text`, in order, none heavier than LONGEST. `kind` is a file's extension, without the dot."""
    text = tidied(text)
    if weight(text) <= LONGEST:
        return [Passage(text)] if text else []
    sections = _gathered(_sections(text.split("\n"), kind))
    return [Passage(piece, heading) for heading, blocks in sections for piece in _packed(blocks)]


def tidied(text: str) -> str:
    """`text` with one kind of newline and without control characters."""
    text = _NEWLINES.sub("\n", text).replace("\x0c", "\n\n")
    return _CONTROLS.sub("", text).strip()


def weight(text: str) -> int:
    """About how much of a model's room a text takes, in Latin letters."""
    return len(text) if text.isascii() else len(text) + DENSE * len(_DENSE.findall(text))


# -- headings and paragraphs -----------------------------------------------------------------------


@dataclass(slots=True)
class _Outline:
    """The headings that are open. `marks` are those underlined, by their first appearance: the first is the highest."""

    open: list[tuple[int, str]] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)

    def enter(self, level: int, title: str, mark: str) -> None:
        """A heading of a level, or one underlined with `mark`."""
        if mark and mark not in self.marks:
            self.marks.append(mark)
        level = level or self.marks.index(mark) + 1
        self.open = [each for each in self.open if each[0] < level] + [(level, title)]

    def __str__(self) -> str:
        return " > ".join(title for _, title in self.open if title)[:LONGEST_HEADING]


def _sections(lines: list[str], kind: str) -> Iterator[tuple[str, list[str]]]:
    """Each heading and the paragraphs below it. The heading's own line is a part of the first of them."""
    outline, blocks = _Outline(), _Blocks()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        titled = None if blocks.fence else _heading(line, below, kind, alone=blocks.between)
        if titled is not None:
            if found := blocks.all():
                yield str(outline), found
            outline.enter(*titled)
        blocks.take(line)
    if found := blocks.all():
        yield str(outline), found


def _gathered(sections: Iterable[tuple[str, list[str]]]) -> Iterator[tuple[str, list[str]]]:
    """The sections, small ones together with the next."""
    held: list[str] = []
    heading = ""
    for heading, blocks in sections:
        held = held + blocks
        if sum(map(weight, held)) >= SMALL:
            yield heading, held
            held = []
    if held:
        yield heading, held


def _heading(line: str, below: str, kind: str, *, alone: bool) -> tuple[int, str, str] | None:
    """Level, title and the mark of its underline, of a line that is a heading. `alone`: no paragraph is going on."""
    if len(line) > 2 * LONGEST_HEADING:
        return None
    pattern = _STARS if kind in STARRED else _HASHES if kind in HASHED else None
    if pattern and (found := pattern.match(line)):
        return len(found[1]), found[2].strip(), ""
    title = line.strip()
    mark = _UNDERLINE.match(below) if alone and title and not _UNDERLINE.match(title) else None
    return (0, title, mark[1]) if mark and len(below.strip()) >= min(len(title), 8) else None


class _Blocks:
    """Lines put together to paragraphs; what stands in a fence is one."""

    def __init__(self) -> None:
        self.fence = ""
        self._lines: list[str] = []
        self._done: list[str] = []

    @property
    def between(self) -> bool:
        return not self._lines

    def take(self, line: str) -> None:
        if not line.strip() and not self.fence:
            self._end()
            return
        self._lines.append(line.rstrip())
        if self.fence:
            if line.strip().startswith(self.fence) and not line.strip().strip(self.fence[0]):
                self.fence = ""
        elif found := _FENCE.match(line):
            self.fence = found[1]

    def all(self) -> list[str]:
        self._end()
        found, self._done = self._done, []
        return found

    def _end(self) -> None:
        text = "\n".join(self._lines).strip("\n")
        self._lines = []
        if text.strip():
            self._done.append(text)


# -- packing ---------------------------------------------------------------------------------------


def _packed(blocks: Iterable[str]) -> Iterator[str]:
    """Paragraphs together as long as they fit; those that are too long in pieces."""
    held, held_weight = "", 0
    for first, piece in (each for block in blocks for each in _pieces(block)):
        joint = "\n\n" if first and held else ""
        size = weight(piece) + len(joint)
        if held_weight + size > LONGEST:
            if held.strip():
                yield held.strip()
            held, held_weight, joint = "", 0, ""
        held += joint + piece
        held_weight += size
    if held.strip():
        yield held.strip()


def _pieces(block: str) -> Iterator[tuple[bool, str]]:
    """A paragraph, or its sentences, or parts of those; and whether it is a paragraph's first."""
    if weight(block) <= LONGEST:
        yield True, block
        return
    for number, piece in enumerate(_small(block, (_SENTENCE, _CLAUSE))):
        yield number == 0, piece


def _small(text: str, cuts: tuple[re.Pattern[str], ...]) -> Iterator[str]:
    """`text` in pieces that fit: at the first of `cuts`, those too long at the next, at last anywhere."""
    if weight(text) <= LONGEST:
        yield text
    elif cuts:
        for piece in _split(text, cuts[0]):
            yield from _small(piece, cuts[1:])
    else:
        step = LONGEST // (1 + DENSE)
        yield from (text[at : at + step] for at in range(0, len(text), step))


def _split(text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    """`text` cut behind each match; the pieces together are the text."""
    at = 0
    for found in pattern.finditer(text):
        if found.end() > at:
            yield text[at : found.end()]
            at = found.end()
    if at < len(text):
        yield text[at:]
