"""What the loudspeaker plays: lanes, one a turn, closed, open, ducked or paused, counted in samples. Pure.

Belongs here: which sample sounds when, gain, and the count of what sounded. Does not belong here:
devices, asyncio, what a turn is. `render` is called on the sound card's thread, everything else on the
event loop: one lock, held for microseconds. Only the loop commands; the callback applies and counts.

    lane = playout.lane(changed)        # `changed` is called by `pump`, on the loop
    lane.begin("Hello there.")          # a stretch of sound, and what it says
    lane.write(pcm, now)                # while `lane.room`; else wait until `changed`
    lane.complete()
    lane.finish()                       # `lane.drained` is set when all has sounded
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

import numpy as np

from voicecli.audio.pace import Measured, Pace
from voicecli.audio.pcm import AUDIBLE, pauses
from voicecli.ports import Rendered

DUCKED = 0.2
RAMP_S = 0.01
REFILL_S = 0.12
"""Seconds of sound that a slow voice must have ready to go on after a pause: silence there is not noticed."""


class Playout:
    """Lanes of s16le mono at `rate`; the oldest open lane plays. `pace` is what was learnt of the voice."""

    def __init__(self, rate: int, pace: Pace | None = None, *, capacity_s: float = 20.0) -> None:
        self.rate, self.capacity = rate, int(capacity_s * rate)
        self.pace = pace or Pace(rate)
        self.rendered_to = 0.0
        self.lock = threading.Lock()
        self.changed: deque[Lane] = deque()
        """Lanes with news for those who fill them."""
        self.rouse: Callable[[], object] = lambda: None
        """Called on the event loop when a lane may sound, or has again what may: for whoever renders only then."""
        self._lanes: list[Lane] = []

    def lane(self, changed: Callable[[], object] = lambda: None) -> Lane:
        """A new lane, closed. `changed` is called (by `pump`) when it sounds, has room again, or has drained."""
        lane = Lane(self, changed)
        with self.lock:
            self._lanes = [it for it in self._lanes if it.drained is None] + [lane]
        return lane

    def forget(self, lane: Lane) -> None:
        """Takes the lane away: it is played no more."""
        with self.lock:
            self._lanes = [it for it in self._lanes if it is not lane]

    @property
    def moved(self) -> bool:
        """Whether there is something to `pump`."""
        return bool(self.changed)

    @property
    def playing(self) -> bool:
        """Whether a lane may sound and has not drained."""
        return any(it.opened and it.drained is None for it in self._lanes)

    def pump(self) -> None:
        """Tells of what happened while samples were rendered. On the event loop."""
        while self.changed:
            self.changed.popleft().tell()

    def render(self, count: int, at: float) -> bytes:
        """The next `count` samples; the first sounds at `at` (loop clock). Silence where nothing is to play."""
        self.rendered_to = at + count / self.rate
        if not self._lanes:
            return bytes(2 * count)
        with self.lock:
            out = b""
            while len(out) < 2 * count:
                lane = next((it for it in self._lanes if it.opened and it.drained is None), None)
                piece = lane.render(count - len(out) // 2, at + len(out) / 2 / self.rate) if lane else b""
                if not piece:
                    break
                out += piece
            return out if len(out) == 2 * count else out + bytes(2 * count - len(out))


class Lane:
    """The sound of one turn, made by `Playout.lane`.

    `sounded` is when its first audible sample sounded and `drained` when its last one did (loop clock, seconds), or
    None; `played` counts the samples that have sounded; `room` says whether more is wanted.
    """

    def __init__(self, out: Playout, changed: Callable[[], object]) -> None:
        self.tell = changed
        self.sounded: float | None = None
        self.drained: float | None = None
        self.played = 0
        self.room = True
        self.rate = out.rate
        self._out, self._fader = out, _Fader(out.rate)
        self.opened = self.halted = self._finished = self._cancelled = False
        self._chunks: deque[memoryview] = deque()
        self._buffered = self._written = 0
        self._holds: deque[tuple[int, float]] = deque()
        """From which sample on nothing sounds before which time."""
        self._slow = False
        """Whether what comes may come too late."""
        self._refilling = False
        self._stretch: Measured | None = None

    # -- filling it ----------------------------------------------------------------------------------

    def begin(self, text: str) -> None:
        """A stretch of sound that says `text` is about to come."""
        self._stretch = self._out.pace.asked(text)

    def write(self, pcm: bytes, now: float = 0.0) -> None:
        """Adds sound, which came at `now`; see that there is `room` before. What comes after `cancel` is dropped."""
        if not pcm or self._cancelled:
            return
        if (stretch := self._stretch) is not None:
            if not stretch.samples and (seconds := self._out.pace.head_start_s(stretch)):
                self.hold(seconds, now)
            stretch.arrived(len(pcm) // 2, now)
        if self.opened and not self._buffered:
            self._out.rouse()
        with self._out.lock:
            self._chunks.append(memoryview(pcm))
            self._buffered += len(pcm) // 2
            self._written += len(pcm) // 2
            self.room = self._buffered < self._out.capacity

    def complete(self) -> None:
        """The stretch is complete, or will not be."""
        if self._stretch is not None:
            self._out.pace.ended(self._stretch)
            self._stretch = None
        self.release()

    def hold(self, seconds: float, now: float) -> None:
        """What is written from now on comes slowly: it sounds `seconds` after it could, at the earliest.

        Until `release`, the lane fills up again wherever it is about to run dry and nobody speaks.
        """
        with self._out.lock:
            # What sounds from here on may already be on its way to the loudspeaker.
            self._holds.append((self._written, max(now, self._out.rendered_to) + seconds))
            self._slow = True

    def release(self) -> None:
        """Lets sound play at once that was held back."""
        with self._out.lock:
            self._holds.clear()
            self._slow = False

    def finish(self) -> None:
        """No more will be written: `drained` follows when all has sounded."""
        with self._out.lock:
            self._finished = True

    # -- commanding it -------------------------------------------------------------------------------

    def open(self) -> None:
        """Lets the lane sound."""
        self.opened = True
        self._out.rouse()

    def fade(self, target: float) -> None:
        """To that gain: DUCKED is low, 1.0 as it was; at 0.0 it stands still and loses nothing."""
        self._fader.target = target
        self.halted = target == 0.0

    def cancel(self) -> None:
        """Silences the lane at once and for good."""
        self._cancelled = True
        self.complete()
        self._out.forget(self)

    @property
    def waiting(self) -> bool:
        """Whether it is open and can only give silence: its next piece has not come, or it is over."""
        with self._out.lock:
            over = self.drained is not None or not self._finished
            return self.opened and not self._cancelled and not self._buffered and over

    # -- under the lock, on the sound card's thread --------------------------------------------------

    def render(self, count: int, at: float) -> bytes:
        """At most `count` samples, the first of which sounds at `at`; none while it has to wait."""
        if self._fader.silent:
            return b""
        while self._holds and self._holds[0][0] <= self.played:
            if at < self._holds[0][1]:
                return b""
            self._holds.popleft()
        if self._refills():
            return b""
        if self._holds:
            count = min(count, self._holds[0][0] - self.played)
        raw = self._pull(self._fader.most(count))
        self._report(raw, count, at)
        return self._fader.apply(raw)

    def _refills(self) -> bool:
        """Whether a slow lane with little left waits for more: one long pause is better than many small ones."""
        if not self._slow or self._buffered >= REFILL_S * self._out.rate:
            self._refilling = False
        elif not self._refilling:
            self._refilling = not self._buffered or pauses(self._chunks, self._out.rate)
        return self._refilling

    def _pull(self, count: int) -> bytes:
        parts: list[memoryview] = []
        need = 2 * count
        while need and self._chunks:
            head = self._chunks.popleft()
            if len(head) > need:
                self._chunks.appendleft(head[need:])
                head = head[:need]
            parts.append(head)
            need -= len(head)
        raw = b"".join(parts)
        self._buffered -= len(raw) // 2
        self.played += len(raw) // 2
        return raw

    def _report(self, raw: bytes, count: int, at: float) -> None:
        before = self.sounded, self.room, self.drained
        if self.sounded is None and raw and (first := _first_audible(raw)) is not None:
            self.sounded = at + first / self._out.rate
        self.room = self.room or self._buffered < self._out.capacity // 2
        if not self._buffered and self._finished:
            self.drained = at + len(raw) / 2 / self._out.rate
        if before != (self.sounded, self.room, self.drained):
            self._out.changed.append(self)


class _Fader:
    """A gain that moves to its `target` over 10 ms, so that no step is heard as a click."""

    def __init__(self, rate: int) -> None:
        self._ramp = RAMP_S * rate
        self.gain = self.target = 1.0

    @property
    def silent(self) -> bool:
        return self.target == self.gain == 0.0

    @property
    def _left(self) -> int:
        return max(1, int(abs(self.gain - self.target) * self._ramp))

    def most(self, count: int) -> int:
        """On the way to silence no more than the ramp is taken."""
        return min(count, self._left) if self.target == 0.0 else count

    def apply(self, raw: bytes) -> bytes:
        if self.gain == self.target == 1.0 or not raw:
            return raw
        samples = np.frombuffer(raw, "<i2").astype(np.float32)
        left = self._left
        ramp = min(left, len(samples)) if self.gain != self.target else 0
        step = float(np.sign(self.target - self.gain)) * ramp / self._ramp
        reached = self.target if ramp == left else self.gain + step
        gains = np.full(len(samples), reached, np.float32)
        gains[:ramp] = np.linspace(self.gain, reached, ramp, dtype=np.float32)
        self.gain = float(reached)
        return (samples * gains).astype("<i2").tobytes()


class Overheard:
    """A playout that also tells what it rendered, and when it sounds; on the sound card's thread."""

    def __init__(self, inner: Rendered, tell: Callable[[bytes, float], object]) -> None:
        self.rate, self._inner, self._tell = inner.rate, inner, tell

    @property
    def moved(self) -> bool:
        return self._inner.moved

    def render(self, count: int, at: float) -> bytes:
        pcm = self._inner.render(count, at)
        self._tell(pcm, at)
        return pcm


def _first_audible(raw: bytes) -> int | None:
    loud = np.abs(np.frombuffer(raw, "<i2").astype(np.int32)) >= AUDIBLE
    return int(loud.argmax()) if loud.any() else None
