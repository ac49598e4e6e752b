"""The segments of a transcript, whole: in order, each once, with times, and with all of the text.

Pure. Belongs here: what recognisers leave out or send twice. Does not belong here: their JSON, cues, joining pieces of
a recording (joining).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from voicecli.text.characters import HAN_KANA
from voicecli.text.join import joined
from voicecli.text.width import cells
from voicecli.types import Segment, Transcript, Word

READING_CELLS_S = 15.0
"""Cells a second, where nobody knows how long a text takes."""
ROOM_S = 0.5
"""A text that no segment holds is a segment of its own where there is so much time for it."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def tidy(text: str | None) -> str:
    """On one line, without control characters."""
    return " ".join(_CONTROL.sub(" ", text or "").split())


def reading_s(text: str) -> float:
    """How many seconds a text takes, about."""
    return max(1.0, cells(text) / READING_CELLS_S)


# -- times that were not told ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """A segment as it was told: None is a time that was not."""

    text: str
    start: float | None
    end: float | None
    words: tuple[Word, ...] = ()
    speaker: str | None = None


def timed(told: Sequence[Told], duration: float | None = None) -> tuple[Segment, ...]:
    """The segments that hold anything, each with times: what was not told lies between what was.

    None at all, where neither a time nor a speaker was told: then they say no more than the text.
    """
    told = [each for each in told if each.text or each.words]
    if not any(each.speaker or each.words or each.start is not None or each.end is not None for each in told):
        return ()
    starts = sorted(each.start for each in told if each.start is not None)
    segments: list[Segment] = []
    for each in told:
        start = each.start
        if start is None:
            start = min((word.start for word in each.words), default=segments[-1].end if segments else 0.0)
        end = each.end
        if end is None or end < start:
            end = max((word.end for word in each.words), default=None) or _next(starts, start, duration)
            end = end or start + reading_s(each.text)
        segments.append(Segment(each.text, start, max(start, end), each.words, each.speaker))
    return tuple(segments)


def _next(starts: Sequence[float], start: float, duration: float | None) -> float | None:
    """When the next of `starts` is, or the recording ends."""
    later = bisect_right(starts, start)
    if later < len(starts):
        return starts[later]
    return duration if duration is not None and duration > start else None


# -- order -----------------------------------------------------------------------------------------


def whole_segments(transcript: Transcript) -> tuple[Segment, ...]:
    """The segments by their time, each once, and between them the text that none of them holds."""
    segments = [each for each in _in_order(transcript.segments) if _text(each)]
    whole = _with_rest(segments, tidy(transcript.text), transcript.duration) if segments else ()
    return tuple(sorted(whole, key=lambda each: each.start))


def _in_order(segments: Iterable[Segment]) -> Iterator[Segment]:
    before: Segment | None = None
    for each in sorted(segments, key=lambda segment: segment.start):
        if before is None or not _is_same(before, each):
            yield each
            before = each


def _is_same(one: Segment, two: Segment) -> bool:
    """Whether a segment was sent twice: the same words in, for the most part, the same time."""
    if tidy(one.text) != tidy(two.text) or one.speaker != two.speaker:
        return False
    shorter = min(one.end - one.start, two.end - two.start)
    return two.start - one.start < 0.02 or min(one.end, two.end) - two.start > shorter / 2 > 0


def _text(segment: Segment) -> str:
    return tidy(segment.text) or joined(tidy(word.text) for word in segment.words)


# -- text that no segment holds --------------------------------------------------------------------

_SIGNS = "\u2190-\u2bff\U0001f000-\U0001faff"
_TOKEN = re.compile(rf"[{HAN_KANA}{_SIGNS}]|(?:(?![{HAN_KANA}])\w|(?<=\d)[.,:](?=\d))+")
_SEPARATOR = "\x1f"


def _with_rest(segments: Sequence[Segment], text: str, duration: float | None) -> Iterator[Segment]:
    """The segments, and what of the text stands before, between and behind them.

    Where a segment holds what the text does not, the two are different accounts: the segments are believed.
    """
    segments, rests = _rests(segments, text)
    if not any(rests):
        yield from segments
        return
    last = duration if duration is not None and duration > segments[-1].end else None
    ends = [0.0, *(each.end for each in segments)]
    starts = [*(each.start for each in segments), last or segments[-1].end + reading_s(rests[-1])]
    for number, rest in enumerate(rests):
        start, end = ends[number], starts[number]
        room = not rest or end - start >= ROOM_S
        if rest and room:
            yield Segment(rest, start, end)
        if number < len(segments):
            each = segments[number]
            crowd = "" if room else rest
            yield replace(each, text=joined([crowd, _text(each)])) if crowd else each


def _rests(segments: Sequence[Segment], text: str) -> tuple[Sequence[Segment], list[str]]:
    """The segments as they stand in the text, and the text before each of them and behind the last one.

    No such texts, where a segment does not stand in it.
    """
    tokens = list(_TOKEN.finditer(text))
    forms = [each.group().casefold() for each in tokens]
    line = _SEPARATOR + "".join(form + _SEPARATOR for form in forms)
    places = list(accumulate((len(form) + 1 for form in forms), initial=0))
    found: list[tuple[int, int, Segment]] = []
    for each in segments:
        wanted = _SEPARATOR.join(match.group().casefold() for match in _TOKEN.finditer(_text(each)))
        last = found[-1][1] if found else 0
        # Overlapping segments may stand in the text in another order than in time.
        sought = f"{_SEPARATOR}{wanted}{_SEPARATOR}"
        at = line.find(sought, places[last]) if wanted else places[last]
        at = at if at >= 0 else line.find(sought)
        if at < 0:
            return segments, []
        first = bisect_right(places, at) - 1
        found.append((first, first + (wanted.count(_SEPARATOR) + 1 if wanted else 0), each))
    found.sort(key=lambda place: place[:2])
    ends, starts = [0, *(each[1] for each in found)], [*(each[0] for each in found), len(tokens)]
    reached = accumulate(ends, max)
    rests = [_between(text, tokens, end, start) for end, start in zip(reached, starts, strict=True)]
    return [each[2] for each in found], rests


def _between(text: str, tokens: Sequence[re.Match[str]], first: int, last: int) -> str:
    """The text of the tokens [first, last), with the marks beside them."""
    if first >= last:
        return ""
    start = tokens[first - 1].end() if first else 0
    end = tokens[last].start() if last < len(tokens) else len(text)
    before, after = text[start : tokens[first].start()], text[tokens[last - 1].end() : end]
    opening = before.rpartition(" ")[2] if " " in before or not first else ""
    closing = after.partition(" ")[0] if " " in after or last == len(tokens) else after
    return f"{opening}{text[tokens[first].start() : tokens[last - 1].end()]}{closing}".strip()
