"""Configuration to notes that can be asked: who embeds them, who ranks what is found, where they are kept.

Belongs here: choosing and opening the two services, what a change of them means for what is kept. Does not belong here:
what is done with notes (notes), flags, printing. Only commands call it, inside functions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli import ports
from voicecli.notes import choosing, cutting
from voicecli.notes.finding import PATIENCE_S, Finder, WithNotes
from voicecli.notes.folder import Decode, roots
from voicecli.notes.index import Done, Index, Show
from voicecli.notes.store import LOCK, NAME, NoteStore, VectorMaker
from voicecli.types import Backend
from voicecli.wiring.choosing import able, backend_named, choose, family_of
from voicecli.wiring.services import Services

if TYPE_CHECKING:
    from voicecli.backends.family import Capabilities
    from voicecli.config import Config
    from voicecli.ports import Reporter

Service = tuple["Capabilities", Backend]


def embedding(cfg: Config, answering: str | None) -> Service:
    """Who embeds: `[use] embed`; where that is not set, who answers, if it can. Raises ConfigError."""
    if answering and not cfg.use.embed and able(family_of(backend_named(cfg, answering)), "embed"):
        return choose("embed", cfg, answering)
    return choose("embed", cfg)


def ranking(cfg: Config, embeds: Service) -> Service | None:
    """Who puts passages in order: who embeds, if it can by itself, else the only backend that can."""
    from voicecli.backends.registry import FAMILIES

    if embeds[0].can("rerank"):
        return embeds
    families = [(family_of(each), each) for each in cfg.backends.values() if each.family in FAMILIES]
    can = [(family, backend) for family, backend in families if family.can("rerank")]
    return can[0] if len(can) == 1 else None


def identity(service: Service) -> VectorMaker:
    """Whose vectors they are. Another address, model or setting, or another way to cut, makes others."""
    family, backend = service
    how = sha256(f"{cutting.VERSION} {family.identity('embed')}".encode()).hexdigest()[:32]
    return VectorMaker(backend.name, backend.embed_model, how)


class Notes:
    """The notes of one run, below `paths`. `refresh` them, then let a model be told of them; `close` at the end.

    With `private` they are kept in memory only. Raises InputError for what is not there, ConfigError where nobody
    embeds. `answering` is the backend that was named for the answer.
    """

    def __init__(
        self,
        cfg: Config,
        paths: list[Path],
        env: Mapping[str, str],
        report: Reporter,
        decode: Decode,
        *,
        answering: str | None = None,
        private: bool = False,
    ) -> None:
        self._cfg, self._env, self._report, self._decode = cfg, env, report, decode
        self._embeds = embedding(cfg, answering)
        self._roots = roots(paths)
        self._kept_in = None if private else cfg.state_dir
        self._store = NoteStore.open(self._kept_in and self._kept_in / NAME, identity(self._embeds))

    def close(self) -> None:
        self._store.close()

    async def refresh(self, show: Show, waiting: Callable[[], object]) -> Done:
        """Embeds what is new. Raises what the service raises; what was done before stays."""
        lock = self._kept_in and self._kept_in / LOCK
        index = Index(self._store, self._roots, self._decode, self._embedder, lock=lock, waiting=waiting)
        return await index.refresh(show)

    @asynccontextmanager
    async def told(self, model: ports.ChatModel, cited: choosing.Cited) -> AsyncIterator[WithNotes]:
        """`model` with what it is told of the notes."""
        async with AsyncExitStack() as stack:
            embedder = await stack.enter_async_context(self._embedder())
            ranks = ranking(self._cfg, self._embeds)
            reranker = await stack.enter_async_context(self._served_by(ranks).open("rerank")) if ranks else None
            budget = self._cfg.chat.max_history_tokens // choosing.SHARE
            finder = Finder(
                self._store,
                self._roots,
                embedder,
                reranker,
                budget=budget,
                patience_s=PATIENCE_S[cited],
                detail=self._report.detail,
            )
            yield WithNotes(model, finder, cited)

    def _embedder(self) -> ports.Opened[ports.Embedder]:
        return self._served_by(self._embeds).open("embed")

    def _served_by(self, service: Service) -> Services:
        return Services(self._cfg, self._env, self._report, service[1].name)
