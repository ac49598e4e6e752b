"""From a backend to its adapter: the key looked up, a bridge where the backend lacks the very verb.

Belongs here: opening and closing. Does not belong here: choosing a backend, what an adapter is asked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal, Protocol, overload

from voicecli import ports
from voicecli.ports import Opened
from voicecli.verbs import VERBS, Verb
from voicecli.wiring.announcing import announce
from voicecli.wiring.choosing import choose

if TYPE_CHECKING:
    from voicecli.config import Config
    from voicecli.ports import Reporter
    from voicecli.types import Backend


class Opens(Protocol):
    """Opens the adapter of a verb: which promise it keeps is known from the verb. Leaving the context closes it."""

    @overload
    def __call__(self, verb: Literal["transcribe"]) -> Opened[ports.FileTranscriber]: ...
    @overload
    def __call__(self, verb: Literal["transcribe_live"]) -> Opened[ports.LiveTranscriber]: ...
    @overload
    def __call__(self, verb: Literal["chat"]) -> Opened[ports.ChatModel]: ...
    @overload
    def __call__(self, verb: Literal["speak"]) -> Opened[ports.Speaker]: ...
    @overload
    def __call__(self, verb: Literal["converse"]) -> Opened[ports.Converser]: ...
    @overload
    def __call__(self, verb: Literal["voices"]) -> Opened[ports.VoiceCatalog]: ...
    @overload
    def __call__(self, verb: Literal["models"]) -> Opened[ports.ModelCatalog]: ...
    @overload
    def __call__(self, verb: Literal["embed"]) -> Opened[ports.Embedder]: ...
    @overload
    def __call__(self, verb: Literal["similar"]) -> Opened[ports.Comparer]: ...
    @overload
    def __call__(self, verb: Literal["rerank"]) -> Opened[ports.Reranker]: ...
    @overload
    def __call__(self, verb: Literal["image_make"]) -> Opened[ports.Painter]: ...
    @overload
    def __call__(self, verb: Literal["image_describe"]) -> Opened[ports.Onlooker]: ...
    @overload
    def __call__(self, verb: Literal["image_enhance"]) -> Opened[ports.Enhancer]: ...
    @overload
    def __call__(self, verb: Literal["image_animate"]) -> Opened[ports.Animator]: ...
    @overload
    def __call__(self, verb: Literal["video_track"]) -> Opened[ports.Tracker]: ...
    @overload
    def __call__(self, verb: Literal["video_smooth"]) -> Opened[ports.Smoother]: ...
    @overload
    def __call__(self, verb: Literal["learn"]) -> Opened[ports.Learner]: ...
    @overload
    def __call__(self, verb: Verb) -> Opened[object]: ...


@asynccontextmanager
async def open_adapter(
    verb: Verb,
    cfg: Config,
    name: str | None = None,
    *,
    env: Mapping[str, str],
    report: Reporter | None = None,
) -> AsyncIterator[object]:
    """The adapter for `verb`, opened, with its key looked up; leaving the block closes it.

    It stands behind a bridge where the backend lacks the verb itself. Raises ConfigError (no such backend, it can't,
    no key), and what the adapter raises on opening.
    """
    can, backend = choose(verb, cfg, name)
    backend = with_key(backend, cfg, env, report)
    if report is not None:
        announce(verb, can, backend, cfg.state_dir, report)
    row = VERBS[verb]
    own = can.opening(verb)
    opening = own or (can.opening(row.lifted) if row.lifted else None)
    assert opening is not None, "choose() found the backend able"
    async with opening(backend) as adapter:
        yield adapter if own else _bridged(row.bridge, adapter)


def with_key(backend: Backend, cfg: Config, env: Mapping[str, str], report: Reporter | None = None) -> Backend:
    """`backend` with its key looked up; the reporter will mask it from now on."""
    from voicecli.config.keys import resolve_key

    backend = resolve_key(backend, env, cfg.config_dir)
    if report is not None and backend.key:
        report.hide(backend.key)
    return backend


def _bridged(bridge: str, adapter: object) -> object:
    """`adapter` behind a bridge."""
    from voicecli.wiring import bridges

    bridged: object = getattr(bridges, bridge)(adapter)
    return bridged
