"""Where a text may be broken for a reader: its units, and how good a break behind each is.

Pure. Belongs here: rules of Latin, Chinese and Japanese typesetting. Does not belong here: times, lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise

from voicecli.text.characters import WIDE_POINTS, is_han_kana
from voicecli.text.width import cells, graphemes


@dataclass(frozen=True, slots=True)
class TextUnit:
    """A part of a text that stays together. `cells` without the space behind it, `gap` the space's.

    `quality` says how good a break behind it is: 3 a sentence's end, 2 a clause's, 1 any.
    """

    text: str
    start: int
    end: int
    cells: int
    gap: int
    quality: int


NO_START = frozenset(
    "、。，．：；？！）］｝」』】》〉〕…—～·・ー々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ｡｣､･,.:;?!)]}%’”°‰"
)
"""What never begins a line among Chinese and Japanese."""

NO_END = frozenset("（［｛「『【《〈〔｢([{‘“$£¥￥")
"""What never ends one."""

CLOSING = "\"'’”)]}»」』】》〉〕）"
SENTENCE, CLAUSE = frozenset(".!?。！？…｡．"), frozenset(",;:，、；：､—–")


def units_of(text: str, width: int) -> Iterator[TextUnit]:
    """The units of a text, none wider than `width` cells but for a single character."""
    starts = accumulate(map(len, graphemes(text)))
    breaks = [0, *(at for at in starts if at < len(text) and _may_break(text, at)), len(text)]
    for start, end in pairwise(breaks):
        if start < end:
            yield from _fitting(text, start, end, width)


def _may_break(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if before == " ":
        return True
    if after == " ":
        return False
    return (_is_wide(before) or _is_wide(after)) and after not in NO_START and before not in NO_END


def _is_wide(character: str) -> bool:
    return bool(is_han_kana(character) or _POINT.match(character))


_POINT = re.compile(f"[{WIDE_POINTS}]")


def _fitting(text: str, start: int, end: int, width: int) -> Iterator[TextUnit]:
    """The unit at [start, end), in pieces where it is wider than a line."""
    body = text[start:end].rstrip(" ")
    if cells(body) <= width:
        yield _unit(text, start, end)
        return
    at, used = start, ""
    for cluster in graphemes(body):
        if used and cells(used + cluster) > width:
            yield _unit(text, at, at + len(used))
            at, used = at + len(used), ""
        used += cluster
    yield _unit(text, at, end)


def _unit(text: str, start: int, end: int) -> TextUnit:
    body = text[start:end].rstrip(" ")
    return TextUnit(text[start:end], start, end, cells(body), end - start - len(body), _quality(body))


def _quality(body: str) -> int:
    last = body.rstrip(CLOSING)[-1:]
    return 3 if last in SENTENCE else 2 if last in CLAUSE else 1
