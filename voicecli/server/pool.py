"""The adapters that the server's requests share, each opened when it is first asked for and kept.

Belongs here: opening once, keeping, closing, which backend and model a client's name means.
Does not belong here: routes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from voicecli.errors import VoiceError, task_group
from voicecli.server.refusals import Refused
from voicecli.server.relay import Relay
from voicecli.wiring.opening import open_adapter
from voicecli.wiring.refusing import takes
from voicecli.wiring.services import Services

if TYPE_CHECKING:
    from voicecli.verbs import Verb

T = TypeVar("T")

PATIENCE_S = 5.0
"""How long a backend may take to list its models."""

USUAL = frozenset(
    "default auto whisper-1 gpt-transcribe gpt-4o-transcribe gpt-4o-mini-transcribe gpt-live-transcribe tts-1 tts-1-hd "
    "gpt-4o-mini-tts realtime gpt-realtime gpt-realtime-mini gpt-realtime-1.5 gpt-realtime-2 gpt-realtime-2.1 "
    "gpt-realtime-whisper gpt-4o gpt-4o-mini gpt-4.1 gpt-4.1-mini gpt-5 gpt-5-mini "
    "text-embedding-3-small text-embedding-3-large text-embedding-ada-002".split()
)
"""Names that clients ask for unless they are told another: whatever is configured answers to them."""

ELSEWHERE = frozenset(
    "gpt-3.5-turbo gpt-4o-ca gpt-4o-2024-08-06 claude-2.1 SenseVoiceSmall ChatTTS Qwen3-Embedding-4B "
    "Qwen/Qwen3-Coder-480B-A35B-Instruct".split()
)
"""Names of clients that were written for other servers: likewise, where nobody here has such a model."""

USUAL_VOICES = frozenset("alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse".split())
"""OpenAI's voices, likewise."""

MODEL_OF: dict[str, str] = {
    "chat": "chat_model",
    "transcribe": "transcribe_model",
    "speak": "speak_model",
    "embed": "embed_model",
}


@dataclass(frozen=True, slots=True)
class Meant:
    """What a client's model name means: the backend (None: that of `[use]`) and its model (None: as configured)."""

    backend: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Shared(Services):
    """Services whose adapters the pool opens once and keeps."""

    pool: Pool | None = None

    def _open(self, verb: Verb) -> AbstractAsyncContextManager[object]:
        assert self.pool is not None
        return self.pool.shared(verb, self)


class Pool:
    """Enter `open()` once; `adapter` may then be asked by any number of requests at a time."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._tasks: asyncio.TaskGroup | None = None
        self._opened: dict[tuple[Verb, str | None], asyncio.Future[object]] = {}
        self._over = asyncio.Event()
        self._listed: dict[str, list[str]] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Pool]:
        """Leaving closes every adapter, each in the task that opened it."""
        async with task_group() as tasks:
            self._tasks = tasks
            try:
                yield self
            finally:
                self._over.set()
                for ready in self._opened.values():
                    ready.cancel()  # what is still being opened is not waited for

    def named(self, backend: str | None = None) -> Services:
        """Services that open nothing twice; with that backend in place of the one of `[use]`."""
        chosen = backend or self.services.backend
        return Shared(self.services.config, self.services.env, self.services.report, chosen, self)

    @asynccontextmanager
    async def shared(self, verb: Verb, services: Services) -> AsyncIterator[object]:
        """The opened adapter. Raises what opening raises; the next request tries again."""
        key = (verb, services.backend)
        if key not in self._opened:
            ready = self._opened[key] = asyncio.get_running_loop().create_future()
            task = self._running.create_task(self._keep(key, ready))
            ready.add_done_callback(lambda _: task.cancel() if ready.cancelled() else None)
        yield await asyncio.shield(self._opened[key])

    @property
    def _running(self) -> asyncio.TaskGroup:
        assert self._tasks is not None, "a pool works only while it is open"
        return self._tasks

    async def relayed(self, stream: AbstractAsyncContextManager[AsyncIterator[T]]) -> Relay[T]:
        """The stream, read by a task of its own and begun. Raises a failure that comes before its first item."""
        return await Relay(self._running, stream).begun()

    async def _keep(self, key: tuple[Verb, str | None], ready: asyncio.Future[object]) -> None:
        verb, backend = key
        opening = open_adapter(verb, self.services.config, backend, env=self.services.env, report=self.services.report)
        try:
            async with opening as adapter:
                if not ready.done():  # else the pool has been left meanwhile
                    ready.set_result(adapter)
                await self._over.wait()
        except Exception as exc:  # a fault of ours is told to who asked: it must not end what others use
            if not ready.done():
                del self._opened[key]
                ready.set_exception(exc)
            elif not isinstance(exc, VoiceError):
                raise

    # -- names ---------------------------------------------------------------------------------------

    async def meant(self, verb: Verb, name: str | None) -> Meant:
        """What the client's `name` stands for. Raises Refused(404) for a model that nobody here has."""
        used = MODEL_OF.get(verb, "")
        if not name or name in USUAL:
            return Meant()
        backends = self.services.config.backends
        head, _, rest = name.partition("/")
        for backend in backends.values():
            if name == backend.name:
                return Meant(backend.name)
            if name == getattr(backend, used, ""):
                return Meant(backend.name, name)
        if rest and head in backends and await self._may_name(verb, head, rest):
            return Meant(head, rest)
        family, backend = self.services.choose(verb)
        if name in (family.name, backend.name):
            return Meant()
        if name in await self.listed(self.services.backend or backend.name):
            return Meant(model=name)
        if name in ELSEWHERE:
            return Meant()
        raise Refused(
            404, f"The model '{name[:80]}' does not exist here; GET /v1/models lists them.", "model_not_found"
        )

    async def _may_name(self, verb: Verb, backend: str, model: str) -> bool:
        """Whether a client may name it. On this machine a name may be a folder's too: only what is listed may."""
        can, _ = self.named(backend).choose(verb)
        return not can.offline or model in await self.listed(backend)

    def forget(self) -> None:
        """The models were changed: they are listed anew."""
        self._listed.clear()

    async def listed(self, backend: str) -> list[str]:
        """The models that a backend lists; none where it lists none, or does not answer in time."""
        if backend not in self._listed:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    async with self.named(backend).open("models") as catalog:
                        self._listed[backend] = list(await catalog.models())
            except (VoiceError, TimeoutError):
                return []
        return self._listed[backend]

    def voice(self, name: str | None) -> str | None:
        """The voice to ask for; None: the backend's own."""
        return None if not name or name in USUAL_VOICES or name == "default" else name

    def taken(self, verb: Verb, backend: str | None, wishes: Mapping[str, Any]) -> dict[str, Any]:
        """The wishes that the backend honours: clients send others unasked."""
        can, _ = self.named(backend).choose(verb)
        return {name: wish for name, wish in wishes.items() if name in takes(can, verb)}
