"""Where a long recording is cut: at its silences, into pieces that a service takes. Pure: values in, cuts out.

Belongs here: deciding where pieces begin and end, and what is not sent because nobody speaks in it.
Does not belong here: samples, voice detection itself (levels and flags are given), encoding.

Everything is counted in frames of 20 ms. Of a recording of any length the splitter remembers no more
than the piece that it is in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

FRAME_MS = 20
GAP, PAD = 3000 // FRAME_MS, 400 // FRAME_MS
"""Frames: a stretch of so many without speech is left out, but for so many at its ends."""
QUIET_DBFS = -60.0
"""What is quieter is no sound, whatever a detector says."""


@dataclass(frozen=True, slots=True)
class SplitRules:
    """`longest_s`: of a piece. Of a recording of `total_s` (0: nobody knows) the pieces are about equally long, and so
    many that four lanes, or two, end together.
    """

    longest_s: float = 90.0
    total_s: float = 0.0

    @property
    def longest(self) -> int:
        return max(1, int(self.longest_s * 1000 / FRAME_MS))

    @property
    def total(self) -> int:
        return round(self.total_s * 1000 / FRAME_MS)

    @property
    def pieces(self) -> int:
        """Into how many pieces a recording of `total` should fall. It must not depend on how many lanes there are:
        with others the same recording would be cut elsewhere, and what is known of its pieces be of no use."""
        if self.total <= self.longest:
            return 1
        rounds = ceil(self.total / (self.longest / SLACK * LANES))
        return min(LANES * rounds, ceil(2 * self.total / self.longest))

    @property
    def pad(self) -> int:
        return min(PAD, self.longest // 4)


@dataclass(frozen=True, slots=True)
class Cut:
    """A piece: frames [start, end), of which [first, last) hold speech."""

    start: int
    end: int
    first: int
    last: int


SLACK = 1.05
"""How much longer than its share a piece may become: cuts are made where it is quiet, which is mostly before."""

LANES = 4

NEAR, WIDE = 2, 7
"""Frames on either side of a cut: the nearest must be quiet, the wider surroundings should be."""

VOICED_DB = 6.0
"""What speech costs in the choice of a cut: as much as this much more sound."""

LATER_DB = 6.0
"""What a cut at the piece's very end is better by than one in its middle."""


class Splitter:
    """Takes the level (dBFS) and the verdict of each frame in turn, and tells of each piece once it is complete."""

    def __init__(self, rules: SplitRules | None = None) -> None:
        self.rules = rules or SplitRules()
        self._pad, self._total = self.rules.pad, self.rules.total
        self._to_come = self.rules.pieces
        self._frames = 0
        self._start: int | None = None
        self._ended = 0
        self.levels: list[float] = []
        self._active: list[bool] = []

    @property
    def kept_from(self) -> int:
        """Frames before this one will belong to no piece any more."""
        return self._start if self._start is not None else max(self._ended, self._frames - self._pad)

    def feed(self, levels: Iterable[float], speech: Iterable[bool]) -> list[Cut]:
        """The next frames. Returns the pieces that are complete."""
        cuts: list[Cut] = []
        for level, voiced in zip(levels, speech, strict=True):
            active = voiced and level > QUIET_DBFS
            self.levels.append(max(level, QUIET_DBFS))
            self._active.append(active)
            self._frames += 1
            if self._start is None:
                self._wait(active)
            if self._start is not None:
                cuts += self._grow(active)
        return cuts

    def finish(self) -> list[Cut]:
        """The recording has ended. Returns the last piece, if any."""
        if self._start is None:
            return []
        return [self._cut(min(self._frames, self._last + self._pad))]

    # -- between pieces ------------------------------------------------------------------------

    def _wait(self, active: bool) -> None:
        if active:
            self._begin(max(self._ended, self._frames - 1 - self._pad))
            self._first, self._last = self._frames - 1, self._frames
        extra = len(self.levels) - (self._frames - self.kept_from)
        if extra > 0:
            del self.levels[:extra], self._active[:extra]

    def _begin(self, start: int) -> None:
        """A piece begins: it may become as long as its share of what is left."""
        self._start = start
        longest, left = self.rules.longest, self._total - start
        self._limit = longest
        if left > 0 and self._to_come > 1:
            self._limit = min(longest, ceil(SLACK * left / self._to_come))
        elif 4 * NEAR < left <= longest:
            self._limit += 1  # it will end in time by itself
        self._to_come -= 1

    # -- within a piece ------------------------------------------------------------------------

    def _grow(self, active: bool) -> list[Cut]:
        assert self._start is not None
        if active:
            self._last = self._frames
        if self._frames - self._last >= GAP:
            return [self._cut(min(self._frames, self._last + self._pad))]
        if self._frames - self._start >= self._limit:
            return [self._cut(self._best())]
        return []

    def _best(self) -> int:
        """The quietest place in the second half of the piece, preferably late and in a pause."""
        count = len(self.levels)
        half = max(1, count // 2)
        chosen, least = count, float("inf")
        for at in range(half, count - NEAR):
            cost = self._cost(at) - LATER_DB * (at - half) / (count - half)
            if cost <= least:
                chosen, least = at, cost
        assert self._start is not None
        return self._start + chosen

    def _cost(self, at: int) -> float:
        """How bad it is to cut before frame `at` of the piece, in dB."""
        near = slice(max(0, at - NEAR), at + NEAR)
        wide = self.levels[max(0, at - WIDE) : at + WIDE]
        voiced = any(self._active[near])
        return max(self.levels[near]) + 0.5 * sum(wide) / len(wide) + VOICED_DB * voiced

    def _cut(self, end: int) -> Cut:
        """Ends the piece before frame `end`; what is behind it belongs to the next one, if somebody speaks there."""
        assert self._start is not None
        start, first = self._start, self._first
        spoken = [at for at, active in enumerate(self._active[: end - start]) if active]
        last = start + spoken[-1] + 1 if spoken else end
        rest = next((at for at, active in enumerate(self._active[end - start :]) if active), None)
        self._ended = end
        if rest is None:
            self._start = None
            keep = self._frames - self.kept_from
        else:
            self._begin(end)
            self._first = end + rest
            keep = self._frames - end
        gone = len(self.levels) - keep
        del self.levels[:gone], self._active[:gone]
        return Cut(start, end, min(first, last), last)
