"""Passages of notes and their vectors, kept: one SQLite file beside the history, shared by any number of processes.

Belongs here: its tables, writing to it and asking it. Does not belong here: the file itself (storage.database), which
files there are, how a text is cut, services, arithmetic on vectors.

A note is kept under its path, the hash of what is in it, and who embedded it. Its passages come in one after another:
what was there when a process was killed is there for the next. `mark` tells that a note is whole; it is "" until then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from voicecli.errors import InputError
from voicecli.storage.database import connect, in_one, mapped, prepare, sqlite, storable, there, tidy, version, writing

if TYPE_CHECKING:
    from sqlite3 import Connection

NAME = "notes.db"
LOCK = "notes.lock"
SCHEMA = 1
BUSY_S = 10.0
"""How long a writer waits for another one."""
FLOAT = 4
"""Bytes of a number of a vector."""
_MANY = 500
_ADD = "INSERT OR REPLACE INTO passages(note, place, heading, text, vector) VALUES(?, ?, ?, ?, ?)"
_DAY_S = 86_400

TABLES = """
CREATE TABLE embedders(
    id INTEGER PRIMARY KEY AUTOINCREMENT, backend TEXT NOT NULL, model TEXT NOT NULL, how TEXT NOT NULL,
    width INTEGER NOT NULL, UNIQUE(backend, model, how));
CREATE TABLE notes(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    embedder INTEGER NOT NULL REFERENCES embedders(id) ON DELETE CASCADE,
    path BLOB NOT NULL, hash BLOB NOT NULL, mark TEXT NOT NULL, at REAL NOT NULL, UNIQUE(embedder, path));
CREATE TABLE passages(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    note INTEGER NOT NULL REFERENCES notes(id) ON DELETE CASCADE,
    place INTEGER NOT NULL, heading TEXT NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL, UNIQUE(note, place));
CREATE INDEX by_path ON notes(path);
"""
"""AUTOINCREMENT: a number is never given again, so what was loaded never names another passage."""


@dataclass(frozen=True, slots=True)
class VectorMaker:
    """Who made vectors: those of others can't be compared. `how` is everything else that decides what comes out."""

    backend: str
    model: str
    how: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One passage of a note and its vector, normalised float32 in the machine's order.

    `mark` is set where the passage is the last one that was missing: its note is whole then.
    """

    path: bytes
    hash: bytes
    place: int
    heading: str
    text: str
    vector: bytes
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class KeptPassage:
    """A passage as it is stored, with its number."""

    id: int
    path: bytes
    heading: str
    text: str
    vector: bytes


@dataclass(frozen=True, slots=True)
class Contents:
    """How much is kept; `entries` are notes, `oldest` and `newest` in seconds since 1970, 0 for nothing."""

    entries: int = 0
    passages: int = 0
    bytes: int = 0
    oldest: float = 0.0
    newest: float = 0.0


class KeptNotes:
    """What is there of one embedder, for any thread. One that still asks when it is closed gets an error, no more.

    All methods raise InputError when the file is damaged, or in use for longer than BUSY_S.
    """

    def __init__(self, path: Path, db: Connection, now: Callable[[], float]) -> None:
        self.path, self._db, self._now = path, db, now
        self._alone = threading.Lock()
        self.embedder = self.width = 0

    def close(self) -> None:
        with self._alone, mapped(self.path):  # closed under the hands of a thread, SQLite crashes
            self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def mark(self, path: bytes) -> str:
        """The mark of the note at `path`; "" where there is none, or it is not whole."""
        rows = self._rows("SELECT mark FROM notes WHERE embedder = ? AND path = ?", self.embedder, path)
        return str(rows[0][0]) if rows else ""

    def places(self, path: bytes, hash: bytes) -> set[int]:
        """The passages that are kept of a note with this content."""
        sql = (
            "SELECT p.place FROM passages p JOIN notes n ON p.note = n.id"
            " WHERE n.embedder = ? AND n.path = ? AND n.hash = ?"
        )
        return {int(place) for (place,) in self._rows(sql, self.embedder, path, hash)}

    def notes(self, wanted: Callable[[bytes], bool]) -> list[int]:
        """The numbers of the notes at the paths that are wanted, of this embedder."""
        return [number for number, path in self._each("WHERE embedder = ?", self.embedder) if wanted(path)]

    def vectors(self, notes: Iterable[int]) -> Iterator[tuple[int, bytes]]:
        """The passages of `notes`: number and vector. One whose vector has another width is left out."""
        size = self.width * FLOAT
        sql = "SELECT id, vector FROM passages WHERE note = ? AND length(vector) = ?"
        for note in notes:
            yield from self._rows(sql, note, size)

    def passages(self, numbers: Sequence[int]) -> list[KeptPassage]:
        """These passages; those that are gone meanwhile are left out."""
        held = ", ".join("?" * len(numbers))
        sql = (
            "SELECT p.id, n.path, p.heading, p.text, p.vector FROM passages p JOIN notes n ON p.note = n.id"
            f" WHERE p.id IN ({held}) AND length(p.vector) = ?"
        )
        return [KeptPassage(*row) for row in self._rows(sql, *numbers, self.width * FLOAT)]

    def contents(self) -> Contents:
        """How much is kept, of all embedders."""
        full = "SELECT count(DISTINCT path), min(at), max(at) FROM notes WHERE id IN (SELECT note FROM passages)"
        ((notes, oldest, newest),) = self._rows(full)
        ((passages,),) = self._rows("SELECT count(*) FROM passages")
        return Contents(int(notes), int(passages), _size(self.path), float(oldest or 0), float(newest or 0))

    def _each(self, where: str, *values: object) -> Iterator[tuple[int, bytes]]:
        """Numbers and paths of notes, a few hundred at a time: no reader lingers."""
        after = 0
        where = f"{where} AND" if where else "WHERE"
        sql = f"SELECT id, path FROM notes {where} id > ? ORDER BY id LIMIT {_MANY}"
        while rows := self._rows(sql, *values, after):
            yield from rows
            after = rows[-1][0]

    def _rows(self, sql: str, *values: object) -> list[Any]:
        with self._alone, mapped(self.path):
            return list(self._db.execute(sql, values).fetchall())


class NoteStore(KeptNotes):
    """An open index, to be written as well. Its methods raise InputError also when the file is not to be written."""

    @classmethod
    def open(
        cls,
        path: Path | None,
        embedder: VectorMaker | None = None,
        *,
        reading: bool = False,
        now: Callable[[], float] = time.time,
    ) -> NoteStore:
        """Opens the index, makes it where there is none. Without a path it is in memory, and gone when it is closed.

        With `reading` a file that can't be written is opened all the same.
        """
        where = path or Path("the notes in memory")
        with mapped(where):
            db, writable = connect(path, reading=reading, busy_s=BUSY_S) if path else (_in_memory(), True)
            try:
                if prepare(db, where, schema=SCHEMA, writable=writable and path is not None) < SCHEMA and writable:
                    in_one(db, TABLES + f"PRAGMA user_version = {SCHEMA};", unless=lambda: version(db) == SCHEMA)
                store = cls(where, db, now)
                if embedder is not None:
                    store._use(embedder)
            except BaseException:
                db.close()
                raise
        return store

    def _use(self, embedder: VectorMaker) -> None:
        asked = (storable(embedder.backend), storable(embedder.model), embedder.how)
        find = "SELECT id, width FROM embedders WHERE backend = ? AND model = ? AND how = ?"
        if not self._rows(find, *asked):
            with self._writing() as db:
                db.execute("INSERT OR IGNORE INTO embedders(backend, model, how, width) VALUES(?, ?, ?, 0)", asked)
        ((self.embedder, self.width),) = self._rows(find, *asked)

    def add(self, entries: Sequence[Entry], width: int) -> None:
        """Keeps passages, at once or not at all. Of notes that have changed, what was kept before goes."""
        with self._writing() as db:
            self._widen(db, width)
            numbers: dict[bytes, int] = {}
            for each in entries:
                if each.path not in numbers:
                    numbers[each.path] = self._note(db, each.path, each.hash)
                row = (numbers[each.path], each.place, storable(each.heading), storable(each.text), each.vector)
                db.execute(_ADD, row)
                if each.mark is not None:
                    db.execute("UPDATE notes SET mark = ? WHERE id = ?", (each.mark, numbers[each.path]))

    def settle(self, path: bytes, hash: bytes, mark: str) -> None:
        """The note at `path` is whole as it is kept, even if there is nothing in it."""
        with self._writing() as db:
            db.execute("UPDATE notes SET mark = ? WHERE id = ?", (mark, self._note(db, path, hash)))

    def _note(self, db: Connection, path: bytes, hash: bytes) -> int:
        """The row of a note with this content. With another content it is forgotten, whoever embedded it."""
        db.execute("DELETE FROM notes WHERE path = ? AND hash != ?", (path, hash))
        row = (self.embedder, path, hash, self._now())
        db.execute("INSERT OR IGNORE INTO notes(embedder, path, hash, mark, at) VALUES(?, ?, ?, '', ?)", row)
        sql = "SELECT id FROM notes WHERE embedder = ? AND path = ?"
        return int(db.execute(sql, (self.embedder, path)).fetchone()[0])

    def _widen(self, db: Connection, width: int) -> None:
        """Vectors of another width than those that are kept are of another model, whatever it is called."""
        (known,) = db.execute("SELECT width FROM embedders WHERE id = ?", (self.embedder,)).fetchone()
        if known != width:
            db.execute("DELETE FROM notes WHERE embedder = ?", (self.embedder,))
            db.execute("UPDATE embedders SET width = ? WHERE id = ?", (width, self.embedder))
        self.width = width

    def forget(self, gone: Callable[[bytes], bool]) -> int:
        """Removes the notes at the paths that are gone, of all embedders. Returns how many there were."""
        numbers = [(number,) for number, path in self._each("") if gone(path)]
        for at in range(0, len(numbers), _MANY):
            with self._writing() as db:
                db.executemany("DELETE FROM notes WHERE id = ?", numbers[at : at + _MANY])
        return len(numbers)

    def clear(self, older_than_days: float = 0.0) -> int:
        """Removes what was embedded longer ago than that (0: everything). Returns how many notes went."""
        limit = self._now() - older_than_days * _DAY_S
        with self._writing() as db:
            count = db.execute("DELETE FROM notes WHERE at < ? OR ?", (limit, not older_than_days)).rowcount
        with suppress(InputError), self._alone:  # another process is at work; this only tidies
            tidy(self._db, self.path)
        return int(count)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._alone, writing(self._db, self.path) as db:
            yield db


def _in_memory() -> Connection:
    db: Connection = sqlite().connect(":memory:", isolation_level=None, check_same_thread=False)
    return db


def _size(path: Path) -> int:
    """Bytes of the file and of what SQLite keeps beside it."""
    found = 0
    for name in (path.name, f"{path.name}-wal"):
        with suppress(OSError):
            found += path.with_name(name).stat().st_size
    return found


def contents(folder: Path) -> Contents:
    """What is kept in `folder`; looking makes no file."""
    if not there(folder / NAME):
        return Contents()
    with NoteStore.open(folder / NAME, reading=True) as store:
        return store.contents()


def clear(folder: Path, older_than_days: float = 0.0) -> int:
    """Removes what is kept in `folder`. Returns how many notes went."""
    if not there(folder / NAME):
        return 0
    with NoteStore.open(folder / NAME) as store:
        return store.clear(older_than_days)
