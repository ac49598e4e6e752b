"""When a sample was taken or will sound, on the event loop's clock. Pure.

Belongs here: the two estimators that turn what a sound card tells at each block into steady times.
Does not belong here: sounddevice, a clock of our own.

Both see the number of samples that went before (exact), the moment the block was handed over (late by
whatever kept the thread waiting) and the delay that the sound system claims. The claims differ in worth.
Against recordings on PulseAudio through ALSA's plug-in: playback's are right within a few ms;
capture's are wrong by up to 600 ms in the first seconds and wander by ±15 ms after that,
while its blocks arrive within 0.3 ms of a straight line. So capture trusts arrival, playback the claim.
"""

from __future__ import annotations

import math


class Lowest:
    """The lowest of the values of the last `span` to 2 · `span` seconds."""

    def __init__(self, span: float) -> None:
        self._span = span
        self._since = float("-inf")
        self._old = self._new = float("inf")

    def add(self, value: float, now: float) -> float:
        if now - self._since > self._span:
            self._old, self._new, self._since = self._new, value, now
        self._new = min(self._new, value)
        return min(self._old, self._new)


class Steady:
    """Follows a value slowly: by `rise` or `fall` a second at most. Jumps when it is off by more than `jump`."""

    def __init__(self, *, rise: float, fall: float, jump: float) -> None:
        self._rise, self._fall, self._jump = rise, fall, jump
        self._value: float | None = None

    def follow(self, target: float, seconds: float) -> float:
        """The value after `seconds` more."""
        if self._value is None or abs(target - self._value) > self._jump:
            self._value = target
        self._value += max(-self._fall * seconds, min(self._rise * seconds, target - self._value))
        return self._value


class CaptureClock:
    """Tells when each captured block's first sample was taken.

    A block is handed over after its last sample was taken, never before: the earliest arrivals of the
    last seconds, counted in samples, are the line. An earlier one is proof and counts at once. A claimed
    delay beyond the block's own length is believed once it had time to settle, and only its lowest value.
    """

    SETTLE_S = 5.0

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._samples = 0
        self._first: float | None = None
        self._last = float("-inf")
        self._lag, self._extra = Lowest(2.0), Lowest(10.0)
        self._line = Steady(rise=0.02, fall=math.inf, jump=0.2)
        self._age = Steady(rise=0.02, fall=0.02, jump=math.inf)

    def gap(self) -> None:
        """Samples were lost: what came before says nothing about what comes."""
        self._lag = Lowest(2.0)

    def block(self, count: int, now: float, delay: float) -> float:
        """`count` samples were handed over at `now`; `delay`: claimed age of the first. Its time."""
        self._first = now if self._first is None else self._first
        seconds = count / self._rate
        lag = self._lag.add(now - (self._samples + count) / self._rate, now)
        extra = 0.0
        if now - self._first > self.SETTLE_S:
            extra = self._extra.add(max(0.0, min(0.5, delay - seconds)), now)
        offset = self._line.follow(lag, seconds) - self._age.follow(extra, seconds)
        at = offset + self._samples / self._rate
        self._samples += count
        self._last = max(self._last, at)
        return self._last


class PlaybackClock:
    """Tells when each block that is about to be written will begin to sound."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._samples = 0
        self._offset = Steady(rise=0.02, fall=0.02, jump=0.015)

    def block(self, count: int, now: float, delay: float) -> float:
        """`count` samples are asked for at `now`; `delay`: claimed wait until the first sounds. Its time."""
        target = now + max(0.0, min(2.0, delay)) - self._samples / self._rate
        at = self._offset.follow(target, count / self._rate) + self._samples / self._rate
        self._samples += count
        return at
