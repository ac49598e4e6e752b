"""Where speech goes and in which container, judged before anything is asked for.

Belongs here: what a goal is, and which goals cannot be. Does not belong here: reaching one (delivering, sinks), flags.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.errors import UsageError
from voicecli.usecases.inputs import STD
from voicecli.usecases.writing import refuse_target

if TYPE_CHECKING:
    from voicecli.backends.family import Capabilities

FORMATS = ("wav", "mp3", "flac", "ogg", "opus", "aiff", "pcm")
"""What can be written over every backend; others only where the service itself makes them."""

WRITES = f"Write one of: {', '.join(FORMATS)}."

ALIASES = {"wave": "wav", "oga": "ogg", "aif": "aiff", "raw": "pcm", "s16le": "pcm"}

LOUDSPEAKER = ""
JOINABLE = "aac"
"""Of what we can't write, the container whose files can be put one behind the other."""


@dataclass(frozen=True, slots=True)
class Goal:
    """Where the sound goes, and in which container.

    `play`: out of the loudspeaker too. `titles`: files of subtitles beside it, with their kind (srt, vtt).
    `rate`: samples a second of what is written; None: as the service makes them.
    """

    path: str = LOUDSPEAKER
    container: str = "pcm"
    play: bool = False
    volume: float = 1.0
    titles: tuple[tuple[Path, str], ...] = ()
    rate: int | None = None

    @classmethod
    def named(cls, output: str | None, format: str | None) -> Goal:
        """The goal that a file's name and a format's tell of. Raises UsageError."""
        if output is None:
            if format is not None:
                raise UsageError("--format is for -o", cure="Add -o FILE.")
            return cls()
        extension = (format or ("wav" if output == STD else Path(output).suffix[1:])).lower()
        return cls(output, ALIASES.get(extension, extension))

    @property
    def native(self) -> bool:
        """Whether only a service itself can make the container."""
        return self.container not in FORMATS

    @property
    def sounds(self) -> bool:
        """Whether somebody listens."""
        return self.play or self.path == LOUDSPEAKER

    @property
    def as_sent(self) -> bool:
        """Whether a service's own file would do, if it is in the right container."""
        return not self.sounds and self.volume == 1.0 and not self.titles and not self.rate

    @property
    def file(self) -> Path | None:
        """The file that is written, if any."""
        return None if self.path in (LOUDSPEAKER, STD) else Path(self.path)

    def check(self, *inputs: Path | str | None) -> None:
        """Raises UsageError for what can't be written, can't go together, or would be written over an input."""
        if self.play and self.path == LOUDSPEAKER:
            raise UsageError("--play is for -o", cure="Without -o it is played anyway.")
        if self.file:
            refuse_target(self.file, *inputs)
        if not self.container:
            cure = f"Add -f: {', '.join(FORMATS)}."
            raise UsageError(f"-o {self.path} has no extension to tell the format", cure=cure)
        if self.native and not self.as_sent:
            what = f"{self.container} is passed on as the service makes it, unplayed and untimed"
            raise UsageError(what, cure=WRITES)
        for path, kind in self.titles:
            refuse_target(path, *inputs, flag=f"--{kind}")
            if self.file and path.absolute() == self.file.absolute():
                raise UsageError(f"-o and the subtitles are both {path}", cure="Choose another name.")

    def check_made_by(self, can: Capabilities) -> None:
        """A format that we can't write must be one that the service is asked for by name. Raises UsageError."""
        from voicecli import wiring
        from voicecli.backends.registry import FAMILIES

        if not self.native or "format" in wiring.takes(can, "speak"):
            return
        others = [each.name for each in FAMILIES.values() if "format" in wiring.takes(each.at_best, "speak")]
        cure = f"{WRITES} Families that may make others: {', '.join(others)}."
        raise UsageError(f"makes no {self.container}, and we can't write it", who=can.name, cure=cure)
