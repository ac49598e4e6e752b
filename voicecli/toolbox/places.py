"""The files of a conversation's tools: which ones a model may read, and under which names results are kept.

A model may have read only what the person gave it: files that went along with a question, files that tools of this
conversation made, and files in or below the current folder, but no hidden ones and none that a link leads out to.
It never chooses the name of a result, and no result takes the place of a file.

Belongs here: paths, opening, writing whole. Does not belong here: what the files are for, asking the person.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from voicecli.errors import InputError
from voicecli.storage.atomic import PartialFile, sync_folder
from voicecli.toolbox.arguments import brief

ALLOWED = (
    "Files that may be read: those that came with a question, those that tools of this conversation made, and those "
    "in the current folder or below it, by their path from there; no hidden files."
)


class Places:
    """`here` is the folder that names are read from; results go to `results`."""

    def __init__(self, here: Path, results: Path | None = None) -> None:
        self._here = here.resolve()
        self.results = self._here / results if results else self._here
        self._made_by: dict[Path, str] = {}
        self._named: dict[str, Path] = {}

    def give(self, path: Path) -> None:
        """The person sent this file along: it may be read from now on, by its name too."""
        found = (self._here / path).resolve()
        self._named[path.name] = self._named[str(path)] = found

    @property
    def names(self) -> list[str]:
        """The files that this conversation knows: sent along, or made."""
        return list(dict.fromkeys(self.shown(each) for each in self._named.values()))

    def made_by(self, path: Path) -> str:
        """The backend that made a file in this conversation; "" for all others."""
        return self._made_by.get(path, "")

    def shown(self, path: Path) -> str:
        """The file as a person and a model are told of it: from the current folder where it is below it."""
        return str(path.relative_to(self._here)) if path.is_relative_to(self._here) else str(path)

    def find(self, name: str) -> Path:
        """The file that a model names, without links in its path. Raises InputError with what may be read."""
        known = self._named.get(name)
        path = known or self._inside(name)
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise InputError("is no ordinary file", who=brief(name), cure=ALLOWED)
        except OSError as exc:
            raise InputError("is not there", who=brief(name), cure=ALLOWED) from exc
        return path

    def _inside(self, name: str) -> Path:
        refused = InputError("may not be read", who=brief(name), cure=ALLOWED)
        try:
            path = (self._here / name).resolve()
            parts = path.relative_to(self._here).parts
        except (OSError, ValueError, RuntimeError):
            raise refused from None
        named = () if Path(name).is_absolute() else Path(name).parts
        if not parts or any(part.startswith(".") for part in (*parts, *named)):
            raise refused
        return path

    @contextmanager
    def opened(self, path: Path) -> Iterator[BinaryIO]:
        """A file that was found, open to be read. Raises InputError."""
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            file = os.fdopen(_opened(path, flags), "rb")
        except OSError as exc:
            raise InputError(f"cannot be read: {exc.strerror}", who=self.shown(path)) from exc
        with file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError("is no ordinary file", who=self.shown(path))
            yield file

    def next(self, stem: str) -> Path:
        """The name that a result would get now, without its extension."""
        taken = {path.stem for path in self.results.glob(f"{stem}-*")}
        return self.results / next(name for number in itertools.count(1) if (name := f"{stem}-{number}") not in taken)

    @contextmanager
    def result(self, stem: str, backend: str) -> Iterator[NewFile]:
        """A file that appears whole when `keep` is called, or not at all. Raises InputError: it cannot be written."""
        try:
            self.results.mkdir(parents=True, exist_ok=True)
            part = PartialFile(self.results / stem)
        except OSError as exc:
            raise _unwritable(self.results, exc) from exc
        try:
            yield NewFile(part, lambda path: self._keep(path, backend))
        except OSError as exc:
            raise _unwritable(self.results, exc) from exc
        finally:
            part.discard()

    def _keep(self, path: Path, backend: str) -> None:
        self._named[path.name] = self._named[self.shown(path)] = path.resolve()
        self._made_by[path.resolve()] = backend


class NewFile:
    """A result on its way."""

    def __init__(self, part: PartialFile, kept: Callable[[Path], None]) -> None:
        self._part, self._kept = part, kept
        self.size = 0

    def write(self, data: bytes) -> None:
        self._part.file.write(data)
        self.size += len(data)

    def keep(self, extension: str) -> Path:
        """The file under a name that no file has: its stem, a number, the extension. OSError."""
        self._part.file.flush()
        os.fsync(self._part.file.fileno())
        stem = self._part.target
        for number in itertools.count(1):
            path = stem.with_name(f"{stem.name}-{number}{f'.{extension}' if extension else ''}")
            with suppress(FileExistsError):
                _link(self._part.path, path)
                sync_folder(path.parent)
                self._kept(path)
                return path
        raise AssertionError("numbers do not end")


def _opened(path: Path, flags: int) -> int:
    """Opens `path`, none of whose parts may be a link by now: each is opened from the one before. OSError."""
    if os.open not in os.supports_dir_fd:
        return os.open(path, flags)
    folder = os.open(path.anchor, os.O_RDONLY | os.O_DIRECTORY)
    for part in path.parts[1:-1]:
        try:
            inner = os.open(part, getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        finally:
            os.close(folder)
        folder = inner
    try:
        return os.open(path.name, flags, dir_fd=folder)
    finally:
        os.close(folder)


def _link(part: Path, path: Path) -> None:
    """`path` becomes another name of `part`. FileExistsError where there is such a file, and it stays."""
    try:
        os.link(part, path)
    except OSError as exc:
        if isinstance(exc, FileExistsError) or exc.errno not in _NO_LINKS:
            raise
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        part.replace(path)


_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)
"""What a disk says that knows no second names (memory sticks, some network disks)."""


def _unwritable(folder: Path, exc: OSError) -> InputError:
    cure = "The person can choose another folder: [tools] folder in the configuration."
    return InputError(f"results cannot be written: {exc.strerror or exc}", who=str(folder), cure=cure)
