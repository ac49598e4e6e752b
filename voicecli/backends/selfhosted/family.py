"""What servers of one's own can do: SenseVoice's ears, a chat server, a voice that clones, embeddings.

Belongs here: the Family. Does not belong here: anything that costs an import before a factory is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.backends.family import Capabilities, Endpoint, Family, Limits, Looking, own
from voicecli.backends.selfhosted.settings import SelfhostedSettings
from voicecli.ports import Opened
from voicecli.types import Backend

if TYPE_CHECKING:
    from voicecli.backends.selfhosted.vectors import Meaning
    from voicecli.ports import ChatModel, FileTranscriber, Health, ModelCatalog, Speaker, VoiceCatalog


def _ears(backend: Backend) -> Opened[FileTranscriber]:
    from voicecli.backends.selfhosted.ears import open_transcriber

    return open_transcriber(backend)


def _chat(backend: Backend) -> Opened[ChatModel]:
    from voicecli.backends.selfhosted.chat_server import open_chat

    return open_chat(backend)


def _voice(backend: Backend) -> Opened[Speaker]:
    from voicecli.backends.selfhosted.cloning_voice import open_speaker

    return open_speaker(backend)


def _voices(backend: Backend) -> Opened[VoiceCatalog]:
    from voicecli.backends.selfhosted.cloning_voice import open_voices

    return open_voices(backend)


def _models(backend: Backend) -> Opened[ModelCatalog]:
    from voicecli.backends.selfhosted.checks import open_models

    return open_models(backend)


def _health(backend: Backend) -> Opened[Health]:
    from voicecli.backends.selfhosted.checks import open_health

    return open_health(backend)


def _meaning(backend: Backend) -> Opened[Meaning]:
    from voicecli.backends.selfhosted.vectors import open_meaning

    return open_meaning(backend)


def describe(backend: Backend) -> Capabilities:
    """Vectors and nearness only with `embedding_url`; the others say what is missing when they are opened."""
    settings = own(SelfhostedSettings, backend)
    return Capabilities(
        backend,
        transcribe=_ears,
        chat=_chat,
        speak=_voice,
        voices=_voices,
        models=_models,
        health=_health,
        embed=_meaning,
        similar=_meaning,
        rerank=_meaning,
        needs={"embed": "embedding_url", "similar": "embedding_url", "rerank": "embedding_url"},
        takes={
            "transcribe": frozenset({"language"}),
            "chat": frozenset({"model"}),
            "speak": frozenset({"voice", "style", "reference", "temperature", "top_p"}),
            "embed": frozenset({"model"}),
        },
        # It answers after the whole synthesis: longer pieces would only be heard later.
        limits=Limits(speech_characters=300),
        stops_on_cancel=frozenset({"chat"}),
        addresses={
            "transcribe": settings.asr_url,
            **dict.fromkeys(("chat", "models", "health"), settings.chat_url),
            **dict.fromkeys(("speak", "voices"), settings.tts_url),
            **dict.fromkeys(("embed", "similar", "rerank"), settings.embedding_url),
        },
        bases=(backend.base_url,),
    )


def _nearby(ports: tuple[int, ...]) -> list[Looking]:
    from voicecli.backends.selfhosted.nearby import find, find_sensevoice

    return [find, find_sensevoice]


ENDPOINTS = (
    Endpoint("POST", "/asr", ("transcribe",), "where the server does not stream", "asr"),
    Endpoint("POST", "/asr/stream", ("transcribe", "health"), "", "asr"),
    Endpoint("POST", "/api/v1/asr", ("transcribe",), "when `asr_url` ends with it", "asr"),
    Endpoint("POST", "/api/chat", ("chat",), "where the server does not stream", "chat"),
    Endpoint("POST", "/api/chat/stream", ("chat",), "", "chat"),
    Endpoint("GET", "/health", ("models", "health"), "", "chat"),
    Endpoint("POST", "/synthesize", ("speak",), "", "tts"),
    Endpoint("GET", "/health", ("health",), "", "tts"),
    Endpoint("GET", "/Qwen3-Embedding-4B/{text}", ("embed", "health"), "where the server has no batches", "embedding"),
    Endpoint("POST", "/Qwen3-Embedding-4B", ("embed",), "", "embedding"),
    Endpoint("POST", "/similarity", ("similar",), "", "embedding"),
    Endpoint("POST", "/rerank", ("rerank",), "", "embedding"),
)
"""Every endpoint that is asked."""


FAMILY = Family(
    "selfhosted",
    "Local servers: SenseVoice, a chat server, a voice that clones",
    describe,
    SelfhostedSettings,
    nearby=_nearby,
    endpoints=ENDPOINTS,
)
