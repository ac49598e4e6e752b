"""What OpenAI-compatible services can do, how they are set up, and where they are looked for on this machine.

Belongs here: the Family. Does not belong here: anything that costs an import before a factory is called.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

from voicecli.backends.family import Capabilities, Endpoint, Family, Limits, Looking, Preset
from voicecli.ports import Opened
from voicecli.types import Backend
from voicecli.verbs import Verb

if TYPE_CHECKING:
    from voicecli.backends.openai.adapter import OpenAI
    from voicecli.backends.openai.talking.session import SpeechToSpeech

CHAT_OPTIONS = frozenset(
    {"model", "temperature", "max_tokens", "top_p", "n", "seed", "stop", "schema", "images", "tools"}
)
"""What a chat request in OpenAI's shape may carry."""

TAKES: dict[Verb, frozenset[str]] = {
    "transcribe": frozenset({"language", "model", "prompt", "temperature", "words", "diarize", "translate"}),
    "transcribe_live": frozenset({"language", "model", "prompt"}),
    "chat": CHAT_OPTIONS,
    "speak": frozenset({"voice", "model", "speed", "format", "instructions", "reference"}),
    "converse": frozenset({"model", "voice", "language", "instructions", "tools", "turns"}),
    "embed": frozenset({"model"}),
    "image_make": frozenset({"model", "size"}),
    "image_describe": frozenset({"model", "question"}),
}

LIMITS = Limits(
    upload_bytes=26_214_400,
    containers=frozenset({"wav", "flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "webm"}),
    model_seconds=(("gpt-4o", 1400.0),),
    timeless=("gpt-4o", "gpt-live", "-transcribe"),
    speech_characters=4096,
)


def _open(backend: Backend) -> Opened[OpenAI]:
    from voicecli.backends.openai.adapter import open_openai

    return open_openai(backend)


def _converse(backend: Backend) -> Opened[SpeechToSpeech]:
    from voicecli.backends.openai.talking.session import SpeechToSpeech

    return nullcontext(SpeechToSpeech(backend))


def describe(backend: Backend) -> Capabilities:
    """All that the interface has; live recognition only where `live_url` says where it is."""
    return Capabilities(
        backend,
        transcribe=_open,
        transcribe_live=_open,
        chat=_open,
        speak=_open,
        converse=_converse,
        voices=_open,
        models=_open,
        health=_open,
        embed=_open,
        image_make=_open,
        image_describe=_open,
        needs={"transcribe_live": "live_url", "converse": "talk_url"},
        takes=TAKES,
        apart={"transcribe": (("translate", "language"), ("translate", "diarize"))},
        limits=LIMITS,
        stops_on_cancel=frozenset({"chat", "speak", "converse"}),
        addresses={"transcribe_live": backend.live_url, "converse": backend.talk_url},
        bases=(backend.base_url,),
    )


PRESETS = (
    Preset(
        "openai",
        "OPENAI_API_KEY",
        {
            "family": "openai",
            "base_url": "https://api.openai.com/v1",
            "chat_model": "gpt-4o-mini",
            "transcribe_model": "gpt-4o-mini-transcribe",
            "speak_model": "gpt-4o-mini-tts",
            "embed_model": "text-embedding-3-small",
            "image_model": "gpt-image-1",
            "voice": "alloy",
        },
    ),
    Preset(
        "groq",
        "GROQ_API_KEY",
        {
            "family": "openai",
            "base_url": "https://api.groq.com/openai/v1",
            "chat_model": "llama-3.3-70b-versatile",
            "transcribe_model": "whisper-large-v3-turbo",
        },
        ("transcribe", "chat"),
    ),
    Preset(
        "dashscope",
        "DASHSCOPE_API_KEY",
        {
            "family": "openai",
            "base_url": "https://dashscope.aliyuncs.com/compatible-mode/v1",
            "chat_model": "qwen-plus",
        },
        ("chat",),
    ),
    Preset(
        "deepseek",
        "DEEPSEEK_API_KEY",
        {"family": "openai", "base_url": "https://api.deepseek.com/v1", "chat_model": "deepseek-chat"},
        ("chat",),
    ),
)
"""Well-known services; their models are a beginning, 'voice models' lists all."""

PORTS = (1234, 8000, 8001, 8080, 8880, 9997, 11434)
"""Usual ports of LM Studio, vLLM and speaches and FunASR, llama.cpp and LocalAI, Kokoro, Xinference, Ollama."""


def _nearby(ports: tuple[int, ...]) -> list[Looking]:
    from voicecli.backends.openai.nearby import find

    return [partial(find, port) for port in dict.fromkeys((*ports, *PORTS))]


ENDPOINTS = (
    Endpoint("POST", "/v1/chat/completions", ("chat", "image_describe")),
    Endpoint("POST", "/v1/audio/transcriptions", ("transcribe",)),
    Endpoint("POST", "/v1/audio/translations", ("transcribe",), "with `--translate`", command="transcribe"),
    Endpoint("WS", "/v1/realtime", ("transcribe_live",), "with `live_url`"),
    Endpoint("WS", "/v1/realtime", ("converse",), "with `talk_url`", command="talk"),
    Endpoint("POST", "/v1/audio/speech", ("speak",)),
    Endpoint("GET", "/v1/models", ("models", "health")),
    Endpoint("GET", "/v1/audio/voices", ("voices",), "where the service has it"),
    Endpoint("POST", "/v1/embeddings", ("embed",)),
    Endpoint("POST", "/v1/images/generations", ("image_make",)),
)
"""Every endpoint that is asked."""


FAMILY = Family(
    "openai", "Any OpenAI-compatible service", describe, presets=PRESETS, nearby=_nearby, endpoints=ENDPOINTS
)
