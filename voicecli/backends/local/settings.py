"""The settings of the local family. Belongs here: their dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from voicecli.types import Backend, Range


@dataclass(frozen=True, slots=True)
class LocalSettings(Backend):
    """`pitch` is espeak-ng's own scale, 0 to 100. `models_folder`: where its models lie, if not where [models] says.

    `replicas`: in so many processes of Ray's the recogniser works, and in as many the voice; 0: in this one.
    `most_replicas`: in up to so many while there is more to do; less than `replicas`: never in more.
    """

    pitch: float | None = None
    models_folder: str = ""
    replicas: Annotated[int, Range(0, 64)] = 0
    most_replicas: Annotated[int, Range(0, 64)] = 0

    @property
    def span(self) -> tuple[int, int]:
        """The fewest and the most processes; zeros: there are none."""
        fewest = self.replicas or int(self.most_replicas > 0)
        return fewest, max(fewest, self.most_replicas)
