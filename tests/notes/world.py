"""A folder of notes, an index, and somebody who embeds: a strict local server, or a table in memory that counts.

Belongs here: what the tests of notes share. Does not belong here: tests.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes.meaning import vector
from voicecli.notes.folder import Root, roots
from voicecli.notes.index import Done, Index
from voicecli.notes.store import NoteStore, VectorMaker
from voicecli.text.decoding import as_text
from voicecli.types import EmbedOptions

ME = VectorMaker("lab", "m1", "here")
LATER = 4_000_000_000 * 10**9
"""A moment at which no file is fresh."""


@dataclass
class Counting:
    """Keeps the promise of an `VectorMaker`. `fail_at`: the request (from 1) at which it raises `failure`."""

    make: Callable[[str], Sequence[float]] = vector
    fail_at: int = 0
    failure: Exception = field(default_factory=lambda: ConnectionError("killed"))
    asked: list[list[str]] = field(default_factory=list)
    opened: int = 0

    async def embed(self, texts: Sequence[str], options: EmbedOptions) -> list[Sequence[float]]:
        self.asked.append(list(texts))
        if len(self.asked) == self.fail_at:
            raise self.failure
        return [self.make(each) for each in texts]

    @property
    def texts(self) -> list[str]:
        return [text for texts in self.asked for text in texts]

    @asynccontextmanager
    async def opening(self) -> AsyncIterator[Counting]:
        self.opened += 1
        yield self


class Place:
    """A folder with notes, and what is kept of them."""

    def __init__(self, path: Path) -> None:
        self.folder, self.kept = path / "notes", path / "state" / "notes.db"
        self.folder.mkdir()

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    @property
    def roots(self) -> list[Root]:
        return roots([self.folder])

    def store(self, embedder: VectorMaker = ME) -> NoteStore:
        return NoteStore.open(self.kept, embedder)

    async def refresh(self, service: Counting, embedder: VectorMaker = ME, *, now: int = LATER) -> Done:
        """One run of an index over the folder."""
        with self.store(embedder) as store:
            lock = self.kept.with_name("lock")
            index = Index(store, self.roots, as_text, service.opening, lock=lock, now_ns=lambda: now)
            return await index.refresh()

    def files(self, embedder: VectorMaker = ME) -> dict[str, list[str]]:
        """The texts that are kept, by the name of their file."""
        found: dict[str, list[str]] = {}
        with self.store(embedder) as store:
            numbers = [number for number, _ in store.vectors(store.notes(lambda path: True))]
            for each in store.passages(numbers):
                found.setdefault(Path(os.fsdecode(each.path)).name, []).append(each.text)
        return found
