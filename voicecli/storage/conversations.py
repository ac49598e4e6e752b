"""Conversations kept on disk: one SQLite file that any number of processes share.

Belongs here: its tables, writing to it and asking it. Does not belong here: the file itself (storage.database),
when something is kept, what is hidden in it, what a model is sent, printing.

What is removed is overwritten, in the index of words too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, get_args

from voicecli.errors import InputError, UsageError
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
    trouble,
    version,
    writing,
)
from voicecli.types import Role

__all__ = ["Conversation", "Found", "Message", "Store", "bounded", "check_name", "is_number", "storable", "there"]

T = TypeVar("T")

NAME = "history.db"
SCHEMA = 1
BUSY_S = 5.0
"""How long a writer waits for another one."""
LONGEST = 1_000_000
"""Characters of the longest message that is kept whole; of a longer one the beginning is, and that is said in it."""
LONGEST_NAME = 64
_LATEST = 253_402_300_799.0  # the year 9999, which a calendar can still show
_DAY_S = 86_400
_EXCERPT = (40, 100)
"""Characters of an excerpt before what was searched for, and from there on."""

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
SHORTEST_INDEXED = 3

_SUMMARY = """
SELECT c.id, c.kind, c.name, c.system, c.backend, c.model, c.began, c.changed,
    (SELECT count(*) FROM messages WHERE conversation = c.id),
    (SELECT substr(content, 1, 200) FROM messages WHERE conversation = c.id AND role = 'user' ORDER BY id LIMIT 1)
FROM conversations c
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `at` in seconds since 1970. `interrupted`: the reply is not all of it. `id` 0: not kept yet."""

    role: Role
    content: str
    interrupted: bool = False
    at: float = 0.0
    id: int = 0


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is known of a conversation but its messages. `kind`: chat or talk, as it began. `id` 0: not kept yet.

    `messages` is their number, `opening` the first 200 characters of the first question.
    """

    kind: str
    name: str = ""
    system: str = ""
    backend: str = ""
    model: str = ""
    id: int = 0
    began: float = 0.0
    changed: float = 0.0
    messages: int = 0
    opening: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A message that holds what was searched for, and one line around it."""

    conversation: Conversation
    message: Message
    excerpt: str


class Store:
    """An open history. Any thread may use it, one at a time.

    All methods raise InputError when the file is damaged, in use for longer than BUSY_S, or not to be
    written or read.
    """

    def __init__(self, path: Path, db: Any, now: Callable[[], float], *, indexed: bool) -> None:
        self.path, self._db, self._now = path, db, now
        self.indexed = indexed

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
            self._db.close()

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

    def _number(self, db: Any, about: Conversation) -> int:
        """The row of the conversation: by its name where it has one, else by its number; made when it is gone."""
        key, value = ("name", storable(about.name)) if about.name else ("id", about.id)
        if row := db.execute(f"SELECT id FROM conversations WHERE {key} = ?", (value,)).fetchone():
            return int(row[0])
        made = db.execute(
            "INSERT INTO conversations(id, kind, name, system, backend, model, began, changed)"
            " VALUES(?, ?, ?, '', '', '', ?, 0)",
            (about.id or None, about.kind, storable(about.name) or None, self._now()),
        )
        return int(made.lastrowid)

    def _add(self, db: Any, number: int, message: Message) -> int:
        made = db.execute(
            "INSERT INTO messages(conversation, role, content, interrupted, at) VALUES(?, ?, ?, ?, ?)",
            (number, message.role, bounded(storable(message.content)), message.interrupted, message.at or self._now()),
        )
        return int(made.lastrowid)

    def remove(self, numbers: Iterable[int] | None = None) -> int:
        """Removes these conversations (None: all), and their traces in the file. Returns how many there were."""
        with self._writing() as db:
            which = None if numbers is None else [(each,) for each in numbers]
            sql = "DELETE FROM conversations"
            count = db.execute(sql).rowcount if which is None else db.executemany(f"{sql} WHERE id = ?", which).rowcount
            self._wipe_index(db)
        with suppress(InputError):  # another process is at work; this only tidies
            tidy(self._db, self.path)
        return int(count)

    def forget_before(self, moment: float) -> int:
        """Removes the conversations whose last message is older than `moment`. Returns how many there were."""
        with mapped(self.path):
            if not self._db.execute("SELECT 1 FROM conversations WHERE changed < ? LIMIT 1", (moment,)).fetchone():
                return 0
        with self._writing() as db:
            count = db.execute("DELETE FROM conversations WHERE changed < ?", (moment,)).rowcount
            self._wipe_index(db)
        return int(count)

    def _wipe_index(self, db: Any) -> None:
        """The index only marks what is gone, until it is put in order."""
        if self.indexed:
            db.execute("INSERT INTO words(words) VALUES('optimize')")

    def first_time(self, what: str) -> bool:
        """Whether nobody asked this of `what` before, in any process."""
        if self._rows(lambda row: True, "SELECT 1 FROM told WHERE what = ?", what):
            return False
        with self._writing() as db:
            return bool(db.execute("INSERT OR IGNORE INTO told VALUES(?)", (what,)).rowcount)

    def _writing(self) -> AbstractContextManager[Any]:
        return writing(self._db, self.path)

    # -- asking ------------------------------------------------------------------------------------

    def recent(self, limit: int = 0) -> list[Conversation]:
        """The conversations, the one that went on last first; the first `limit` (0: all)."""
        return self._conversations("ORDER BY c.changed DESC, c.id DESC LIMIT ?", limit or -1)

    def last(self) -> Conversation | None:
        """The conversation that went on last."""
        return next(iter(self.recent(1)), None)

    def named(self, name: str) -> Conversation | None:
        """The conversation of that name."""
        return next(iter(self._conversations("WHERE c.name = ?", storable(name))), None)

    def find(self, ref: str) -> Conversation:
        """The conversation with this number or name. Raises UsageError with the nearest name when there is none."""
        key, value = ("id", int(ref)) if is_number(ref) else ("name", storable(ref))
        if found := self._conversations(f"WHERE c.{key} = ?", value):
            return found[0]
        raise UsageError(f"there is no conversation '{ref[:LONGEST_NAME]}'", cure=self._hint(ref))

    def _hint(self, ref: str) -> str:
        import difflib

        with mapped(self.path):
            names = [str(row[0]) for row in self._db.execute("SELECT name FROM conversations WHERE name IS NOT NULL")]
        near = difflib.get_close_matches(ref[:LONGEST_NAME], names, 1)
        return f"Did you mean '{near[0]}'?" if near else "'voice history list' shows them."

    def messages(self, conversation: int) -> list[Message]:
        """The messages of one conversation, in order."""
        sql = "SELECT role, content, interrupted, at, id FROM messages WHERE conversation = ? ORDER BY id"
        return self._rows(_message, sql, conversation)

    def count(self) -> int:
        """How many conversations there are."""
        return self._rows(lambda row: int(row[0]), "SELECT count(*) FROM conversations")[0]

    def search(self, text: str, limit: int = 0) -> list[Found]:
        """Messages that hold every word of `text` (or part of one), the newest first. Capitals do not matter."""
        words = storable(text).split()
        if not words:
            return []
        tests, values = zip(*(self._test(word) for word in words), strict=True)
        sql = (
            "SELECT m.role, m.content, m.interrupted, m.at, m.id, m.conversation FROM messages m"
            f" WHERE {' AND '.join(tests)} ORDER BY m.id DESC LIMIT ?"
        )
        rows = self._rows(lambda row: (_message(row[:5]), int(row[5])), sql, *values, limit or -1)
        known = {number: self._conversations("WHERE c.id = ?", number) for number in {number for _, number in rows}}
        return [
            Found(known[number][0], message, excerpt(message.content, words))
            for message, number in rows
            if known[number]  # removed since by another process
        ]

    def _test(self, word: str) -> tuple[str, str]:
        if self.indexed and len(word) >= SHORTEST_INDEXED:
            quoted = word.replace('"', '""')
            return "m.id IN (SELECT rowid FROM words WHERE words MATCH ?)", f'"{quoted}"'
        escaped = word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return "m.content LIKE ? ESCAPE '\\'", f"%{escaped}%"

    def _conversations(self, rest: str, *values: Any) -> list[Conversation]:
        return self._rows(_conversation, _SUMMARY + rest, *values)

    def _rows(self, make: Callable[[Any], T], sql: str, *values: Any) -> list[T]:
        """All rows at once: a reader that lingers would keep the file from being tidied."""
        with mapped(self.path):
            rows = self._db.execute(sql, values).fetchall()
        try:
            return [make(row) for row in rows]
        except (TypeError, ValueError, OverflowError):
            raise trouble(self.path, "CORRUPT", "") from None


# -- values ----------------------------------------------------------------------------------------


def is_number(ref: str) -> bool:
    """Whether `ref` is meant as a conversation's number."""
    return ref.isascii() and ref.isdecimal() and len(ref) < 19


def check_name(name: str) -> str:
    """A name for a conversation. Raises UsageError: numbers, blanks at the ends and control characters don't do."""
    good = name == name.strip() and name.isprintable() and 0 < len(name) <= LONGEST_NAME and name == storable(name)
    if good and not (name.isascii() and name.isdecimal()):
        return name
    raise UsageError(
        f"{name[:LONGEST_NAME]!a} is no name for a conversation",
        cure=f"Names are up to {LONGEST_NAME} characters, and not a number.",
    )


def bounded(text: str) -> str:
    """`text`, or its beginning and a word on how much is left out."""
    left_out = len(text) - LONGEST
    return text if left_out <= 0 else f"{text[:LONGEST]}\n[… {left_out} characters are not kept]"


def excerpt(text: str, words: Sequence[str]) -> str:
    """One line of `text` around the first of `words` that is in it."""
    lower = text.lower()
    at = next((at for word in words if (at := lower.find(word.lower())) >= 0), 0)
    start, end = max(0, at - _EXCERPT[0]), at + _EXCERPT[1]
    head, tail = "…" if start else "", "…" if end < len(text) else ""
    return head + " ".join(text[start:end].split()) + tail


def _message(row: Sequence[Any]) -> Message:
    role, content, interrupted, at, number = row
    if role not in get_args(Role):
        raise ValueError(role)
    return Message(role, str(content), bool(interrupted), _moment(at), int(number))


def _conversation(row: Sequence[Any]) -> Conversation:
    number, kind, name, system, backend, model, began, changed, messages, opening = row
    known = Conversation(str(kind), str(name or ""), str(system), str(backend), str(model), int(number))
    return replace(
        known, began=_moment(began), changed=_moment(changed), messages=int(messages), opening=str(opening or "")
    )


def _moment(value: Any) -> float:
    moment = float(value)
    if not 0 <= moment <= _LATEST:
        raise ValueError(value)
    return moment


# -- the file --------------------------------------------------------------------------------------


def _prepare(db: Any, path: Path, *, writable: bool, index: bool) -> bool:
    """Settings, tables and index; returns whether there is an index."""
    if prepare(db, path, schema=SCHEMA, writable=writable) < SCHEMA and writable:
        in_one(db, TABLES + f"PRAGMA user_version = {SCHEMA};", unless=lambda: version(db) == SCHEMA)
    if not writable:
        return _has_index(db) and index and _can_index(db)
    wanted = index and _can_index(db)
    if wanted != _has_index(db):
        in_one(db, INDEX if wanted else NO_INDEX, unless=lambda: _has_index(db) == wanted)
    return wanted


def _has_index(db: Any) -> bool:
    """Whether the triggers are there that keep the index true: without them it is not to be trusted."""
    return bool(db.execute("SELECT 1 FROM sqlite_master WHERE name = 'words_added'").fetchone())


def _can_index(db: Any) -> bool:
    new_enough = sqlite().sqlite_version_info >= (3, 34)  # the first with trigrams
    return new_enough and bool(db.execute("SELECT sqlite_compileoption_used('ENABLE_FTS5')").fetchone()[0])
