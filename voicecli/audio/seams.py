"""Pieces of speech put together into one sound: no click where they meet, louder or softer as wished.

Belongs here: arithmetic on the samples at a seam, and gain. Every sample keeps its place: none is added or lost.
Does not belong here: decoding, files, devices, deciding what a piece is.
"""

from __future__ import annotations

from array import array

FADE_S = 0.002
"""How much is faded on either side of a seam that would click."""

CLICK = 650
"""A jump of so many steps of 32,768 (−34 dB) from one sample to the next can be heard in silence."""


class Joiner:
    """Feeds s16le mono through, piece after piece; a seam with a jump in it is faded out and in.

    It holds back `FADE_S` of a piece until it is known what follows, and nothing else.
    """

    def __init__(self, rate: int) -> None:
        self._fade = max(1, int(rate * FADE_S))
        self._held = array("h")
        self._seam: array[int] | None = None
        """The end of the piece before, until the next one has begun."""

    def feed(self, pcm: bytes) -> bytes:
        """The next samples of the piece; what of them (and of those held back) can go on."""
        self._held.frombytes(pcm)
        if self._seam is not None and len(self._held) >= self._fade:
            return self._over_the_seam() + self._beyond()
        return b"" if self._seam is not None else self._beyond()

    def end_piece(self) -> None:
        """The piece has ended; what is fed from now on is the next one."""
        if self._seam is not None:  # a piece shorter than a fade
            self._held = self._seam + self._held
        self._seam, self._held = self._held, array("h")

    def flush(self) -> bytes:
        """Everything has ended: what was held back."""
        out = (self._seam or array("h")) + self._held
        self._seam, self._held = None, array("h")
        return out.tobytes()

    def _beyond(self) -> bytes:
        at = max(0, len(self._held) - self._fade)
        out, self._held = self._held[:at], self._held[at:]
        return out.tobytes()

    def _over_the_seam(self) -> bytes:
        assert self._seam is not None
        before, self._seam = self._seam, None
        if before and abs(before[-1] - self._held[0]) > CLICK:
            before = _faded(before, len(before), -1)
            self._held = _faded(self._held, self._fade, 1)
        return before.tobytes()


def _faded(samples: array[int], count: int, direction: int) -> array[int]:
    """The first `count` samples rising from silence (direction 1), or the last ones falling into it (-1)."""
    out = array("h", samples)
    for at in range(min(count, len(out))):
        place = at if direction > 0 else len(out) - 1 - at
        out[place] = round(out[place] * at / count)
    return out


def with_gain(pcm: bytes, gain: float) -> bytes:
    """s16le samples `gain` times as loud, held within full scale."""
    import numpy as np

    louder = np.frombuffer(pcm, np.int16).astype(np.float32) * gain
    return bytes(np.clip(np.rint(louder), -32768, 32767).astype(np.int16).tobytes())
