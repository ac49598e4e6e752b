"""Files that appear whole or not at all, and folders that one process at a time changes.

Belongs here: the temporary file beside a target, what a killed process left of one, locks, names that people wrote.
Does not belong here: what is written, and what an OSError means to a person (audio.files, config.files).

The temporary name is the target's own: `.talk.txt.part` for `talk.txt`. So a process that was killed leaves at
most one such file for each target, and the next one that writes there removes it. Its writer holds a lock on
it; what is locked is alive, and another writer of the same target takes a name of its own.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

LONGEST_NAME = 200
"""Bytes of a name that a temporary one can be made of; most file systems take 255."""
BUSY_S = 5.0
"""How long to wait for another process that changes the same folder."""
WAIT_S = 0.02


class PartialFile:
    """A file on its way: open beside `target`, in its place after `finish`, gone after `discard`. All raise OSError."""

    def __init__(self, target: Path, mode: int = 0o666) -> None:
        self.target = target
        self.path, self.file = _begun(target, mode)

    def finish(self, mode: int | None = None, *, lasting: bool = True) -> None:
        """Everything is on the disk, then under the target's name: with `mode`, else with the old file's.

        What is not to be `lasting` (a cache) is whole after a kill, but perhaps not after a power cut.
        """
        self.file.flush()
        if lasting:
            os.fsync(self.file.fileno())
        with suppress(OSError):
            self.path.chmod(stat.S_IMODE(self.target.stat().st_mode) if mode is None else mode)
        if os.name == "nt":
            self.file.close()  # what is open there cannot be renamed
        self.path.replace(self.target)
        # Closed only now: until it has its name, the lock tells others that somebody is at work on it.
        self.file.close()
        if lasting:
            sync_folder(self.target.parent)

    def discard(self) -> None:
        """As if nothing had been begun."""
        if os.name == "nt":
            _close(self.file)
        with suppress(OSError):
            self.path.unlink()
        _close(self.file)


def replace_file(target: Path, data: bytes, mode: int = 0o600, *, lasting: bool = True) -> None:
    """`data` is all of `target`, or nothing has changed. OSError."""
    part = PartialFile(target, mode)
    try:
        part.file.write(data)
        part.finish(mode, lasting=lasting)
    except BaseException:
        part.discard()
        raise


def _close(file: BinaryIO) -> None:
    with suppress(OSError):  # what is left to write has no place any more
        file.close()


def temporary(target: Path) -> Path:
    """Where the next content of `target` is written."""
    name = target.name
    if len(os.fsencode(name)) > LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()[:32]
    return target.with_name(f".{name}.part")


def _begun(target: Path, mode: int) -> tuple[Path, BinaryIO]:
    usual = temporary(target)
    other = usual.with_name(f".{secrets.token_hex(8)}.part")
    for path in (usual, usual, other):
        if (file := _taken(path, mode)) is not None:
            return path, file
        _remove_abandoned(path)
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(usual))


def _taken(path: Path, mode: int) -> BinaryIO | None:
    """A new file of ours, locked; None where there is one, or another process took it for abandoned just now."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        file = os.fdopen(os.open(path, flags, mode), "w+b")
    except FileExistsError:
        return None
    if _locked(file.fileno()) is False or not _is_at(file.fileno(), path):
        file.close()
        return None
    return file


def _remove_abandoned(path: Path) -> None:
    """Removes what a process left that is not there any more. Only a file of ours that nobody holds."""
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with suppress(OSError):
        if os.name == "nt":
            path.unlink()  # refused while it is open
            return
        handle = os.open(path, flags)
        try:
            found = os.fstat(handle)
            ours = stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and found.st_uid == os.geteuid()
            if ours and _locked(handle) and _is_at(handle, path):
                path.unlink()
        finally:
            os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    """Whether the open file is still the one of that name."""
    try:
        return os.name == "nt" or os.path.samestat(os.fstat(handle), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def _locked(handle: int) -> bool | None:
    """Takes the lock: True. False: another process has it. None: this system or this disk has no locks."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock
    except ImportError:
        return None
    try:
        flock(handle, LOCK_EX | LOCK_NB)
    except OSError as exc:
        return False if exc.errno in (errno.EWOULDBLOCK, errno.EACCES) else None
    return True


@contextmanager
def taken(lock: Path, *, make: bool = True) -> Iterator[bool | None]:
    """Takes a lock without waiting and gives it back; yields what `_locked` says. OSError: it is not there."""
    handle = os.open(lock, os.O_RDWR | (os.O_CREAT if make else 0) | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        yield _locked(handle)
    finally:
        os.close(handle)


@contextmanager
def in_turn(lock: Path) -> Iterator[None]:
    """For who reads a file, changes it and writes it back: one process at a time, in turn. `lock` is made, and stays.

    Waits up to BUSY_S for the others, then raises TimeoutError. Where there can be no lock (a network disk without
    them, a folder that cannot be written) nobody waits.
    """
    with suppress(OSError):
        private_folder(lock.parent)
    leave = _turn(lock, BUSY_S)
    if leave is None:
        raise TimeoutError(errno.ETIMEDOUT, "another program is changing it")
    try:
        yield
    finally:
        leave()


def take_turn(path: Path) -> Callable[[], None] | None:
    """Holds the file at `path`, which is made; returns what lets it go. None: another process holds it.

    A process that is killed lets go. Where there are no locks, or no such file can be, everybody is let in.
    """
    return _turn(path, 0)


def _turn(path: Path, wait_s: float) -> Callable[[], None] | None:
    from filelock import FileLock, Timeout  # 40 ms, which only who changes something pays

    lock = FileLock(path, wait_s, 0o600, thread_local=False, poll_interval=WAIT_S)
    try:
        lock.acquire()
    except Timeout:
        return None
    except (OSError, NotImplementedError):
        return lambda: None
    return lock.release


def private_folder(folder: Path) -> None:
    """Makes `folder`, and the ones above it that are not there, for their owner alone. Raises OSError.

    Those that are there stay as they are.
    """
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for each in reversed(missing):
        with suppress(FileExistsError):
            each.mkdir(mode=0o700)


def sync_folder(folder: Path) -> None:
    """Makes a new name itself last through a power cut, where folders can be synced."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def is_same(one: Path, other: Path) -> bool:
    """Whether two names lead to one file: through links of either kind, letters' case, `.` and `..`."""
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return real(one) == real(other)


# -- names of files --------------------------------------------------------------------------------


def expand(path: str) -> Path:
    """A path as a person writes it, with ~ and variables."""
    try:
        return Path(os.path.expandvars(path)).expanduser()
    except RuntimeError:  # "~nobody/…"
        return Path(path)


def real(path: Path) -> Path:
    """Where a path leads. One whose links go in a circle leads to itself: `resolve` raises RuntimeError then."""
    return Path(os.path.realpath(path))
