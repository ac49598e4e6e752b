"""The settings of the local family. Belongs here: their dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from voicecli.types import Backend, Range


@dataclass(frozen=True, slots=True)
class LocalSettings(Backend):
    """`pitch` is espeak-ng's own scale, 0 to 100. `models_folder`: where its models lie, if not where [models] says.

    `replicas`: in so many processes of Ray's the recogniser works, and in as many the voice; 0: in this one.
    """

    pitch: float | None = None
    models_folder: str = ""
    replicas: Annotated[int, Range(0, 64)] = 0
