"""Subtitles from what a recogniser returned, whatever that was: segments, words, or only a text.

Belongs here: breaking texts into cues and lines where a reader would, their times, and the formats srt, vtt,
tsv, lrc and verbose_json; reading a saved transcript back. Does not belong here: files, requests, flags.

Widths are counted in cells of a terminal: a Chinese character takes two. Times are seconds until a cue is
made, and whole milliseconds from then on: they are rounded once.
"""

from __future__ import annotations

import math
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, TypeGuard

from voicecli.text.characters import WIDE_POINTS, is_han_kana
from voicecli.text.join import joined
from voicecli.text.width import cells
from voicecli.types import LONGEST_S, Segment, Transcript, Word

LATIN_CELLS, WIDE_CELLS = 42, 32
"""The usual longest lines: 42 letters, or 16 Chinese characters."""


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


# -- cues ------------------------------------------------------------------------------------------


def cues(transcript: Transcript, layout: Layout | None = None) -> list[Cue]:
    """The transcript as subtitles, in order. No line is wider than the layout says, but for a single character."""
    layout = layout or Layout()
    width = layout.max_chars or (WIDE_CELLS if _is_wide_text(transcript.text) else LATIN_CELLS)
    return [cue for stretch in stretches(transcript) for cue in _cues_of(stretch, layout, width)]


def _is_wide_text(text: str) -> bool:
    letters = [each for each in text if each.isalpha()]
    return sum(map(bool, map(is_han_kana, letters))) > 0.3 * len(letters)


def _cues_of(stretch: Stretch, layout: Layout, width: int) -> Iterator[Cue]:
    times = Times(stretch)
    units = list(_units(stretch.text, width))
    first = 0
    while first < len(units):
        end = _cue_end(units, first, times, layout, width)
        start_s, end_s = times.start(units[first].start), times.end(units[end - 1].end)
        start = round(1000 * start_s)
        rows = _rows(units[first:end], width)
        words = tuple(tuple(_timed(row, times)) for row in rows) if layout.words else ()
        yield Cue(start, max(start + 1, round(1000 * end_s)), tuple(map(_line, rows)), words)
        first = end


def _line(units: Iterable[Unit]) -> str:
    return "".join(unit.text for unit in units).strip()


def _timed(units: Sequence[Unit], times: Times) -> Iterator[Timed]:
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


def _cue_end(units: Sequence[Unit], first: int, times: Times, layout: Layout, width: int) -> int:
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


def _best_end(units: Sequence[Unit], first: int, full: int) -> int:
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

    def add(self, unit: Unit) -> bool:
        """Adds the next unit; True when it began a new line."""
        new = self._used > 0 and self._used + unit.cells > self._width
        self.lines += new
        self._used = (0 if new else self._used) + unit.cells + unit.gap
        return new


def _rows(units: Sequence[Unit], width: int) -> list[Sequence[Unit]]:
    """The units by lines: as few as will do, of about the same width, the break behind a comma where there is one."""
    count = _lines_of(units, width)
    if count == 2:
        return _in_two(units, width)
    least = max(1, sum(unit.cells + unit.gap for unit in units) // max(1, count))
    fitting = next((each for each in range(least, width) if _lines_of(units, each) == count), width)
    line = _Filler(fitting)
    starts = [index for index, unit in enumerate(units) if line.add(unit)]
    return [units[start:end] for start, end in pairwise([0, *starts, len(units)])]


def _lines_of(units: Sequence[Unit], width: int) -> int:
    line = _Filler(width)
    for unit in units:
        line.add(unit)
    return line.lines


def _in_two(units: Sequence[Unit], width: int) -> list[Sequence[Unit]]:
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


# -- where a text may be broken --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unit:
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


def _units(text: str, width: int) -> Iterator[Unit]:
    breaks = [0, *(at for at in range(1, len(text)) if _may_break(text, at)), len(text)]
    for start, end in pairwise(breaks):
        if start < end:
            yield from _fitting(text, start, end, width)


def _may_break(text: str, at: int) -> bool:
    before, after = text[at - 1], text[at]
    if before == " ":
        return True
    if after == " " or _joins(before, after):
        return False
    return (_is_wide(before) or _is_wide(after)) and after not in NO_START and before not in NO_END


def _is_wide(character: str) -> bool:
    return bool(is_han_kana(character)) or character in _POINTS


_POINTS = frozenset(c for c in map(chr, range(0x3000, 0x10000)) if re.match(f"[{WIDE_POINTS}]", c))


def _joins(before: str, after: str) -> bool:
    """Whether two characters are parts of one: accents, emoji with their modifiers, flags."""
    code = ord(after)
    modifier = 0xFE00 <= code <= 0xFE0F or 0x1F3FB <= code <= 0x1F3FF or code in (0x200D, 0x20E3)
    flags = 0x1F1E6 <= code <= 0x1F1FF and 0x1F1E6 <= ord(before) <= 0x1F1FF
    tags = 0xE0020 <= code <= 0xE007F
    return modifier or flags or tags or before == "\u200d" or unicodedata.category(after).startswith("M")


def _fitting(text: str, start: int, end: int, width: int) -> Iterator[Unit]:
    """The unit at [start, end), in pieces where it is wider than a line."""
    body = text[start:end].rstrip(" ")
    if cells(body) <= width:
        yield _unit(text, start, end)
        return
    at, used = start, ""
    for cluster in _clusters(body):
        if used and cells(used + cluster) > width:
            yield _unit(text, at, at + len(used))
            at, used = at + len(used), ""
        used += cluster
    yield _unit(text, at, end)


def _clusters(text: str) -> Iterator[str]:
    """The text's characters as a person counts them."""
    cluster = ""
    for each in text:
        if cluster and not _joins(cluster[-1], each):
            yield cluster
            cluster = ""
        cluster += each
    if cluster:
        yield cluster


def _unit(text: str, start: int, end: int) -> Unit:
    body = text[start:end].rstrip(" ")
    return Unit(text[start:end], start, end, cells(body), end - start - len(body), _quality(body))


def _quality(body: str) -> int:
    last = body.rstrip(CLOSING)[-1:]
    return 3 if last in SENTENCE and last else 2 if last in CLAUSE and last else 1


# -- stretches of text, and when each character is said --------------------------------------------


@dataclass(frozen=True, slots=True)
class Stretch:
    """A text, its words as far as they are known, and when it begins and ends, in seconds."""

    text: str
    start: float
    end: float
    words: tuple[Word, ...] = ()


READING_CELLS_S = 15.0
"""Cells a second, where nobody knows how long a text takes."""


def stretches(transcript: Transcript) -> Iterator[Stretch]:
    """The parts that a cue never reaches across: the segments, or all of it."""
    words = tuple(sorted(transcript.words, key=lambda word: word.start))
    if transcript.segments:
        yield from _segments(transcript.segments, words)
        return
    text = tidy(transcript.text)
    if words:
        yield from _spoken(text, words[0].start, max(word.end for word in words), words)
    elif text:
        yield Stretch(text, 0.0, transcript.duration or max(1.0, cells(text) / READING_CELLS_S))


def _segments(segments: Sequence[Segment], words: Sequence[Word]) -> Iterator[Stretch]:
    middles = [(word.start + word.end) / 2 for word in words]
    speaker = None
    for each in segments:
        own = each.words or tuple(words[bisect_left(middles, each.start) : bisect_right(middles, each.end)])
        name = f"{tidy(each.speaker)}: " if each.speaker and each.speaker != speaker else ""
        speaker = each.speaker
        if text := tidy(each.text):
            yield from _spoken(name + text, each.start, each.end, own)


def _spoken(text: str, start: float, end: float, words: tuple[Word, ...]) -> Iterator[Stretch]:
    """The stretch, begun with its first word and ended with its last one where they are known."""
    if not text:
        text = joined(tidy(word.text) for word in words)
    if words:
        start, end = min(word.start for word in words), max(word.end for word in words)
    yield Stretch(text, start, max(start, end), words)


@dataclass(frozen=True, slots=True)
class _Span:
    """Characters [first, last) that are said from `start` to `end`."""

    first: int
    last: int
    start: float
    end: float


class Times:
    """When each character of a stretch is said: as its word is, and evenly by width in between."""

    def __init__(self, stretch: Stretch) -> None:
        weights = (cells(each) if each.isalnum() else 0 for each in stretch.text)
        self._weights = [0, *accumulate(weights)]
        found = list(_found(stretch.text, stretch.words))
        self._words = {span.first for span in found}
        self._spans = list(self._with_gaps(found, stretch)) or [_Span(0, len(stretch.text), stretch.start, stretch.end)]
        self._firsts = [span.first for span in self._spans]
        self._lasts = [span.last for span in self._spans]

    def start(self, at: int) -> float:
        """When what begins with character `at` begins."""
        span = self._spans[min(bisect_right(self._lasts, at), len(self._spans) - 1)]
        return span.start if at <= span.first else self._within(span, at)

    def joins(self, unit: Unit) -> bool:
        """Whether a unit goes with the one before it: it begins within a word, or has no letters."""
        span = self._spans[max(bisect_right(self._firsts, unit.start) - 1, 0)]
        within = span.first in self._words and span.first < unit.start < span.last
        return within or not self._weight(unit.start, unit.end)

    def end(self, at: int) -> float:
        """When what ends before character `at` ends."""
        span = self._spans[max(bisect_left(self._firsts, at) - 1, 0)]
        return span.end if at >= span.last else self._within(span, at)

    def _within(self, span: _Span, at: int) -> float:
        done, all_ = self._weight(span.first, min(at, span.last)), self._weight(span.first, span.last)
        return span.start + (span.end - span.start) * (done / all_ if all_ else 0.0)

    def _weight(self, first: int, last: int) -> int:
        return self._weights[last] - self._weights[first]

    def _with_gaps(self, found: Iterable[_Span], stretch: Stretch) -> Iterator[_Span]:
        """The words' spans, and between them those of letters that no word was found for."""
        at, time = 0, stretch.start
        for span in (*found, _Span(len(stretch.text), len(stretch.text), stretch.end, stretch.end)):
            if self._weight(at, span.first):
                yield _Span(at, span.first, time, max(time, span.start))
            if span.first < span.last:
                yield span
            at, time = span.last, span.end


FAR = 60
"""How many characters ahead a word is looked for."""


def _found(text: str, words: Sequence[Word]) -> Iterator[_Span]:
    """Where in the text its words stand. Those that are not there are passed over."""
    low, at, time = _lower(text), 0, 0.0
    for word in words:
        form = _lower(word.text).strip(" .,!?;:\"'()。，！？；：、")
        where = low.find(form, at, at + len(form) + FAR) if form else -1
        if where < 0:
            continue
        start = max(time, word.start)
        at, time = where + len(form), max(start, word.end)
        yield _Span(where, at, start, time)


def _lower(text: str) -> str:
    """In lower case, character for character."""
    return "".join(low if len(low := each.lower()) == 1 else each for each in text)


def tidy(text: str | None) -> str:
    """On one line, without control characters."""
    kept = (c if unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp") else " " for c in text or "")
    return " ".join("".join(kept).split())


# -- formats ---------------------------------------------------------------------------------------


def srt(cues: Iterable[Cue]) -> str:
    """SubRip. An arrow of its own in a text is written as one character: it would be taken for a time."""
    return "".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n"
        + "\n".join(cue.lines).replace("-->", "→")
        + "\n\n"
        for number, cue in enumerate(cues, 1)
    )


def vtt(cues: Iterable[Cue]) -> str:
    """WebVTT."""
    blocks = (
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n" + "\n".join(map(_escaped, cue.lines)) for cue in cues
    )
    return "\n\n".join(["WEBVTT", *blocks]) + "\n"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def tsv(cues: Iterable[Cue]) -> str:
    """A table: milliseconds, milliseconds, text."""
    return "start\tend\ttext\n" + "".join(f"{cue.start}\t{cue.end}\t{joined(cue.lines)}\n" for cue in cues)


def lrc(cues: Iterable[Cue]) -> str:
    """Lyrics: the time of each line in minutes, seconds and hundredths, and of each word where words are told."""
    return "".join(f"[{_minutes(cue.start)}]{_lyrics(cue)}\n" for cue in cues)


def _lyrics(cue: Cue) -> str:
    """A cue's text on one line; with words as "enhanced" lrc has them."""
    if not cue.words:
        return joined(cue.lines)
    lines = ("".join(f"<{_minutes(word.start)}>{word.text}" for word in line).strip() for line in cue.words)
    return " ".join(lines)


FORMATS: Mapping[str, Callable[[Iterable[Cue]], str]] = {"srt": srt, "vtt": vtt, "tsv": tsv, "lrc": lrc}
"""The formats that are made of cues."""


def render(kind: str, transcript: Transcript, layout: Layout) -> str:
    """The transcript in one of FORMATS."""
    made = cues(transcript, layout)
    # vtt has marks for times within a cue, but most readers take them for text.
    return FORMATS[kind](by_word(made) if layout.words and kind != "lrc" else made)


def words_of(transcript: Transcript) -> tuple[Word, ...]:
    """Its words, wherever the recogniser put them."""
    return transcript.words or tuple(word for segment in transcript.segments for word in segment.words)


def _clock(ms: int, point: str) -> str:
    seconds, ms = divmod(ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{ms:03}"


def _minutes(ms: int) -> str:
    hundredths = (ms + 5) // 10
    return f"{hundredths // 6000:02}:{hundredths // 100 % 60:02}.{hundredths % 100:02}"


def verbose_json(transcript: Transcript) -> dict[str, Any]:
    """As OpenAI's verbose_json: text, language, duration, segments and words."""
    segments = [
        {"id": number, "start": _ms(each.start), "end": _ms(each.end), "text": each.text}
        | ({"speaker": each.speaker} if each.speaker else {})
        for number, each in enumerate(transcript.segments)
    ]
    words = [{"word": each.text, "start": _ms(each.start), "end": _ms(each.end)} for each in words_of(transcript)]
    whole = {
        "task": "transcribe",
        "language": transcript.language,
        "duration": None if transcript.duration is None else _ms(transcript.duration),
        "text": transcript.text.strip(),
        "segments": segments,
    }
    return whole | ({"words": words} if words else {})


def _ms(seconds: float) -> float:
    return round(seconds, 3)


# -- reading a saved transcript --------------------------------------------------------------------


def from_json(data: Any) -> Transcript:
    """The transcript that --json, -f json or verbose_json wrote. ValueError: it is none."""
    if not isinstance(data, Mapping) or not isinstance(data.get("text"), str):
        raise ValueError("it holds no transcript")
    segments = tuple(_saved(data.get("segments"), _segment))
    words = tuple(_saved(data.get("words"), _word))
    duration = data.get("duration")
    language = data.get("language")
    return Transcript(
        text=data["text"],
        language=language if isinstance(language, str) else None,
        duration=float(duration) if _is_time(duration) else None,
        segments=segments,
        words=words,
    )


def _saved(entries: Any, make: Callable[[Mapping[str, Any]], Any]) -> Iterator[Any]:
    for each in entries if isinstance(entries, list) else ():
        if isinstance(each, Mapping) and _is_time(each.get("start")) and _is_time(each.get("end")):
            yield make(each)


def _segment(data: Mapping[str, Any]) -> Segment:
    words = tuple(_saved(data.get("words"), _word))
    speaker = data.get("speaker")
    speaker = speaker if isinstance(speaker, str) else None
    return Segment(str(data.get("text") or ""), float(data["start"]), float(data["end"]), words, speaker)


def _word(data: Mapping[str, Any]) -> Word:
    return Word(str(data.get("word") or data.get("text") or ""), float(data["start"]), float(data["end"]))


def _is_time(value: Any) -> TypeGuard[float]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 <= value < LONGEST_S  # false for what is not a number, and for integers that no float holds
