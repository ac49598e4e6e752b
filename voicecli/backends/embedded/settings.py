"""The settings of the embedded family. Belongs here: their dataclass."""

from __future__ import annotations

from dataclasses import dataclass

from voicecli.types import Backend


@dataclass(frozen=True, slots=True)
class EmbeddedSettings(Backend):
    """`pitch` is espeak-ng's own scale, 0 to 100."""

    pitch: float | None = None
