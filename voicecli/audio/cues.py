"""Short tones that tell a person what happens, so that nobody needs to look at a screen. Pure.

Belongs here: how they sound. Does not belong here: when they sound (wiring.talk), devices.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence

Notes = Sequence[tuple[float, float]]
"""Pitches in Hz, and for how many seconds."""
CHIME: Notes = ((660.0, 0.25), (880.0, 0.35))
CUES: Mapping[str, Notes] = {
    "listening": ((880.0, 0.07),),
    "taken": ((660.0, 0.05), (880.0, 0.05)),
    "woke": ((880.0, 0.06), (1175.0, 0.09)),
    "lost": ((440.0, 0.1), (330.0, 0.16)),
}
LOUD, SOFT = 9000, 3000


def tones(notes: Notes, rate: int, peak: int = LOUD) -> bytes:
    """Notes as s16le mono at `rate`, each fading in and out."""
    samples = array("h")
    for pitch, seconds in notes:
        count = int(seconds * rate)
        samples.extend(
            int(peak * math.sin(math.pi * n / count) * math.sin(2 * math.pi * pitch * n / rate)) for n in range(count)
        )
    return samples.tobytes()
