"""Which files of a folder are notes, and their text.

Belongs here: walking, what is left out and why, reading. Does not belong here: cutting (cutting), keeping (store).

A note is a regular file with text in it. Hidden files and folders are not looked at, and links below a folder are not
followed: what they lead to is in the folder itself, or none of its notes.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from voicecli.errors import InputError, VoiceError, unreadable

LARGEST = 2_000_000
"""Bytes of the largest note."""
GARBLED = 0.05
"""A text of which so much can't be read, or is control characters, is none."""
FRESH_NS = 2_000_000_000
"""A file that changed so short a time ago may change again without that being seen by its times."""
NOT_FOR_READING = frozenset("svg map lock pem key crt cer asc".split())
"""Extensions of files that are text, but not a person's. One that is named itself is read all the same."""
SHOWN = 200
"""Characters that are shown of a name."""
HEAD = 8192
UTF16 = (b"\xff\xfe", b"\xfe\xff")

Decode = Callable[[bytes, str], str]
"""Bytes and what they are called to a text. Raises InputError for what is no text."""


@dataclass(frozen=True, slots=True)
class Note:
    """A file that may be a note. `shown` is its name for people and models, `mark` tells whether it has changed.

    `key` is its path as the system writes it: names need not be text. `mark` is "" where times can't tell.
    """

    key: bytes
    shown: str
    mark: str

    @property
    def path(self) -> Path:
        return Path(os.fsdecode(self.key))


class LeftOut(Counter[str]):
    """How many files were left out, by the reason."""

    def __str__(self) -> str:
        """ "3 files were left out: 2 no text, 1 larger than 2 MB"; "" for none."""
        total, reasons = self.total(), ", ".join(f"{count:,} {why}" for why, count in self.most_common())
        if total == 1:
            return f"1 file was left out: {reasons}"
        return f"{total:,} files were left out: {reasons}" if total else ""


@dataclass(frozen=True, slots=True)
class Root:
    """A folder, or one file, that was asked for. `key` is its whole path, `shown` stands before what is in it."""

    key: bytes
    shown: str

    def holds(self, key: bytes) -> bool:
        return key == self.key or key.startswith(self._inside)

    def told(self, key: bytes) -> str:
        """A file of it for people and models: its path from here, one line, no control characters."""
        inner = key[len(self._inside) :] if key != self.key else b""
        return "/".join(filter(None, [self.shown, *map(_shown, inner.split(_SEPARATOR))]))

    @property
    def _inside(self) -> bytes:
        return self.key.rstrip(_SEPARATOR) + _SEPARATOR


_SEPARATOR = os.fsencode(os.sep)


def roots(paths: Sequence[Path]) -> list[Root]:
    """What was asked for, without what lies in another of them. Raises InputError for what is not there."""
    whole = [_resolved(path) for path in paths]
    keys = {os.fsencode(path): path for path in whole}
    outer = [Root(key, "") for key in keys]
    alone = [key for key in keys if not any(each.key != key and each.holds(key) for each in outer)]
    one = len(alone) == 1 and keys[alone[0]].is_dir()
    return [Root(key, "" if one else _shown(os.fsencode(keys[key].name))) for key in alone]


def _resolved(path: Path) -> Path:
    try:
        return path.expanduser().resolve(strict=True)
    except OSError as exc:
        raise unreadable(path, exc) from None
    except RuntimeError as exc:  # links in a circle, no such home
        raise InputError(str(exc), who=str(path)) from None


def notes(asked: Sequence[Root], left_out: LeftOut, *, now_ns: int) -> Iterator[Note]:
    """Every file below `asked` that may be a note, in order; what is left out is counted."""
    for root in asked:
        path = Path(os.fsdecode(root.key))
        below = path.is_dir()
        for key, about in _walk(root.key, left_out) if below else [(root.key, path.stat())]:
            if reason := _unfit(about) or (_not_for_reading(key) if below else ""):
                left_out[reason] += 1
            else:
                yield Note(key, root.told(key), _mark(about, now_ns))


def _walk(folder: bytes, left_out: LeftOut) -> Iterator[tuple[bytes, os.stat_result]]:
    """The files below a folder, in order, with what is known of them."""
    folders = [folder]
    while folders:
        try:
            entries = sorted(os.scandir(folders.pop()), key=lambda entry: entry.name)
        except OSError:
            left_out[UNREADABLE] += 1
            continue
        seen = [each for each in entries if not each.name.startswith(b".") and not each.is_symlink()]
        folders += [each.path for each in reversed(seen) if each.is_dir(follow_symlinks=False)]
        for entry in seen:
            if not entry.is_dir(follow_symlinks=False):
                try:
                    yield entry.path, entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # gone since
                    continue
                except OSError:  # a folder that may be listed, and no more
                    left_out[UNREADABLE] += 1


def _unfit(about: os.stat_result) -> str:
    if not stat.S_ISREG(about.st_mode):
        return "no plain file"
    return f"larger than {LARGEST // 1_000_000} MB" if about.st_size > LARGEST else ""


def _not_for_reading(key: bytes) -> str:
    extension = os.path.splitext(os.fsdecode(key))[1].lower().lstrip(".")  # noqa: PTH122 (a name, not a path)
    return "not for reading" if extension in NOT_FOR_READING else ""


def _mark(about: os.stat_result, now_ns: int) -> str:
    times = (about.st_mtime_ns, about.st_ctime_ns)
    return "" if max(times) > now_ns - FRESH_NS else f"{about.st_size} {times[0]} {times[1]}"


def _shown(name: bytes) -> str:
    """A file's name for people and models: one line, no control characters, of bounded length."""
    text = os.fsdecode(name).encode("utf-8", "replace").decode("utf-8")
    return "".join(each if each.isprintable() else "?" for each in text)[:SHOWN]


# -- reading ---------------------------------------------------------------------------------------

NO_TEXT, UNREADABLE = "no text", "unreadable"
_PRIVATE_KEY = "PRIVATE KEY-----"
"""Stands in the first line of a key, which no service should ever be sent."""


class UnfitError(Exception):
    """The file is no note; the message is the reason."""


def read(note: Note, decode: Decode) -> tuple[str, bytes]:
    """The text of a note and the hash of its bytes. Raises UnfitError."""
    try:
        data = _bytes(note.key)
    except OSError:
        raise UnfitError(UNREADABLE) from None
    try:
        text = decode(data, note.shown)
    except VoiceError:
        raise UnfitError(NO_TEXT) from None
    if garbled(text) or _PRIVATE_KEY in text[:HEAD]:
        raise UnfitError(NO_TEXT)
    return text, sha256(data).digest()


def _bytes(key: bytes) -> bytes:
    """What is in the file. A link or a pipe that took its place meanwhile is not followed, and not waited for."""
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(os.open(key, flags), "rb") as file:  # noqa: PTH123 (flags)
        head = file.read(HEAD)
        if b"\0" in head and head[:2] not in UTF16:
            raise UnfitError(NO_TEXT)  # and the rest of a picture need not be read
        return head + file.read(LARGEST - len(head))


def garbled(text: str) -> bool:
    """Whether a text is in an encoding that is not known here, or no text at all."""
    bad = sum(text.count(each) for each in _BAD)
    return bad > GARBLED * len(text)


_BAD = ["\N{REPLACEMENT CHARACTER}", *(chr(code) for code in range(32) if chr(code) not in "\t\n\r\f\x1b")]
