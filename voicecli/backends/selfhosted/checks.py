"""Whether the local servers are well, and which model the chat server says it runs.

Belongs here: GET /health where it is documented (chat and speech), a short recording or a word where it is not.
Does not belong here: what happens to the report.
"""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from voicecli.backends.selfhosted import chat_server, cloning_voice, ears, vectors
from voicecli.backends.selfhosted.server import member, opened, server_at
from voicecli.backends.transport.http import HttpService
from voicecli.backends.transport.wording import clean
from voicecli.errors import ConfigError, ServiceError
from voicecli.ports import Opened
from voicecli.types import MIC, AudioClip, Backend, HealthReport, TranscribeOptions

Check = Callable[[HttpService, str], Awaitable[str]]

_WELL = ("ok", "healthy", "up")


@asynccontextmanager
async def open_health(backend: Backend) -> AsyncIterator[ServerHealth]:
    """The health of every server that has an address. Raises ConfigError when none has."""
    async with AsyncExitStack() as stack:
        checks = []
        for setting, endings, check in _CHECKS:
            if getattr(backend, setting):
                server, path = server_at(backend, setting, endings)
                checks.append((check, await stack.enter_async_context(server), path))
        if not checks:
            cure = "Set asr_url, chat_url, tts_url or embedding_url"
            raise ConfigError(f"[backends.{backend.name}] has no address", cure=cure)
        yield ServerHealth(checks)


def open_models(backend: Backend) -> Opened[Models]:
    """The model at `chat_url`. Raises ConfigError without one."""
    return opened(backend, "chat_url", chat_server.ENDINGS, lambda server, _path: Models(server))


class ServerHealth:
    """Asks every server in turn."""

    def __init__(self, checks: Sequence[tuple[Check, HttpService, str]]) -> None:
        self._checks = checks

    async def check(self) -> HealthReport:
        """Raises what the first server that is not well says."""
        models = [await check(server, path) for check, server, path in self._checks]
        detail = ", ".join(f"{server.setting.removesuffix('_url')} ok" for _, server, _ in self._checks)
        return HealthReport(detail, tuple(model for model in models if model))


class Models:
    """The model that the chat server says it runs; it may know others."""

    def __init__(self, server: HttpService) -> None:
        self._server = server

    async def models(self) -> Sequence[str]:
        """One name, or none."""
        model = await _is_well(self._server, "")
        return [model] if model else []


async def _hears(server: HttpService, path: str) -> str:
    """No health is documented for ears: half a second of silence is sent to be recognised."""
    async with ears.SenseVoiceEars(server, path).transcribe(_silence(), TranscribeOptions()) as heard:
        async for _ in heard:
            pass
    return ""


async def _is_well(server: HttpService, _: str) -> str:
    """The model's name, where the server tells it."""
    data: Any = await server.json("GET", "/health", verb="health")
    status = member(server, data, "status")
    if status.lower() not in _WELL:
        raise ServiceError(f"says of itself: {clean(server.masked(status))}", who=server.who)
    model = data.get("model")
    return clean(model) if isinstance(model, str) else ""


def _silence() -> AudioClip:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, MIC.rate, 0, "NONE", ""))
        out.writeframes(bytes(MIC.bytes_for(500)))
    return AudioClip(file.getvalue(), "wav", 0.5)


async def _embeds(server: HttpService, path: str) -> str:
    await vectors.Meaning(server).check()
    return ""


_CHECKS: tuple[tuple[str, Sequence[str], Check], ...] = (
    ("asr_url", ears.ENDINGS, _hears),
    ("chat_url", chat_server.ENDINGS, _is_well),
    ("tts_url", cloning_voice.ENDINGS, _is_well),
    ("embedding_url", vectors.ENDINGS, _embeds),
)
