"""Conversations kept on disk: one SQLite file that any number of processes share.

Belongs here: its tables, writing to it. Does not belong here: asking it (kept), the file itself (storage.database),
when something is kept, what is hidden in it, what a model is sent, printing.

What is removed is overwritten, in the index of words too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.errors import InputError
from voicecli.storage import typed
from voicecli.storage.database import (
    connect,
    in_one,
    mapped,
    prepare,
    sqlite,
    storable,
    there,
    tidy,
    version,
    writing,
)
from voicecli.storage.kept import Conversation, Found, Kept, Message, bounded, check_name, is_number

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = ["Conversation", "Found", "Message", "Store", "bounded", "check_name", "is_number", "storable", "there"]

NAME = "history.db"
SCHEMA = 1
BUSY_S = 5.0
"""How long a writer waits for another one."""
_DAY_S = 86_400

TABLES = """
CREATE TABLE conversations(
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, name TEXT UNIQUE, system TEXT NOT NULL,
    backend TEXT NOT NULL, model TEXT NOT NULL, began REAL NOT NULL, changed REAL NOT NULL);
CREATE TABLE messages(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation INTEGER NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    role TEXT NOT NULL, content TEXT NOT NULL, interrupted INTEGER NOT NULL, at REAL NOT NULL);
CREATE TABLE told(what TEXT PRIMARY KEY);
CREATE INDEX messages_of ON messages(conversation, id);
CREATE INDEX by_change ON conversations(changed, id);
"""
"""AUTOINCREMENT: the number of what was removed is never given again, so nobody removes another's message."""

INDEX = """
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(
    content, content='messages', content_rowid='id', tokenize='trigram');
CREATE TRIGGER words_added AFTER INSERT ON messages BEGIN
    INSERT INTO words(rowid, content) VALUES(new.id, new.content); END;
CREATE TRIGGER words_gone AFTER DELETE ON messages BEGIN
    INSERT INTO words(words, rowid, content) VALUES('delete', old.id, old.content); END;
INSERT INTO words(words) VALUES('rebuild');
"""
"""Pieces of three characters, not words: Chinese and Japanese have no blanks between words."""
NO_INDEX = "DROP TRIGGER IF EXISTS words_added; DROP TRIGGER IF EXISTS words_gone;"


class Store(Kept):
    """An open history. Any thread may use it, one at a time.

    All methods raise InputError when the file is damaged, in use for longer than BUSY_S, or not to be
    written or read.
    """

    def __init__(self, path: Path, db: Connection, now: Callable[[], float], *, indexed: bool) -> None:
        super().__init__(path, db, indexed=indexed)
        self._now = now

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        keep_days: int = 0,
        reading: bool = False,
        index: bool = True,
        now: Callable[[], float] = time.time,
    ) -> Store:
        """Opens the history, makes it when there is none, and forgets what is older than `keep_days` (0: nothing),
        what was typed too.

        With `reading` a file that can't be written is opened all the same. Without `index` (or where this
        SQLite has none) searching looks through everything.
        """
        with mapped(path):
            db, writable = connect(path, reading=reading, busy_s=BUSY_S)
            try:
                indexed = _prepare(db, path, writable=writable, index=index)
                store = cls(path, db, now, indexed=indexed)
                if writable and keep_days:
                    store.forget_before(now() - keep_days * _DAY_S)
                    typed.forget(path.with_name(typed.NAME), lambda each: each.at < now() - keep_days * _DAY_S)
            except BaseException:
                db.close()
                raise
        return store

    def close(self) -> None:
        with mapped(self.path):
            self.db.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- writing -----------------------------------------------------------------------------------

    def write(
        self, about: Conversation, add: Sequence[Message], remove: Sequence[int] = ()
    ) -> tuple[Conversation, list[int]]:
        """Removes the messages `remove` (by id) and adds `add` at the end, at once or not at all.

        Returns the conversation with its number, and those of the added messages. A conversation comes into
        being with its first message and is gone with its last. What the person removed meanwhile stays removed.
        """
        with self._writing() as db:
            number = self._number(db, about)
            db.executemany("DELETE FROM messages WHERE id = ?", [(each,) for each in remove])
            ids = [self._add(db, number, message) for message in add]
            db.execute(
                "UPDATE conversations SET system = ?, backend = ?, model = ?, changed = ? WHERE id = ?",
                (storable(about.system), storable(about.backend), storable(about.model), self._now(), number),
            )
            db.execute(
                "DELETE FROM conversations WHERE id = ? AND NOT EXISTS (SELECT 1 FROM messages WHERE conversation = ?)",
                (number, number),
            )
        return replace(about, id=number), ids

    def _number(self, db: Connection, about: Conversation) -> int:
        """The row of the conversation: by its name where it has one, else by its number; made when it is gone."""
        key, value = ("name", storable(about.name)) if about.name else ("id", about.id)
        if row := db.execute(f"SELECT id FROM conversations WHERE {key} = ?", (value,)).fetchone():
            return int(row[0])
        made = db.execute(
            "INSERT INTO conversations(id, kind, name, system, backend, model, began, changed)"
            " VALUES(?, ?, ?, '', '', '', ?, 0)",
            (about.id or None, about.kind, storable(about.name) or None, self._now()),
        )
        assert made.lastrowid is not None, "a row was inserted"
        return made.lastrowid

    def _add(self, db: Connection, number: int, message: Message) -> int:
        made = db.execute(
            "INSERT INTO messages(conversation, role, content, interrupted, at) VALUES(?, ?, ?, ?, ?)",
            (number, message.role, bounded(storable(message.content)), message.interrupted, message.at or self._now()),
        )
        assert made.lastrowid is not None, "a row was inserted"
        return made.lastrowid

    def remove(self, numbers: Iterable[int] | None = None) -> int:
        """Removes these conversations (None: all), and their traces in the file. Returns how many there were."""
        with self._writing() as db:
            which = None if numbers is None else [(each,) for each in numbers]
            sql = "DELETE FROM conversations"
            count = db.execute(sql).rowcount if which is None else db.executemany(f"{sql} WHERE id = ?", which).rowcount
            self._wipe_index(db)
        with suppress(InputError):  # another process is at work; this only tidies
            tidy(self.db, self.path)
        return int(count)

    def forget_before(self, moment: float) -> int:
        """Removes the conversations whose last message is older than `moment`. Returns how many there were."""
        with mapped(self.path):
            if not self.db.execute("SELECT 1 FROM conversations WHERE changed < ? LIMIT 1", (moment,)).fetchone():
                return 0
        with self._writing() as db:
            count = db.execute("DELETE FROM conversations WHERE changed < ?", (moment,)).rowcount
            self._wipe_index(db)
        return int(count)

    def _wipe_index(self, db: Connection) -> None:
        """The index only marks what is gone, until it is put in order."""
        if self.indexed:
            db.execute("INSERT INTO words(words) VALUES('optimize')")

    def first_time(self, what: str) -> bool:
        """Whether nobody asked this of `what` before, in any process."""
        if self._rows(lambda row: True, "SELECT 1 FROM told WHERE what = ?", what):
            return False
        with self._writing() as db:
            return bool(db.execute("INSERT OR IGNORE INTO told VALUES(?)", (what,)).rowcount)

    def _writing(self) -> AbstractContextManager[Connection]:
        return writing(self.db, self.path)


# -- the file --------------------------------------------------------------------------------------


def _prepare(db: Connection, path: Path, *, writable: bool, index: bool) -> bool:
    """Settings, tables and index; returns whether there is an index."""
    if prepare(db, path, schema=SCHEMA, writable=writable) < SCHEMA and writable:
        in_one(db, TABLES + f"PRAGMA user_version = {SCHEMA};", unless=lambda: version(db) == SCHEMA)
    if not writable:
        return _has_index(db) and index and _can_index(db)
    wanted = index and _can_index(db)
    if wanted != _has_index(db):
        in_one(db, INDEX if wanted else NO_INDEX, unless=lambda: _has_index(db) == wanted)
    return wanted


def _has_index(db: Connection) -> bool:
    """Whether the triggers are there that keep the index true: without them it is not to be trusted."""
    return bool(db.execute("SELECT 1 FROM sqlite_master WHERE name = 'words_added'").fetchone())


def _can_index(db: Connection) -> bool:
    new_enough = sqlite().sqlite_version_info >= (3, 34)  # the first with trigrams
    return new_enough and bool(db.execute("SELECT sqlite_compileoption_used('ENABLE_FTS5')").fetchone()[0])
