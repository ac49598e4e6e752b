"""The jitter buffer: how much of a head start a voice's sound needs so as not to stutter. Pure.

Belongs here: what is learnt from when pieces of sound came. Does not belong here: playing, and filling up again in
pauses (audio.playout), asking for speech (dialogue.cascade).

A voice that makes its sound hardly faster than it is spoken, or in bursts, runs dry in the middle of a word.
Its next piece then begins later by what the last ones lacked: silence between sentences is not noticed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

REMEMBERED = 16
"""Pieces: as many as a few replies have."""
UNKNOWN_S = 0.04
"""The head start in seconds before anything is measured."""
MARGIN, LONGEST_S = 1.25, 2.0
"""The head start is so many times what was measured, and at most so many seconds."""


@dataclass(slots=True)
class Measured:
    """How one piece comes. `size` is its text in bytes (UTF-8): about how long it takes to say, in any script."""

    size: int
    rate: int
    began: float | None = None
    samples: int = 0
    lacked: float = 0.0
    """Begun to sound at once, the longest silence there would have been inside it until now, in seconds."""

    def arrived(self, samples: int, now: float) -> None:
        """A chunk of so many samples has come at `now`, in seconds on one clock."""
        self.began = now if self.began is None else self.began
        self.lacked = max(self.lacked, now - self.began - self.samples / self.rate)
        self.samples += samples


@dataclass(slots=True)
class Pace:
    """What the last pieces of a voice taught, at `rate` samples a second.

    `asked` when speech for a text is asked for; what it gives is told of every chunk, and is `ended` in the end.
    """

    rate: int
    _known: deque[Measured] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def asked(self, text: str) -> Measured:
        return Measured(len(text.encode("utf-8", "replace")), self.rate)

    def head_start_s(self, piece: Measured) -> float:
        """How long after its first chunk `piece` should begin to sound.

        What pieces lacked before, and where this one is longer, in proportion: a voice slower than speech falls
        behind all the time.
        """
        if not self._known:
            return UNKNOWN_S
        lacked = sum(each.lacked for each in self._known)
        longer = piece.size / max(1, sum(each.size for each in self._known))
        return min(LONGEST_S, MARGIN * max(lacked * longer, *(each.lacked for each in self._known)))

    def ended(self, piece: Measured) -> None:
        """The piece is complete, or will not be: one that was broken off tells as much as it lasted."""
        if piece.samples:
            self._known.append(piece)
