"""The pieces of a recording as they are sent: encoded, and looked up among those that are known.

Belongs here: a piece, its key, its name, the rows of --dry-run. Does not belong here: where to cut (audio.splitter),
sending.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from voicecli.audio import pieces
from voicecli.audio.encoder import encode
from voicecli.backends.family import Capabilities
from voicecli.errors import InputError
from voicecli.storage.cache import key_of
from voicecli.text.figures import size
from voicecli.types import MIC, AudioClip, TranscribeOptions, Transcript
from voicecli.usecases.transcribing.fitting import Fit, Settings, whole


@dataclass(frozen=True, slots=True)
class ReadyPiece:
    """A piece as it is sent, and what was understood of it before, if it was kept."""

    number: int
    start: float
    end: float
    speech: tuple[float, float]
    clip: AudioClip
    key: str = ""
    known: Transcript | None = None


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A line of --dry-run: a piece of a recording; `known` tells that it would not be sent again."""

    source: str
    piece: int
    start: float
    seconds: float
    bytes: int
    container: str
    known: bool = False


class Cutting:
    """The pieces of a recording as they are sent, without sending them."""

    def __init__(self, can: Capabilities, fit: Fit, options: TranscribeOptions, settings: Settings) -> None:
        self._can, self._options = can, options
        self.fit, self.settings = fit, settings

    def cutter(self, path: Path, name: str) -> pieces.Cutter:
        """The pieces of a recording, still to be read. InputError: it can't be, or no piece is small enough."""
        if self.fit.rules.longest_s < 1:
            most = size(self.fit.most_bytes)
            raise InputError(f"is too long: {self._can.name} takes {most}", who=name, cure="Cut it into shorter ones.")
        blocks = pieces.blocks(path, self.settings.raw, self.settings.env)
        return pieces.Cutter(blocks, replace(self.fit.rules, total_s=pieces.seconds(path, self.settings.raw)))

    def ready(self, number: int, piece: pieces.Piece, name: str) -> ReadyPiece:
        """A piece as it is sent. Its name is not the file's: that stays here."""
        data = encode(piece.pcm, MIC.rate, self.fit.container)
        start, end = piece.start / MIC.rate, piece.end / MIC.rate
        clip = AudioClip(data, self.fit.container, end - start, Path(name).name)
        key = key_of(data, self.fit.container, self._options, self._can.identity("transcribe"))
        speech = (piece.first / MIC.rate, piece.last / MIC.rate)
        return ReadyPiece(number, start, end, speech, clip, key, self.settings.cache.get(key))

    def rows(self, path: Path, name: str) -> list[ResultRow]:
        """What would be sent of a recording. Raises what reading it raises."""
        clip = whole(path, self.fit, self.settings, name)
        if clip is not None:
            return [ResultRow(name, 1, 0.0, round(clip.seconds or 0.0, 3), len(clip.data), clip.container)]
        ready = (self.ready(number, piece, name) for number, piece in enumerate(self.cutter(path, name), 1))
        return [_row(name, each) for each in ready]


def _row(name: str, one: ReadyPiece) -> ResultRow:
    start, seconds = round(one.start, 3), round(one.end - one.start, 3)
    return ResultRow(name, one.number, start, seconds, len(one.clip.data), one.clip.container, one.known is not None)
