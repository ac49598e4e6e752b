"""What would be sent of a recording, and nothing is.

Belongs here: the rows of --dry-run. Does not belong here: showing them, sending.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from voicecli.usecases.transcribing.cutting import Cutting, ReadyPiece
from voicecli.usecases.transcribing.fitting import whole


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


def rows(cutting: Cutting, path: Path, name: str) -> list[ResultRow]:
    """What would be sent of a recording. Raises what reading it raises."""
    clip = whole(path, cutting.fit, cutting.settings, name)
    if clip is not None:
        return [ResultRow(name, 1, 0.0, round(clip.seconds or 0.0, 3), len(clip.data), clip.container)]
    pieces = enumerate(cutting.cutter(path, name), 1)
    return [_row(name, number, cutting.ready(number, piece, name)) for number, piece in pieces]


def _row(name: str, number: int, one: ReadyPiece) -> ResultRow:
    start, seconds = round(one.start, 3), round(one.end - one.start, 3)
    return ResultRow(name, number, start, seconds, len(one.clip.data), one.clip.container, one.known is not None)
