"""The jitter buffer: how much of a head start a voice's sound needs so as not to stutter. Pure.

Belongs here: what is learnt from when pieces of sound came. Does not belong here: playing (audio.playout),
asking for speech (dialogue.turn).

A voice that makes its sound hardly faster than it is spoken, or in bursts, runs dry in the middle of a word.
Its next piece then begins later by what the last ones lacked: silence between sentences is not noticed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

REMEMBERED = 8
"""Pieces: as many as a reply or two have."""
UNKNOWN_S = 0.04
"""Before anything is measured."""
MARGIN, LONGEST_S = 1.2, 2.0


@dataclass(slots=True)
class Pace:
    """Told when each piece of speech begins, each chunk of it, and its end; gives the head start of the next.

    Samples at `rate`, times in seconds on one clock.
    """

    rate: int
    _lacked: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _began: float | None = None
    _samples: int = 0
    _worst: float = 0.0

    @property
    def head_start_s(self) -> float:
        """How long after its first chunk a piece should begin to sound."""
        if not self._lacked:
            return UNKNOWN_S
        return min(LONGEST_S, MARGIN * max(self._lacked))

    def arrived(self, samples: int, now: float) -> None:
        """A chunk has come: played since the piece's first, how long would silence have lasted until it?"""
        self._began = now if self._began is None else self._began
        self._worst = max(self._worst, now - self._began - self._samples / self.rate)
        self._samples += samples

    def ended(self) -> None:
        """The piece is complete."""
        if self._samples:
            self._lacked.append(self._worst)
        self._began, self._samples, self._worst = None, 0, 0.0
