"""The recordings in a file that holds several, one behind the other: `cat a.mp3 b.mp3`, chained Ogg, WAVs in a row.

Readers of sound believe the first header, and so read the first recording only. Here a file is walked from header
to header, without decoding, and each recording in it told with the bytes that it takes.

Belongs here: which walker a container needs. Does not belong here: decoding (audio.files, audio.foreign).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import BinaryIO, cast

from voicecli.audio.parts import mpeg, others, riff
from voicecli.audio.parts.window import Bytes, Part, Window

__all__ = ["Part", "Window", "parts_of"]

WALKERS: Mapping[str, Callable[[Bytes], list[Part]]] = {
    "mp3": mpeg.parts,
    "wav": riff.parts,
    "aiff": riff.parts,
    "ogg": others.ogg,
    "flac": others.flac,
    "m4a": others.boxes,
    "au": others.au,
}


def parts_of(file: BinaryIO, container: str) -> list[Part]:
    """The recordings in a file, in order; one that takes all of it where nothing else is known.

    `container` is what `files.container_of` tells of the file's first bytes.
    """
    key = _identity(file, container)
    if key is not None and key in _walked:
        return _walked[key]
    found = _walk(file, container)
    if key is not None:
        if len(_walked) >= REMEMBERED:
            _walked.clear()
        _walked[key] = found
    return found


def _walk(file: BinaryIO, container: str) -> list[Part]:
    data = Bytes(file)
    if container == "mp3" and (inner := TAGGED.get(data.at(tag := mpeg.tag_end(data, 0), 4))):
        behind = _walk(cast(BinaryIO, Window(file, Part(tag, data.size))), inner)
        return [replace(each, start=each.start + tag, end=each.end + tag) for each in behind]
    return WALKERS.get(container, others.marked)(data) or [Part(0, data.size)]


TAGGED = {b"fLaC": "flac", b"OggS": "ogg", b"RIFF": "wav", b"FORM": "aiff"}
"""What also stands behind a tag of MP3's, where a program put one."""

Key = tuple[str, int, int, int, int]

REMEMBERED = 64
_walked: dict[Key, list[Part]] = {}
"""The files that were walked last: each is asked for its length, for its channels and for its samples."""


def _identity(file: BinaryIO, container: str) -> Key | None:
    """What tells a file's content from another's; None for what is no file."""
    try:
        found = os.fstat(file.fileno())
    except (OSError, AttributeError):
        return None
    return container, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
