"""When each character of a text is said, as far as the times of segments and words tell.

Pure. Belongs here: stretches, and the times within one. Does not belong here: cues, which segments there are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from voicecli.text.join import joined
from voicecli.text.segments import reading_s, tidy, whole_segments
from voicecli.text.subtitles.units import TextUnit
from voicecli.text.width import cells
from voicecli.types import Segment, Transcript, Word


@dataclass(frozen=True, slots=True)
class Stretch:
    """A text, its words as far as they are known, and when it begins and ends, in seconds."""

    text: str
    start: float
    end: float
    words: tuple[Word, ...] = ()


def stretches(transcript: Transcript) -> Iterator[Stretch]:
    """The parts that a cue never reaches across: the segments, or all of it."""
    words = tuple(sorted(transcript.words, key=lambda word: word.start))
    if segments := whole_segments(transcript):
        yield from _segments(segments, words)
        return
    text = tidy(transcript.text)
    if words:
        yield from _spoken(text, words[0].start, max(word.end for word in words), words)
    elif text:
        yield Stretch(text, 0.0, transcript.duration or reading_s(text))


def _segments(segments: Sequence[Segment], words: Sequence[Word]) -> Iterator[Stretch]:
    middles = [(word.start + word.end) / 2 for word in words]
    speaker = None
    for each in segments:
        own = each.words or tuple(words[bisect_left(middles, each.start) : bisect_right(middles, each.end)])
        name = f"{tidy(each.speaker)}: " if each.speaker and each.speaker != speaker else ""
        speaker = each.speaker
        text = tidy(each.text) or joined(tidy(word.text) for word in own)
        if text:
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

    def joins(self, unit: TextUnit) -> bool:
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
