"""A transcript broken into cues and lines where a reader would, at the times of its words.

Pure. Belongs here: how long a cue and a line are, and how long a cue stays to be read. Does not belong here: formats,
when a character is said (times), where a text may be broken (units).

Widths are counted in cells of a terminal: a Chinese character takes two. Times are seconds until a cue is
made, and whole milliseconds from then on: they are rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from voicecli.text.characters import is_han_kana
from voicecli.text.subtitles.times import Stretch, Times, stretches
from voicecli.text.subtitles.units import TextUnit, units_of
from voicecli.text.width import cells
from voicecli.types import Transcript

LATIN_CELLS, WIDE_CELLS = 42, 32
"""The usual longest lines: 42 letters, or 16 Chinese characters."""

LEAST_S, FASTEST_CELLS_S = 5 / 6, 20.0
"""How long a cue stays at least, and how fast it can be read."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How cues are broken. `max_chars` are cells of a line; None: 42, or 32 for Chinese and Japanese.

    A cue lasts `max_seconds` at most where it can be broken, and a pause of `pause_s` between two words ends it.
    With `words` the time of each word is told: inside its line in lrc, elsewhere by a cue of its own.
    """

    max_chars: int | None = None
    max_lines: int = 2
    max_seconds: float = 7.0
    pause_s: float = 1.0
    words: bool = False


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle: when it is shown, in milliseconds from the start, and its lines.

    `words`, where they were asked for, are the words of each line, with the space behind them.
    """

    start: int
    end: int
    lines: tuple[str, ...]
    words: tuple[tuple[Timed, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Timed:
    """A word of a cue, and when it is said, in milliseconds from the start."""

    text: str
    start: int
    end: int


def cues(transcript: Transcript, layout: Layout | None = None) -> list[Cue]:
    """The transcript as subtitles, in order. No line is wider than the layout says, but for a single character."""
    layout = layout or Layout()
    width = layout.max_chars or (WIDE_CELLS if _is_wide_text(transcript.text) else LATIN_CELLS)
    made = [cue for stretch in stretches(transcript) for cue in _cues_of(stretch, layout, width)]
    return sorted(made, key=lambda cue: cue.start)


def readable(cues: Sequence[Cue], layout: Layout) -> Iterator[Cue]:
    """The cues; those too short to be read stay on into the silence behind them."""
    for number, cue in enumerate(cues):
        wanted = min(max(LEAST_S, sum(map(cells, cue.lines)) / FASTEST_CELLS_S), layout.max_seconds)
        end = cue.start + round(1000 * wanted)
        end = max(cue.end, min(end, cues[number + 1].start) if number + 1 < len(cues) else end)
        yield replace(cue, end=end) if end > cue.end else cue


def _is_wide_text(text: str) -> bool:
    letters = [each for each in text if each.isalpha()]
    return sum(map(bool, map(is_han_kana, letters))) > 0.3 * len(letters)


def _cues_of(stretch: Stretch, layout: Layout, width: int) -> Iterator[Cue]:
    times = Times(stretch)
    units = list(units_of(stretch.text, width))
    first = 0
    while first < len(units):
        end = _cue_end(units, first, times, layout, width)
        start_s, end_s = times.start(units[first].start), times.end(units[end - 1].end)
        start = round(1000 * start_s)
        rows = _rows(units[first:end], width)
        words = tuple(tuple(_timed(row, times)) for row in rows) if layout.words else ()
        yield Cue(start, max(start + 1, round(1000 * end_s)), tuple(map(_line, rows)), words)
        first = end


def _line(units: Iterable[TextUnit]) -> str:
    return "".join(unit.text for unit in units).strip()


def _timed(units: Sequence[TextUnit], times: Times) -> Iterator[Timed]:
    """The words of a line: what the recogniser took for one, with the marks beside it."""
    first = 0
    for index in range(1, len(units) + 1):
        if index < len(units) and times.joins(units[index]):
            continue
        part, first = units[first:index], index
        start = round(1000 * times.start(part[0].start))
        end = round(1000 * times.end(part[-1].end))
        yield Timed("".join(unit.text for unit in part), start, max(start + 1, end))


def by_word(cues: Iterable[Cue]) -> list[Cue]:
    """A cue for each word of the cues that have words; the others as they are."""
    made: list[Cue] = []
    for cue in cues:
        made += [Cue(word.start, word.end, (word.text.strip(),)) for line in cue.words for word in line]
        made += [] if cue.words else [cue]
    return made


def _cue_end(units: Sequence[TextUnit], first: int, times: Times, layout: Layout, width: int) -> int:
    """The unit before which the cue that begins with `first` ends."""
    line = _Filler(width)
    begin = times.start(units[first].start)
    for index in range(first, len(units)):
        unit = units[index]
        if index > first:
            if times.start(unit.start) - times.end(units[index - 1].end) >= layout.pause_s:
                return index
            if times.end(unit.end) - begin > layout.max_seconds:
                return _best_end(units, first, index)
        line.add(unit)
        if line.lines > layout.max_lines and index > first:
            return _best_end(units, first, index)
    return len(units)


def _best_end(units: Sequence[TextUnit], first: int, full: int) -> int:
    """Where a reader would break before the unit `full`, which no longer fits: behind a sentence, a clause, a word."""
    cells = list(accumulate(unit.cells for unit in units[first:full]))
    for quality, least in ((3, 0.4), (2, 0.6)):
        for index in range(full, first, -1):
            if units[index - 1].quality >= quality and cells[index - first - 1] >= least * cells[-1]:
                return index
    return full


class _Filler:
    """Counts the lines that units take when each goes where it fits."""

    def __init__(self, width: int) -> None:
        self.lines, self._width, self._used = 1, width, 0

    def add(self, unit: TextUnit) -> bool:
        """Adds the next unit; True when it began a new line."""
        new = self._used > 0 and self._used + unit.cells > self._width
        self.lines += new
        self._used = (0 if new else self._used) + unit.cells + unit.gap
        return new


def _rows(units: Sequence[TextUnit], width: int) -> list[Sequence[TextUnit]]:
    """The units by lines: as few as will do, of about the same width, the break behind a comma where there is one."""
    count = _lines_of(units, width)
    if count == 2:
        return _in_two(units, width)
    least = max(1, sum(unit.cells + unit.gap for unit in units) // max(1, count))
    fitting = next((each for each in range(least, width) if _lines_of(units, each) == count), width)
    line = _Filler(fitting)
    starts = [index for index, unit in enumerate(units) if line.add(unit)]
    return [units[start:end] for start, end in pairwise([0, *starts, len(units)])]


def _lines_of(units: Sequence[TextUnit], width: int) -> int:
    line = _Filler(width)
    for unit in units:
        line.add(unit)
    return line.lines


def _in_two(units: Sequence[TextUnit], width: int) -> list[Sequence[TextUnit]]:
    """Two lines. A number never stands alone on the second: readers of srt would take it for the next cue's."""
    ends = list(accumulate(unit.cells + unit.gap for unit in units))
    best, least = 1, math.inf
    for index in range(1, len(units)):
        one, two = ends[index - 1] - units[index - 1].gap, ends[-1] - units[-1].gap - ends[index - 1]
        lonely = index == len(units) - 1 and units[index].text.strip().isdigit()
        cost = abs(one - two) - 8 * (units[index - 1].quality - 1) + width * lonely
        if one <= width and two <= width and cost < least:
            best, least = index, cost
    return [units[:best], units[best:]]
