"""The jitter buffer: how much of a head start a voice's sound needs so as not to stutter. Pure.

Belongs here: what is learnt from when pieces of sound came. Does not belong here: playing, and filling up again in
pauses (audio.playout), asking for speech (dialogue.turn).

A voice that makes its sound hardly faster than it is spoken, or in bursts, runs dry in the middle of a word.
Its next piece then begins later by what the last ones lacked: silence between sentences is not noticed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

REMEMBERED = 16
"""Pieces: as many as a few replies have."""
UNKNOWN_S = 0.04
"""Before anything is measured."""
MARGIN, LONGEST_S = 1.25, 2.0


@dataclass(slots=True)
class _Piece:
    """How a text of `size` bytes (UTF-8: as good a measure of how long it takes to say as any) came."""

    size: int
    began: float | None = None
    seconds: float = 0.0
    lacked: float = 0.0
    """Begun to sound at once, the longest silence there would have been inside it, in seconds."""


@dataclass(slots=True)
class Pace:
    """Told when each piece of speech is asked for, each chunk of it, and its end; gives the head start it needs.

    Samples at `rate`, times in seconds on one clock.
    """

    rate: int
    _known: deque[_Piece] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _piece: _Piece = field(default_factory=lambda: _Piece(0))

    @property
    def head_start_s(self) -> float:
        """How long after its first chunk the piece that was asked for should begin to sound.

        What pieces lacked before, and where this one is longer, in proportion: a voice slower than speech falls
        behind all the time.
        """
        if not self._known:
            return UNKNOWN_S
        lacked = sum(each.lacked for each in self._known)
        longer = self._piece.size / max(1, sum(each.size for each in self._known))
        return min(LONGEST_S, MARGIN * max(lacked * longer, *(each.lacked for each in self._known)))

    def asked(self, text: str) -> None:
        """Speech for `text` is asked for."""
        self._piece = _Piece(len(text.encode("utf-8", "replace")))

    def arrived(self, samples: int, now: float) -> None:
        """A chunk has come: played since the piece's first, how long would silence have lasted until it?"""
        piece = self._piece
        piece.began = now if piece.began is None else piece.began
        piece.lacked = max(piece.lacked, now - piece.began - piece.seconds)
        piece.seconds += samples / self.rate

    def ended(self) -> None:
        """The piece is complete, or will not be: one that was broken off tells as much as it lasted."""
        if self._piece.seconds:
            self._known.append(self._piece)
        self._piece = _Piece(0)
