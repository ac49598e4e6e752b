"""What the loudspeaker plays: lanes, one a turn, closed, open, ducked or paused, counted in samples. Pure.

Belongs here: which sample sounds when, gain, and the count of what sounded. Does not belong here:
devices, asyncio, what a turn is. `render` is called on the sound card's thread, everything else on the
event loop: one lock, held for microseconds. Only the loop commands; the callback applies and counts.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from voicecli.audio.pcm import AUDIBLE, pauses

DUCKED = 0.2
RAMP_S = 0.01
REFILL_S = 0.12
"""Of a voice that is slow, a pause waits until so much is there: longer silence where silence is anyway."""


@dataclass(frozen=True, slots=True)
class Sounded:
    """The first audible sample of `lane` sounds at `at` (loop clock, seconds)."""

    lane: int
    at: float


@dataclass(frozen=True, slots=True)
class Drained:
    """The last sample of a finished `lane` has sounded at `at`."""

    lane: int
    at: float


@dataclass(frozen=True, slots=True)
class Hungry:
    """`lane` has room again for a writer that found it full."""

    lane: int


Notice = Sounded | Drained | Hungry


@dataclass(slots=True)
class Lane:
    """The sound of one turn. `gain` moves towards `target`; at a target of 0 nothing is consumed."""

    number: int
    open: bool = False
    chunks: deque[memoryview] = field(default_factory=deque)
    buffered: int = 0
    written: int = 0
    played: int = 0
    finished: bool = False
    sounded: bool = False
    drained: bool = False
    wants_room: bool = False
    gain: float = 1.0
    target: float = 1.0
    underruns: int = 0
    holds: deque[tuple[int, float]] = field(default_factory=deque)
    """From which sample on nothing sounds before which time."""
    slow: bool = False
    """Whether what comes may come too late."""
    refilling: bool = False


class Playout:
    """Lanes of s16le mono at `rate`; the oldest open lane plays."""

    def __init__(self, rate: int, *, capacity_s: float = 20.0) -> None:
        self.rate = rate
        self.notices: deque[Notice] = deque()
        self._capacity = int(capacity_s * rate)
        self._lanes: dict[int, Lane] = {}
        self._lock = threading.Lock()
        self._next = 0
        self._rendered_to = 0.0

    def lane(self) -> int:
        """A new lane, closed. Lanes that have drained are forgotten."""
        with self._lock:
            self._lanes = {number: it for number, it in self._lanes.items() if not it.drained}
            self._next += 1
            self._lanes[self._next] = Lane(self._next)
            return self._next

    def write(self, lane: int, pcm: bytes) -> bool:
        """Adds sound. False: the lane is full now; wait for its `Hungry` before the next write.

        What is written to a lane that was cancelled is dropped.
        """
        with self._lock:
            it = self._lanes.get(lane)
            if it is None or not pcm:
                return True
            it.chunks.append(memoryview(pcm))
            it.buffered += len(pcm) // 2
            it.written += len(pcm) // 2
            it.wants_room = it.buffered >= self._capacity
            return not it.wants_room

    def hold(self, lane: int, seconds: float, now: float) -> None:
        """What is written from now on comes slowly: it sounds `seconds` after it could, at the earliest.

        Until `release`, the lane fills up again wherever it is about to run dry and nobody speaks.
        """
        with self._lock:
            if it := self._lanes.get(lane):
                # What sounds from here on may already be on its way to the loudspeaker.
                it.holds.append((it.written, max(now, self._rendered_to) + seconds))
                it.slow = True

    def release(self, lane: int) -> None:
        """Nothing has to wait any more."""
        with self._lock:
            if it := self._lanes.get(lane):
                it.holds.clear()
                it.slow = False

    def finish(self, lane: int) -> None:
        """No more will be written; `Drained` follows when all has sounded."""
        with self._lock:
            if it := self._lanes.get(lane):
                it.finished = True

    def open(self, lane: int) -> None:
        with self._lock:
            if it := self._lanes.get(lane):
                it.open = True

    def duck(self, lane: int) -> None:
        self._aim(lane, DUCKED)

    def pause(self, lane: int) -> None:
        self._aim(lane, 0.0)

    def resume(self, lane: int) -> None:
        self._aim(lane, 1.0)

    def _aim(self, lane: int, target: float) -> None:
        with self._lock:
            if it := self._lanes.get(lane):
                it.target = target

    def cancel(self, lane: int) -> int:
        """Silences and forgets the lane; returns how many of its samples have sounded."""
        with self._lock:
            it = self._lanes.pop(lane, None)
            return it.played if it else 0

    def played(self, lane: int) -> int:
        """Samples of the lane that have sounded."""
        with self._lock:
            it = self._lanes.get(lane)
            return it.played if it else 0

    def written(self, lane: int) -> int:
        with self._lock:
            it = self._lanes.get(lane)
            return it.written if it else 0

    def waiting(self, lane: int) -> bool:
        """Whether an open lane can only give silence: its next piece has not come, or it is over."""
        with self._lock:
            it = self._lanes.get(lane)
            return it is not None and it.open and not it.buffered and (it.drained or not it.finished)

    def render(self, count: int, at: float) -> bytes:
        """The next `count` samples; the first sounds at `at` (loop clock). Silence where nothing is to play."""
        self._rendered_to = at + count / self.rate
        if not self._lanes:
            return bytes(2 * count)
        with self._lock:
            out = b""
            while len(out) < 2 * count:
                it = self._current()
                if it is None:
                    break
                piece = self._play(it, count - len(out) // 2, at + len(out) / 2 / self.rate)
                if not piece:
                    break
                out += piece
            return out if len(out) == 2 * count else out + bytes(2 * count - len(out))

    def _current(self) -> Lane | None:
        return next((it for it in self._lanes.values() if it.open and not it.drained), None)

    def _play(self, it: Lane, count: int, at: float) -> bytes:
        if it.target == 0.0 and it.gain == 0.0:
            return b""
        while it.holds and it.holds[0][0] <= it.played:
            if at < it.holds[0][1]:
                return b""
            it.holds.popleft()
        if self._refills(it):
            return b""
        if it.holds:
            count = min(count, it.holds[0][0] - it.played)
        if it.target == 0.0:
            count = min(count, self._ramp_left(it))
        raw = self._pull(it, count)
        self._report(it, raw, count, at)
        return self._apply_gain(it, raw)

    def _refills(self, it: Lane) -> bool:
        """Whether a slow lane with little left waits for more: one long pause is better than many small ones."""
        if not it.slow or it.buffered >= REFILL_S * self.rate:
            it.refilling = False
        elif not it.refilling:
            it.refilling = not it.buffered or pauses(it.chunks, self.rate)
        return it.refilling

    def _pull(self, it: Lane, count: int) -> bytes:
        parts: list[memoryview] = []
        need = 2 * count
        while need and it.chunks:
            head = it.chunks.popleft()
            if len(head) > need:
                it.chunks.appendleft(head[need:])
                head = head[:need]
            parts.append(head)
            need -= len(head)
        raw = b"".join(parts)
        it.buffered -= len(raw) // 2
        it.played += len(raw) // 2
        return raw

    def _report(self, it: Lane, raw: bytes, count: int, at: float) -> None:
        if not it.sounded and raw and (first := _first_audible(raw)) is not None:
            it.sounded = True
            self.notices.append(Sounded(it.number, at + first / self.rate))
        if it.wants_room and it.buffered < self._capacity // 2:
            it.wants_room = False
            self.notices.append(Hungry(it.number))
        if it.buffered:
            return
        if it.finished and not it.drained:
            it.drained = True
            self.notices.append(Drained(it.number, at + len(raw) / 2 / self.rate))
        elif it.sounded and len(raw) < 2 * count:
            it.underruns += 1

    def _ramp_left(self, it: Lane) -> int:
        return max(1, int(abs(it.gain - it.target) * RAMP_S * self.rate))

    def _apply_gain(self, it: Lane, raw: bytes) -> bytes:
        """Moves the gain to its target over 10 ms, so that no step is heard as a click."""
        if it.gain == it.target == 1.0 or not raw:
            return raw
        samples = np.frombuffer(raw, "<i2").astype(np.float32)
        ramp = min(self._ramp_left(it), len(samples)) if it.gain != it.target else 0
        reached = (
            it.target
            if ramp == self._ramp_left(it)
            else it.gain + np.sign(it.target - it.gain) * ramp / (RAMP_S * self.rate)
        )
        gains = np.full(len(samples), reached, np.float32)
        gains[:ramp] = np.linspace(it.gain, reached, ramp, dtype=np.float32)
        it.gain = float(reached)
        return (samples * gains).astype("<i2").tobytes()


def _first_audible(raw: bytes) -> int | None:
    loud = np.abs(np.frombuffer(raw, "<i2").astype(np.int32)) >= AUDIBLE
    return int(loud.argmax()) if loud.any() else None
