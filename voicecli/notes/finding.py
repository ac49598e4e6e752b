"""Finding what fits a question in the notes, and a model that is told of it.

Belongs here: asking the services, the search in what is kept, a chat model around another. Does not belong here: which
passages are given and in what words (choosing), keeping them (index, store), printing.

Nothing that goes wrong here costs the answer: it is told, and the model answers without the notes.
"""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from voicecli.dialogue.history import estimate_tokens
from voicecli.errors import ProtocolError, UnreachableError, VoiceError, culprit, task_group
from voicecli.notes import choosing
from voicecli.notes.choosing import Cited, FoundPassage
from voicecli.notes.folder import Root
from voicecli.notes.store import FLOAT
from voicecli.ports import Warm
from voicecli.types import ChatDelta, ChatMessage, ChatOptions, EmbedOptions, ToolNews

if TYPE_CHECKING:
    from voicecli.notes.nearest import Nearest
    from voicecli.notes.store import KeptNotes
    from voicecli.ports import ChatModel, Embedder, Reranker

PATIENCE_S: dict[Cited, float] = {"written": 20.0, "spoken": 4.0}
"""How long an answer waits for a service, be it the one that embeds the question or the one that ranks passages."""
REMEMBERED = 16
"""Questions whose passages are remembered: a draft's question is asked again by the turn."""


class Finder:
    """The notes below `roots` that are kept in `store`, to be asked.

    `detail` is told where the second service failed: the passages are then in the order of their cosines. They
    are read at the first question (or before, by `warm`), once.
    """

    def __init__(
        self,
        store: KeptNotes,
        roots: Sequence[Root],
        embedder: Embedder,
        reranker: Reranker | None = None,
        *,
        budget: int,
        patience_s: float = PATIENCE_S["spoken"],
        detail: Callable[[str], object] = lambda text: None,
    ) -> None:
        self._store, self._roots, self._embedder, self._reranker = store, roots, embedder, reranker
        self._budget, self._patience_s, self._detail = budget, patience_s, detail
        self._nearest: Nearest | None = None
        self._one_thread = threading.Lock()
        self._known: OrderedDict[str, tuple[FoundPassage, ...]] = OrderedDict()

    async def warm(self) -> None:
        """Reads the vectors and opens connections, before anything is asked. What fails is told by the question."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._load_ahead())
            for each in (self._embedder, self._reranker):
                if isinstance(each, Warm):
                    tasks.create_task(each.warm())

    async def _load_ahead(self) -> None:
        with suppress(VoiceError):
            await asyncio.to_thread(self._loaded)

    async def find(self, question: str) -> tuple[FoundPassage, ...]:
        """The passages that fit best, the best first. Raises VoiceError: what the service that embeds said."""
        sense = choosing.sense_of(question)
        if sense and sense not in self._known:
            self._known[sense] = await self._found(question)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return self._known.get(sense, ())

    async def _found(self, question: str) -> tuple[FoundPassage, ...]:
        async with task_group(culprit) as tasks:
            asked = tasks.create_task(self._vector(question))
            tasks.create_task(asyncio.to_thread(self._loaded))
        candidates = await asyncio.to_thread(self._candidates, asked.result())
        ordered = await self._ranked(question, candidates)
        return tuple(choosing.within(ordered, self._budget, estimate_tokens))

    async def _vector(self, question: str) -> bytes:
        from voicecli.notes.nearest import packed

        try:
            async with asyncio.timeout(self._patience_s):
                found = await self._embedder.embed([question], EmbedOptions())
        except TimeoutError:
            raise UnreachableError(f"did not embed the question within {self._patience_s:g} s") from None
        vector = packed(found[0]) if len(found) == 1 else None
        if vector is None or len(vector) != FLOAT * self._store.width:
            raise ProtocolError(
                f"the question's vector is not one of {self._store.width} numbers, as those of the notes are",
                cure="'voice cache clear' has them made anew.",
            )
        return vector

    # -- in a thread -------------------------------------------------------------------------------

    def _loaded(self) -> Nearest:
        from voicecli.notes.nearest import Nearest

        with self._one_thread:
            if self._nearest is None:
                notes = self._store.notes(lambda key: any(root.holds(key) for root in self._roots))
                self._nearest = Nearest(self._store.width, self._store.vectors(notes))
            return self._nearest

    def _candidates(self, question: bytes) -> list[FoundPassage]:
        """The nearest passages by their whole vectors, the best first; what points away is left out."""
        from voicecli.notes.nearest import cosines

        nearest = self._loaded()
        with self._one_thread:
            kept = self._store.passages(nearest.search(question, choosing.CANDIDATES * 2))
        scored = zip(cosines(question, [each.vector for each in kept]), kept, strict=True)
        best = sorted(((score, each) for score, each in scored if score > 0), key=lambda pair: (-pair[0], pair[1].id))
        return [
            FoundPassage(self._told(each.path), each.heading, each.text, score)
            for score, each in best[: choosing.CANDIDATES]
        ]

    def _told(self, key: bytes) -> str:
        return next((root.told(key) for root in self._roots if root.holds(key)), "")

    # -- the second service ------------------------------------------------------------------------

    async def _ranked(self, question: str, found: list[FoundPassage]) -> list[FoundPassage]:
        """The passages in the order in which a service puts them, where there is one."""
        if self._reranker is None or len(found) < 2:
            return found
        try:
            async with asyncio.timeout(self._patience_s):
                told = [choosing.told_of(each) for each in found]
                ranked = await self._reranker.rerank(question, told, EmbedOptions())
        except (VoiceError, TimeoutError) as exc:
            self._detail(f"the notes are not ranked: {str(exc) or f'no answer within {self._patience_s:g} s'}")
            return found
        return choosing.in_order(found, ranked)


class WithNotes:
    """`ChatModel` over another, which is told the passages that fit the last question.

    `used` are those of the last question, `trouble` is why there are none. News comes with the answer's first piece.
    """

    def __init__(self, model: ChatModel, finder: Finder, cited: Cited = "written") -> None:
        self.model, self.finder, self.cited = model, finder, cited
        self.used: tuple[FoundPassage, ...] = ()
        self.trouble = ""

    async def warm(self) -> None:
        """Opens the model's connection, where it has one, and the notes."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.finder.warm())
            if isinstance(self.model, Warm):
                tasks.create_task(self.model.warm())

    @asynccontextmanager
    async def chat(
        self, messages: Sequence[ChatMessage], options: ChatOptions, **more: object
    ) -> AsyncIterator[AsyncIterator[ChatDelta]]:
        """The answer of the other model; what else it takes (`gate`) is passed on."""
        news = await self._search(messages)
        told = choosing.with_notes(messages, self.used, self.cited)
        async with self.model.chat(told, options, **more) as deltas, aclosing(_with_news(deltas, news)) as both:
            yield both

    async def _search(self, messages: Sequence[ChatMessage]) -> ToolNews | None:
        """Finds what fits. Between the rounds of a model with tools it is the same as before, and no news."""
        self.used, self.trouble = (), ""
        try:
            self.used = await self.finder.find(choosing.question_of(messages))
        except VoiceError as exc:
            self.trouble = f"answered without the notes: {exc}"
        files = ", ".join(choosing.files_of(self.used))
        text = self.trouble or (f"notes: {files}" if files else "")
        if not text or messages[-1].role != "user":
            return None
        return ToolNews("", "failed" if self.trouble else "done", text, quick=True)


async def _with_news(deltas: AsyncIterator[ChatDelta], news: ToolNews | None) -> AsyncGenerator[ChatDelta, None]:
    """The pieces, with the news before the first: not sooner, for the wait for it is the model's."""
    async for delta in deltas:
        if news is not None:
            yield ChatDelta(news=news)
            news = None
        yield delta
