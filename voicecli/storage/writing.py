"""A file that appears whole under its name, or not at all, and what the system says about writing in words.

Belongs here: the target, devices and pipes, errors for people. Does not belong here: what is written, temporary names
and locks (storage.atomic).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from voicecli.errors import UsageError
from voicecli.storage.atomic import PartialFile, is_same, real

FULL = {
    errno.ENOSPC: ("the disk is full", "Make room, or choose another place."),
    errno.EDQUOT: ("your share of the disk is full", "Make room, or choose another place."),
    errno.EFBIG: ("is too large for this disk", "Choose another place."),
}
"""What can go wrong while a file is written, in words; other errors there are not about the file."""

CANNOT_OPEN = FULL | {
    errno.ENOENT: ("the folder does not exist", "Create it first."),
    errno.ENOTDIR: ("the folder does not exist", "Create it first."),
    errno.EACCES: ("may not be written", "Choose another place."),
    errno.EPERM: ("may not be written", "Choose another place."),
    errno.EROFS: ("may not be written", "Choose another place."),
    errno.EISDIR: ("is a folder", "Give it the name of a file."),
    errno.ELOOP: ("its links lead in a circle", "Choose another name."),
    errno.ENAMETOOLONG: ("the name is too long", "Choose a shorter one."),
}


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """A file (it may be sought in) that appears whole under its name, or not at all.

    It is written under a name beside its own, and renamed when the block ends; when the block raises it
    vanishes and what was there stays. Pipes and devices are written directly. UsageError: it cannot be written.
    """
    with writable(path):
        part = None if _is_odd(path) else PartialFile(_target(path))
    if part is None:
        with _direct(path) as file:
            yield file
        return
    try:
        with writable(path, FULL):
            yield part.file
            part.file.flush()
        with writable(path):
            part.finish()
    except BaseException:
        part.discard()
        raise


@contextmanager
def _direct(path: Path) -> Iterator[BinaryIO]:
    """A pipe or a device: what is written is gone."""
    with writable(path):
        file = path.open("wb")
    with writable(path, FULL), file:
        yield file
        file.flush()


def _target(path: Path) -> Path:
    """The file that `path` leads to. OSError: a folder, or a file that is read-only, which is meant so."""
    target = real(path)
    if target.is_symlink():  # it leads to itself
        raise OSError(errno.ELOOP, "leads to itself")
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "is read-only")
    return target


def refuse_input(path: Path, *inputs: Path | str | None) -> None:
    """UsageError when writing to `path` would be writing over one of the inputs (None: is none)."""
    for each in inputs:
        if each is not None and is_same(path, Path(each)) and not _is_odd(path):
            raise UsageError(f"{path} is the input", cure="Choose another name to write to.")


def _is_odd(path: Path) -> bool:
    """A device or a pipe, which may well be both: a terminal, /dev/null."""
    return path.exists() and not path.is_file() and not path.is_dir()


@contextmanager
def writable(path: Path, words: Mapping[int, tuple[str, str]] = CANNOT_OPEN) -> Iterator[None]:
    """What the system says of a path in the block, as a UsageError; what `words` do not tell is raised as it is."""
    try:
        yield
    except OSError as exc:
        if exc.errno is None or exc.errno not in words:
            raise
        what, cure = words[exc.errno]
        raise UsageError(what, who=str(path), cure=cure) from exc
