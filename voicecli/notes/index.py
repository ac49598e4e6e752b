"""Keeping what is kept of the notes as the folder is: what is new or changed is embedded, what is gone is forgotten.

Belongs here: which notes need work, batches, progress. Does not belong here: which files are notes (folder), how they
are cut (cutting) and kept (store), finding (finding).

Each batch is kept as soon as it is answered, so a run that was killed goes on where it stopped, and the memory that it
takes does not grow with the notes.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.errors import InputError, ProtocolError
from voicecli.notes import folder
from voicecli.notes.cutting import Passage, cut
from voicecli.notes.folder import Decode, LeftOut, Note, Root
from voicecli.notes.store import Entry, NoteStore
from voicecli.storage.atomic import take_turn
from voicecli.types import EmbedOptions

if TYPE_CHECKING:
    from voicecli.ports import Embedder

BATCH = 64
"""Passages that go out with one request."""
WAIT_S = 0.2
ROUNDS = 3
"""How often the folder is gone through where what was kept turns out to be of no use."""

Opening = Callable[[], AbstractAsyncContextManager["Embedder"]]
Show = Callable[[int, int], object]
"""Is told how many notes are done, of how many."""


@dataclass(slots=True)
class Done:
    """What a run came to. `notes`: all there are, `embedded`: those that were sent, in `passages` pieces."""

    notes: int = 0
    embedded: int = 0
    passages: int = 0
    left_out: LeftOut = field(default_factory=LeftOut)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A passage on its way. `mark` is set on the last of those that its note lacks."""

    note: Note
    hash: bytes
    place: int
    passage: Passage
    mark: str | None


class Index:
    """The notes below `roots` and what is kept of them in `store`.

    `opening` opens the service, once something is to be embedded. `lock` is a file that one process at a time holds
    while it embeds (None: nobody else can); `waiting` is called when another does.
    """

    def __init__(
        self,
        store: NoteStore,
        roots: Sequence[Root],
        decode: Decode,
        opening: Opening,
        *,
        lock: Path | None = None,
        waiting: Callable[[], object] = lambda: None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._store, self._roots, self._decode, self._opening = store, roots, decode, opening
        self._lock, self._waiting, self._now_ns = lock, waiting, now_ns
        self._width = 0

    async def refresh(self, show: Show = lambda done, total: None) -> Done:
        """Makes what is kept like the folder. Raises InputError for no notes at all, and what the service raises."""
        done = Done()
        for _ in range(ROUNDS):
            done.notes, done.left_out = 0, LeftOut()
            if missing := self._look(done):
                kept = self._store.width
                async with self._alone():
                    await self._catch_up(missing, done, show)
                if kept and kept != self._store.width:
                    continue  # what was kept had been made by another model of that name, and is gone
            break
        if not done.notes:
            raise InputError("there are no notes", who=self._named(), cure=str(done.left_out))
        return done

    def _look(self, done: Done) -> list[Note]:
        """The notes that have to be read; what is gone is forgotten."""
        missing, there = [], set()
        for note in folder.notes(self._roots, done.left_out, now_ns=self._now_ns()):
            there.add(note.key)
            if not self._is_known(note, done):
                missing.append(note)
        if there:  # a disk that is not mounted is an empty folder
            self._store.forget(lambda key: key not in there and self._holds(key))
        return missing

    def _holds(self, key: bytes) -> bool:
        return any(root.holds(key) for root in self._roots)

    def _is_known(self, note: Note, done: Done) -> bool:
        """Whether nothing has to be done for a note; if so it is counted."""
        if not note.mark:
            return False
        mark = self._store.mark(note.key)
        if mark == note.mark:
            done.notes += 1
        elif mark == _unfit(note.mark):
            done.left_out[folder.NO_TEXT] += 1
        else:
            return False
        return True

    def _named(self) -> str:
        return ", ".join(os.fsdecode(root.key) for root in self._roots)

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        """One process at a time embeds: another that waits finds everything there."""
        told = False
        while (leave := take_turn(self._lock) if self._lock else lambda: None) is None:
            if not told:
                self._waiting()
                told = True
            await asyncio.sleep(WAIT_S)
        try:
            yield
        finally:
            leave()

    # -- embedding ---------------------------------------------------------------------------------

    async def _catch_up(self, missing: Sequence[Note], done: Done, show: Show) -> None:
        """Reads the notes, and embeds what is not kept of them."""
        async with AsyncExitStack() as stack:
            embedder: Embedder | None = None
            for batch in self._batches(missing, done, show):
                await asyncio.sleep(0)  # to be interrupted, however long nothing is to be sent
                if not batch:
                    continue
                if embedder is None:
                    embedder = await stack.enter_async_context(self._opening())
                await self._keep(embedder, batch, done)

    def _batches(self, missing: Sequence[Note], done: Done, show: Show) -> Iterator[list[_Piece]]:
        """What is to be embedded, as it goes out together; an empty list after each note."""
        batch: list[_Piece] = []
        for number, note in enumerate(missing):
            for piece in self._pieces(note, done):
                batch.append(piece)
                if len(batch) == BATCH:
                    yield batch
                    batch = []
            show(number + 1, len(missing))
            yield []
        yield batch

    def _pieces(self, note: Note, done: Done) -> Iterator[_Piece]:
        """The passages that are not kept of a note. One that is whole, or is none, is settled."""
        if self._is_known(note, done):  # another process was faster
            return
        try:
            text, hash = folder.read(note, self._decode)
        except folder.UnfitError as exc:
            done.left_out[str(exc)] += 1
            self._store.settle(note.key, b"", _unfit(note.mark) if str(exc) == folder.NO_TEXT else "")
            return
        done.notes += 1
        passages = cut(text, kind_of(note.shown))
        kept = self._store.places(note.key, hash)
        lacking = [place for place in range(len(passages)) if place not in kept]
        if not lacking:
            self._store.settle(note.key, hash, note.mark)
            return
        done.embedded += 1
        for place in lacking:
            yield _Piece(note, hash, place, passages[place], note.mark if place == lacking[-1] else None)

    async def _keep(self, embedder: Embedder, batch: Sequence[_Piece], done: Done) -> None:
        """Embeds a batch, and keeps it at once."""
        from voicecli.notes.nearest import packed

        found = await embedder.embed([embedded(each.note.shown, each.passage) for each in batch], EmbedOptions())
        vectors = [packed(each) for each in found]
        widths = {len(each) for each in found} | ({self._width} if self._width else set())
        if len(vectors) != len(batch) or len(widths) != 1 or None in vectors:
            raise ProtocolError("answered with other than one vector per text, all of one length", who="embed")
        (self._width,) = widths
        entries = [
            Entry(p.note.key, p.hash, p.place, p.passage.heading, p.passage.text, vector or b"", p.mark)
            for p, vector in zip(batch, vectors, strict=True)
        ]
        self._store.add(entries, self._width)
        done.passages += len(batch)


def embedded(shown: str, passage: Passage) -> str:
    """What is embedded of a passage: short notes often say what they are about in their name only."""
    name = shown.rpartition("/")[2]
    title = name.rpartition(".")[0] or name
    return "\n".join(part for part in (title, passage.heading, passage.text) if part)


def kind_of(shown: str) -> str:
    """A file's extension, in lower case, without the dot."""
    name = shown.rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


def _unfit(mark: str) -> str:
    """The mark of a file that was read and is no note."""
    return f"{mark} is not text" if mark else ""
