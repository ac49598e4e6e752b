"""How a recording must be for a backend: as it is, or cut into pieces of which container and length.

Belongs here: limits of a backend against what a recording is. Does not belong here: sending, where to cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from voicecli.audio import files, foreign, pieces
from voicecli.audio.splitter import SplitRules
from voicecli.backends.family import Capabilities
from voicecli.errors import InputError, NoSpeechError
from voicecli.storage.cache import PieceCache
from voicecli.types import MIC, AudioClip, Backend, TranscribeOptions

LONGEST_S = 90.0
TIMELESS_S = 30.0
"""Pieces for a recogniser that tells no times: what it says is then known to be within so much."""

WHOLE_BYTES = 26_214_400
"""A file of more is never read whole, whatever a family takes."""

HEADER_BYTES = 8192
"""What a container may add to its samples."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the flags said. `lanes` requests run at a time; `env` is this run's; `timed`: results have times."""

    lanes: int = 4
    raw: pieces.Raw | None = None
    timed: bool = False
    cache: PieceCache = field(default_factory=lambda: PieceCache(None))
    env: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """How recordings must be for the chosen family and model. `timeless`: short pieces are to tell the times."""

    native: bool
    containers: frozenset[str]
    most_bytes: int
    most_seconds: float | None
    rules: SplitRules
    container: str
    fetches: frozenset[str]
    timeless: bool = False


def fit_of(family: Capabilities, backend: Backend, options: TranscribeOptions, *, timed: bool) -> Fit:
    """What `family` takes with the model that will be asked."""
    limits = family.limits
    model = options.model or backend.transcribe_model
    # A live recogniser, behind a bridge or not, takes plain samples.
    native = family.can("transcribe") and not limits.plain
    timeless = timed and (not options.words or any(part in model.lower() for part in limits.timeless))
    seconds = limits.seconds_for(model)
    longest = min(each for each in (LONGEST_S, seconds, TIMELESS_S if timeless else None) if each)
    if limits.upload_bytes is not None:
        longest = min(longest, (limits.upload_bytes - HEADER_BYTES) / MIC.bytes_for(1000))
    return Fit(
        native=native,
        containers=limits.containers,
        most_bytes=min(limits.upload_bytes or WHOLE_BYTES, WHOLE_BYTES),
        most_seconds=TIMELESS_S if timeless else seconds,
        rules=SplitRules(longest_s=max(longest, 0.0)),
        container="flac" if native and "flac" in limits.containers else "wav",
        fetches=limits.fetches,
        timeless=timeless,
    )


def whole(path: Path, fit: Fit, settings: Settings, name: str) -> AudioClip | None:
    """The file as it is, where the family takes it so; None: it must be cut or converted.

    Raises InputError, and NoSpeechError where it is silent.
    """
    clip = _whole(path, fit, settings)
    if clip is not None and clip.seconds is not None and pieces.is_silent(files.blocks(path, ms=1000, live=False)):
        raise NoSpeechError("no speech was found in it", who=name)
    return clip


def _whole(path: Path, fit: Fit, settings: Settings) -> AudioClip | None:
    if not fit.native or settings.raw is not None or not _is_small(path, fit):
        return None
    try:
        clip = files.read_clip(path)
    except InputError:
        if not pieces.is_media(path):
            raise
        return None  # another program may know it
    if clip.container not in fit.containers or len(clip.data) > fit.most_bytes or not files.is_as_it_says(path):
        return None
    return None if fit.most_seconds is not None and _is_long(clip, fit, fit.most_seconds, settings.env) else clip


def _is_long(clip: AudioClip, fit: Fit, most_seconds: float, env: Mapping[str, str] | None) -> bool:
    """Whether it must be cut. What does not tell its length and cannot be cut here is the service's to judge."""
    if clip.seconds is not None:
        return clip.seconds > most_seconds
    return fit.timeless or foreign.are_readable(env)


def _is_small(path: Path, fit: Fit) -> bool:
    """Whether it may be read whole. A pipe or a device has no size; what is no file is told of when it is read."""
    try:
        return path.stat().st_size <= fit.most_bytes
    except OSError:
        return True
