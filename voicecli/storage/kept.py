"""Conversations as they are kept, and asking for them.

Belongs here: their values, what is read of them, searching. Does not belong here: writing and removing, the tables
(conversations), the file itself (database).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from voicecli.errors import UsageError
from voicecli.storage.database import mapped, storable, trouble
from voicecli.text.nearest import did_you_mean
from voicecli.types import Role

if TYPE_CHECKING:
    from sqlite3 import Connection

T = TypeVar("T")
Row = Sequence[Any]
"""What SQLite gives: the columns of a query."""

LONGEST = 1_000_000
"""Characters of the longest message that is kept whole; of a longer one the beginning is, and that is said in it."""
LONGEST_NAME = 64
_LATEST = 253_402_300_799.0  # the year 9999, which a calendar can still show
_EXCERPT = (40, 100)
"""Characters of an excerpt before what was searched for, and from there on."""
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


class Kept:
    """An open history, to be asked. Raises InputError as Store does."""

    def __init__(self, path: Path, db: Connection, *, indexed: bool) -> None:
        self.path, self.db, self.indexed = path, db, indexed

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
        with mapped(self.path):
            names = [str(row[0]) for row in self.db.execute("SELECT name FROM conversations WHERE name IS NOT NULL")]
        return did_you_mean(ref, names, "'voice history list' shows them.")

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

    def _conversations(self, rest: str, *values: object) -> list[Conversation]:
        return self._rows(_conversation, _SUMMARY + rest, *values)

    def _rows(self, make: Callable[[Row], T], sql: str, *values: object) -> list[T]:
        """All rows at once: a reader that lingers would keep the file from being tidied."""
        with mapped(self.path):
            rows = self.db.execute(sql, values).fetchall()
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


def _message(row: Row) -> Message:
    role, content, interrupted, at, number = row
    if role not in get_args(Role):
        raise ValueError(role)
    return Message(role, str(content), bool(interrupted), _moment(at), int(number))


def _conversation(row: Row) -> Conversation:
    number, kind, name, system, backend, model, began, changed, messages, opening = row
    known = Conversation(str(kind), str(name or ""), str(system), str(backend), str(model), int(number))
    return replace(
        known, began=_moment(began), changed=_moment(changed), messages=int(messages), opening=str(opening or "")
    )


def _moment(moment: float) -> float:
    if not 0 <= moment <= _LATEST:
        raise ValueError(moment)
    return moment
