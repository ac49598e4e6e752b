"""The settings of the local family. Belongs here: their dataclass."""

from __future__ import annotations

from dataclasses import dataclass

from voicecli.types import Backend


@dataclass(frozen=True, slots=True)
class LocalSettings(Backend):
    """`pitch` is espeak-ng's own scale, 0 to 100. `models_folder`: where its models lie, if not where [models] says."""

    pitch: float | None = None
    models_folder: str = ""
