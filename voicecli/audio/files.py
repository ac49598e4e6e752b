"""Sound files: what soundfile reads, and raw 16-bit PCM."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from voicecli.types import AudioClip

Source = Path | BinaryIO


@dataclass(frozen=True, slots=True)
class Probe:
    """What a sound file is, without reading its samples."""

    container: str
    seconds: float
    rate: int
    channels: int


def probe(path: Path) -> Probe:
    raise NotImplementedError


def read_pcm(source: Source, rate: int = 16_000) -> bytes:
    """The whole recording as s16le mono at `rate`."""
    raise NotImplementedError


def blocks(source: Source, rate: int = 16_000, ms: float = 20) -> Iterator[bytes]:
    """The recording as s16le mono in blocks of `ms`; the last may be shorter."""
    raise NotImplementedError


def read_clip(path: Path) -> AudioClip:
    """The file as it is (encoded), to be sent to a service."""
    raise NotImplementedError


def encode(pcm: bytes, rate: int, container: str) -> bytes:
    """s16le mono as wav, flac, ogg, opus or mp3."""
    raise NotImplementedError


def atomic(path: Path) -> AbstractContextManager[BinaryIO]:
    """A file that appears whole under its name, or not at all."""
    raise NotImplementedError
