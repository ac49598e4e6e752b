"""Voice detection."""

from __future__ import annotations
from dataclasses import dataclass
from typing import Literal

Judge = Literal["silero", "webrtc"]


@dataclass(frozen=True, slots=True)
class Voicing:
    """What a frame of 20 ms holds: `level` is its RMS in dBFS."""

    speech: bool
    probability: float
    level: float


class Detector:
    """Tells speech from other sound, frame by frame (320 samples, 16 kHz mono)."""

    def __init__(self, judge: Judge = "silero", *, threshold: float = 0.5) -> None: ...

    def detect(self, pcm: bytes) -> Voicing:
        raise NotImplementedError

    def reset(self) -> None:
        """Forget what was heard."""
