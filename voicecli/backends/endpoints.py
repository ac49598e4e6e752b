"""Every endpoint that the families speak to, and for which verbs: the checklist in docs/backends.md is made from it.

Belongs here: the table. Does not belong here: requests (each adapter's own), which family can what (registry). A
test compares both, and another sees each endpoint asked through the command line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from voicecli.types import Verb


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`path` is as the service's documents write it; {text} stands for anything. `server` tells which of several
    servers has it, `note` when it is asked, `command` who alone asks it of the commands that use its verbs."""

    method: Literal["GET", "POST", "WS"]
    path: str
    verbs: tuple[Verb, ...]
    note: str = ""
    server: str = ""
    command: str = ""


_CHAT = Endpoint("POST", "/v1/chat/completions", ("chat",))
_TALKED = "where the server does not stream"

ENDPOINTS: dict[str, tuple[Endpoint, ...]] = {
    "openai": (
        Endpoint("POST", "/v1/chat/completions", ("chat", "image_describe")),
        Endpoint("POST", "/v1/audio/transcriptions", ("transcribe",)),
        Endpoint("POST", "/v1/audio/translations", ("transcribe",), "with `--translate`", command="transcribe"),
        Endpoint("WS", "/v1/realtime", ("transcribe_live",), "with `live_url`"),
        Endpoint("POST", "/v1/audio/speech", ("speak",)),
        Endpoint("GET", "/v1/models", ("models", "health")),
        Endpoint("GET", "/v1/audio/voices", ("voices",), "where the service has it"),
        Endpoint("POST", "/v1/embeddings", ("embed",)),
        Endpoint("POST", "/v1/images/generations", ("image_make",)),
    ),
    "qiniu": (
        _CHAT,
        Endpoint("POST", "/v1/voice/asr", ("transcribe",), "for a recording at an address"),
        Endpoint("WS", "/v1/voice/asr", ("transcribe", "transcribe_live"), "for a recording here, and live"),
        Endpoint("POST", "/v1/voice/tts", ("speak",), 'with `speech_format = "wav"`'),
        Endpoint("WS", "/v1/voice/tts", ("speak",)),
        Endpoint("GET", "/v1/voice/list", ("voices", "health")),
        Endpoint("GET", "/v1/models", ("models",)),
    ),
    "selfhosted": (
        Endpoint("POST", "/asr", ("transcribe",), _TALKED, "asr"),
        Endpoint("POST", "/asr/stream", ("transcribe", "health"), "", "asr"),
        Endpoint("POST", "/api/v1/asr", ("transcribe",), "when `asr_url` ends with it", "asr"),
        Endpoint("POST", "/api/chat", ("chat",), _TALKED, "chat"),
        Endpoint("POST", "/api/chat/stream", ("chat",), "", "chat"),
        Endpoint("GET", "/health", ("models", "health"), "", "chat"),
        Endpoint("POST", "/synthesize", ("speak",), "", "tts"),
        Endpoint("GET", "/health", ("health",), "", "tts"),
        Endpoint(
            "GET", "/Qwen3-Embedding-4B/{text}", ("embed", "health"), "where the server has no batches", "embedding"
        ),
        Endpoint("POST", "/Qwen3-Embedding-4B", ("embed",), "", "embedding"),
        Endpoint("POST", "/similarity", ("similar",), "", "embedding"),
        Endpoint("POST", "/rerank", ("rerank",), "", "embedding"),
    ),
    "gov": (
        _CHAT,
        Endpoint("POST", "/v1/asr", ("transcribe",)),
        Endpoint("GET", "/v1/tts", ("speak", "health")),
        Endpoint("POST", "/v1/images/generations", ("image_make",)),
        Endpoint("POST", "/image/imageToText", ("image_describe",)),
        Endpoint("POST", "/image/enhanceImage", ("image_enhance",)),
        Endpoint("POST", "/image/generateVideo", ("image_animate",)),
        Endpoint("POST", "/video/motInference", ("video_track",)),
        Endpoint("POST", "/video/mmeditingInference", ("video_smooth",)),
        Endpoint("POST", "/uploadFile/uploadLearningFile", ("learn",)),
    ),
}
"""By family. Every verb that a family serves over a network has one; but for lists that are of our own making."""
