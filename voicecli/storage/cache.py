"""What was already recognised: one small file per piece of a recording, under the hash of what was asked.

Belongs here: keys, reading and writing entries whole or not at all; listing, bounding and clearing all that is cached.
Does not belong here: what a piece is, requests, printing.

An entry holds a transcript and nothing of the sound. Files are for their owner alone (0600, folders 0700).
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from voicecli.storage.atomic import private_folder, replace_file
from voicecli.types import Segment, TranscribeOptions, Transcript, Word

FOLDER = "pieces"
KINDS = (FOLDER, "speech")
"""The folders of the cache: texts of recordings, and sound of texts."""

MEGABYTE = 1_000_000
VERSION = 2
KEEP_DAYS = 30.0


def key_of(data: bytes, container: str, options: TranscribeOptions, identity: str) -> str:
    """The name of an entry: the same sound, asked in the same way of whoever `identity` stands for."""
    asked = json.dumps([VERSION, container, asdict(options), identity], sort_keys=True, default=str)
    return hashlib.sha256(asked.encode() + b"\0" + hashlib.sha256(data).digest()).hexdigest()


@dataclass(frozen=True, slots=True)
class CacheContents:
    """How much a cache holds; `oldest` and `newest` in seconds since 1970, 0 when it is empty."""

    entries: int = 0
    bytes: int = 0
    oldest: float = 0.0
    newest: float = 0.0


class PieceCache:
    """Transcripts by key, below `folder` (None: nothing is found and nothing is kept), within `most_bytes`.

    A folder that can't be written costs only that a piece is asked for again.
    """

    def __init__(self, folder: Path | None, most_bytes: int | None = None) -> None:
        self._folder = folder / FOLDER if folder else None
        self._room = Room(folder, most_bytes)

    def get(self, key: str) -> Transcript | None:
        """What was kept under `key`; None for nothing, or for a damaged file."""
        path = self._path(key)
        if path is None:
            return None
        try:
            kept = thawed(json.loads(path.read_bytes()))
            used(path)
            return kept
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None

    def put(self, key: str, transcript: Transcript) -> None:
        """Keeps a transcript: under its name once it is whole, never before."""
        path = self._path(key)
        if path is None:
            return
        data = json.dumps(asdict(transcript), ensure_ascii=False).encode("utf-8", "replace")
        keep(path, data)
        self._room.filled(len(data))

    def _path(self, key: str) -> Path | None:
        return self._folder / key[:2] / f"{key[2:]}.json" if self._folder else None


class Room:
    """The disk that all that is cached below `folder` may take; None for either: there is no bound.

    It is looked at when the first entry has been written and again now and then. Other processes may keep,
    use and remove entries meanwhile: an entry that is gone is only asked for again.
    """

    SHARE = 0.05
    """Of the bound may be written before it is looked at again."""

    def __init__(self, folder: Path | None, most_bytes: int | None) -> None:
        self._folder, self._most = folder, most_bytes
        self._left = 0.0

    def filled(self, size: int) -> None:
        """So many bytes were written."""
        if self._folder is None or self._most is None:
            return
        self._left -= size
        if self._left < 0:
            self._left = self._most * self.SHARE
            trim(self._folder, self._most)


def used(path: Path) -> None:
    """Notes that an entry was of use: those that were not go first."""
    with suppress(OSError):
        os.utime(path)


def keep(path: Path, data: bytes) -> None:
    """Writes an entry: under its name once it is whole. One that cannot be written is not kept."""
    with suppress(OSError):
        private_folder(path.parent)
        replace_file(path, data, lasting=False)


# -- everything that is kept, of whatever kind -----------------------------------------------------


def contents(folder: Path) -> dict[str, CacheContents]:
    """What the cache holds, by kind."""
    return {kind: _contents(folder / kind) for kind in KINDS}


def _contents(folder: Path) -> CacheContents:
    found = [stat for path, stat in _files(folder) if not path.name.startswith(".")]
    times = [each.st_mtime for each in found]
    return CacheContents(
        len(found), sum(each.st_size for each in found), min(times, default=0.0), max(times, default=0.0)
    )


def clear(folder: Path, kinds: Iterable[str] = KINDS, older_than_days: float = 0.0) -> int:
    """Removes what is older (0: everything). Returns how many entries went."""
    limit, gone = time.time() - 86_400 * older_than_days, 0
    for path, stat in (each for kind in kinds for each in list(_files(folder / kind))):
        if not older_than_days or stat.st_mtime < limit:
            with suppress(OSError):
                path.unlink()
                gone += not path.name.startswith(".")
    return gone


def trim(folder: Path, most_bytes: int) -> int:
    """Removes what was used longest ago until `most_bytes` are enough. Returns how many entries went."""
    found = [each for kind in KINDS for each in _files(folder / kind) if not each[0].name.startswith(".")]
    size, gone = sum(stat.st_size for _, stat in found), 0
    for path, stat in sorted(found, key=lambda each: each[1].st_mtime):
        if size <= most_bytes:
            break
        try:
            path.unlink(missing_ok=True)  # where another process removed it there is room all the same
        except OSError:
            continue
        size, gone = size - stat.st_size, gone + 1
    return gone


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Entries, and what was left of those that were never whole (their names begin with a dot)."""
    for path in folder.glob("*/*"):
        with suppress(OSError):
            yield path, path.stat()


def thawed(data: Mapping[str, Any]) -> Transcript:
    """The transcript that `asdict` made `data` of. KeyError, TypeError, ValueError: it is no such thing."""
    if not isinstance(data, Mapping) or not isinstance(data["text"], str):
        raise ValueError("no transcript")
    segments = tuple(Segment(**{**each, "words": _words(each["words"])}) for each in data["segments"])
    return Transcript(**{**data, "segments": segments, "words": _words(data["words"]), "tags": tuple(data["tags"])})


def _words(data: Iterable[Mapping[str, Any]]) -> tuple[Word, ...]:
    return tuple(Word(**each) for each in data)
