"""SQLite files that many processes share and that are their owner's alone: opening them, and what goes wrong.

Belongs here: connecting, modes of files, transactions, versions, SQLite's errors as ours. Does not belong here:
tables, what is kept in them. sqlite3 is imported when a file is opened.

The file and what SQLite puts beside it are the owner's alone (0600). Writers take turns (WAL, and a wait); a reader
waits for nobody. What is removed is overwritten.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from voicecli.errors import InputError
from voicecli.storage.atomic import private_folder
from voicecli.text.clean import encodable

if TYPE_CHECKING:
    from sqlite3 import Connection


def sqlite() -> ModuleType:
    import sqlite3

    return sqlite3


def there(path: Path) -> bool:
    """Whether there is such a file; one that can't be seen is taken to be there, and opening it tells why."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def storable(text: str) -> str:
    """`text` as SQLite can keep and search it: no zero bytes, no halves of surrogate pairs."""
    return encodable(text.replace("\0", ""))


# -- opening ---------------------------------------------------------------------------------------


def connect(path: Path, *, reading: bool, busy_s: float) -> tuple[Connection, bool]:
    """A connection, and whether it may write. Writers wait for each other for `busy_s`.

    With `reading` a file that can't be written is opened all the same. To be called within `mapped`.
    """
    writable = True
    try:
        _make_private(path)
        writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    except OSError as exc:
        if not (reading and there(path)):
            raise trouble(path, "CANTOPEN", (exc.strerror or str(exc)).lower()) from None
        writable = False
    if not writable and not reading:
        raise trouble(path, "READONLY", "")
    try:
        if writable:
            return _opened(path, busy_s, "mode=rw"), True
    except sqlite().OperationalError as exc:
        if not (reading and _no_room(exc)):
            raise
    try:
        return _opened(path, busy_s, "mode=ro"), False
    except sqlite().OperationalError:
        # Nothing can be put beside the file, as WAL wants it. So nobody else writes either.
        return _opened(path, busy_s, "mode=ro&immutable=1"), False


def _no_room(exc: Exception) -> bool:
    """Whether not even what SQLite puts beside a file to read it has room."""
    return getattr(exc, "sqlite_errorname", "").startswith(("SQLITE_IOERR", "SQLITE_FULL"))


def _opened(path: Path, busy_s: float, how: str) -> Connection:
    uri = f"{Path(os.path.abspath(path)).as_uri()}?{how}"  # noqa: PTH100 (a link stays one)
    db: Connection = sqlite().connect(uri, uri=True, timeout=busy_s, isolation_level=None, check_same_thread=False)
    db.text_factory = lambda data: data.decode("utf-8", "replace")
    try:
        db.execute("PRAGMA schema_version")  # connecting alone reads nothing
    except BaseException:
        db.close()
        raise
    return db


def _make_private(path: Path) -> None:
    """The file exists and is its owner's alone; SQLite gives what it puts beside it the same mode.

    An existing file is not opened here: closing it would drop the locks of this process' other connections.
    """
    private_folder(path.parent)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        mode = stat.S_IMODE(path.stat().st_mode)
        if os.name == "posix" and mode & 0o077:
            with suppress(PermissionError):  # another's file: whether it can be used is seen below
                path.chmod(mode & 0o700)


def prepare(db: Connection, path: Path, *, schema: int, writable: bool) -> int:
    """What every connection is set to; returns the version of the file. Raises InputError for one above `schema`."""
    for pragma in ("foreign_keys = ON", "secure_delete = ON"):
        db.execute(f"PRAGMA {pragma}")
    if writable:
        with suppress(sqlite().OperationalError):  # busy: another process is doing it
            (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
            db.execute(f"PRAGMA synchronous = {'NORMAL' if mode == 'wal' else 'FULL'}")
    found = version(db)
    if found > schema:
        raise InputError("was written by a newer version of voice", who=str(path), cure="Update voice.")
    return found


def version(db: Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


# -- transactions ----------------------------------------------------------------------------------


@contextmanager
def writing(db: Connection, path: Path) -> Iterator[Connection]:
    """Everything in the block at once or not at all; others wait meanwhile. Raises InputError."""
    with mapped(path), _transaction(db):
        yield db


@contextmanager
def _transaction(db: Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # a full disk has undone it already
            db.execute("ROLLBACK")
        raise


def tidy(db: Connection, path: Path) -> None:
    """Nothing of what was removed is left in any of the files. Raises InputError."""
    with mapped(path):
        db.execute("VACUUM")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def in_one(db: Connection, script: str, unless: Callable[[], bool]) -> None:
    """Runs `script` whole or not at all, unless another process was faster."""
    with _transaction(db):
        for statement in statements(script) if not unless() else ():
            db.execute(statement)


def statements(script: str) -> Iterator[str]:
    """The statements of a script; executescript would end our transaction."""
    complete = sqlite().complete_statement
    part = ""
    for piece in script.split(";"):
        part += piece + ";"
        if complete(part) and part.strip("; \n"):
            yield part
            part = ""


# -- what can go wrong -----------------------------------------------------------------------------

_DAMAGED = ("is damaged", "Move it away, and a new one is begun.")
_TROUBLES = {
    "NOTADB": _DAMAGED,
    "CORRUPT": _DAMAGED,
    "ERROR": ("is not what voice wrote", "Move it away, and a new one is begun."),
    "BUSY": ("is in use by another program", "Try again in a moment."),
    "LOCKED": ("is in use by another program", "Try again in a moment."),
    "FULL": ("cannot be written: the disk is full", "Make room."),
    "IOERR": ("cannot be used: the disk is full, or it fails", "Make room, or see whether the disk is in order."),
    "READONLY": ("cannot be written", "See who owns it and its folder, and whether the disk is full."),
    "PERM": ("cannot be written", "See who owns it and its folder."),
    "CANTOPEN": ("cannot be opened", "See who owns it and its folder."),
}
"""What a result code of SQLite means to a person, and the cure."""


def trouble(path: Path, code: str, detail: str) -> InputError:
    what, cure = _TROUBLES.get(code, ("cannot be used", ""))
    shown = detail and code not in ("NOTADB", "CORRUPT", "BUSY", "LOCKED", "FULL", "READONLY")
    return InputError(f"{what} ({detail})" if shown else what, who=str(path), cure=cure)


@contextmanager
def mapped(path: Path) -> Iterator[None]:
    """SQLite's errors as ours. Its errors without a code are mistakes in this file: they pass."""
    try:
        yield
    except sqlite().Error as exc:
        name = getattr(exc, "sqlite_errorname", "")
        if not name:
            raise
        raise trouble(path, name.removeprefix("SQLITE_").partition("_")[0], str(exc)[:200]) from None
    except UnicodeDecodeError:
        # SQLite quotes the damaged bytes in its message, and Python cannot read that.
        raise trouble(path, "CORRUPT", "") from None
