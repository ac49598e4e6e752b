"""What Qiniu's cloud voice can do, and how it is set up.

Belongs here: the Family. Does not belong here: anything that costs an import before a factory is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.backends.family import Capabilities, Endpoint, Family, Limits, Preset, own
from voicecli.backends.openai.family import CHAT_OPTIONS
from voicecli.backends.qiniu.settings import BYTES, CHARACTERS, VOICE, QiniuSettings
from voicecli.ports import Opened
from voicecli.types import Backend

if TYPE_CHECKING:
    from voicecli.backends.qiniu.adapters import QiniuEars, QiniuVoices, Thinker
    from voicecli.backends.qiniu.speech import QiniuSpeaker


def ears(backend: Backend) -> Opened[QiniuEars]:
    """Recognition of live sound and of recordings."""
    from voicecli.backends.qiniu.adapters import QiniuEars
    from voicecli.backends.qiniu.failover import opened

    return opened(backend, QiniuEars)


def mouth(backend: Backend) -> Opened[QiniuSpeaker]:
    """Speech."""
    from voicecli.backends.qiniu.failover import opened
    from voicecli.backends.qiniu.speech import QiniuSpeaker

    return opened(backend, QiniuSpeaker)


def thinker(backend: Backend) -> Opened[Thinker]:
    """Chat, and the models for it."""
    from voicecli.backends.qiniu.adapters import Thinker
    from voicecli.backends.qiniu.failover import opened

    return opened(backend, Thinker)


def catalog(backend: Backend) -> Opened[QiniuVoices]:
    """The list of voices, which is also the test of health."""
    from voicecli.backends.qiniu.adapters import QiniuVoices
    from voicecli.backends.qiniu.failover import opened

    return opened(backend, QiniuVoices)


def describe(backend: Backend) -> Capabilities:
    """Everything, with nothing to configure but the key."""
    return Capabilities(
        backend,
        transcribe=ears,
        transcribe_live=ears,
        chat=thinker,
        speak=mouth,
        voices=catalog,
        models=thinker,
        health=catalog,
        takes={
            "transcribe": frozenset({"model", "words"}),
            "transcribe_live": frozenset({"model", "words"}),
            "chat": CHAT_OPTIONS,
            "speak": frozenset({"voice", "speed", "format"}),
        },
        limits=Limits(
            speech_characters=CHARACTERS,
            speech_bytes=BYTES,
            plain=True,
            fetches=frozenset({"wav", "mp3", "ogg", "oga", "opus"}),
        ),
        stops_on_cancel=frozenset({"chat"}),
        addresses={"transcribe_live": backend.live_url},
        bases=own(QiniuSettings, backend).bases,
    )


ENDPOINTS = (
    Endpoint("POST", "/v1/chat/completions", ("chat",)),
    Endpoint("POST", "/v1/voice/asr", ("transcribe",), "for a recording at an address"),
    Endpoint("WS", "/v1/voice/asr", ("transcribe", "transcribe_live"), "for a recording here, and live"),
    Endpoint("POST", "/v1/voice/tts", ("speak",), 'with `speech_format = "wav"`'),
    Endpoint("WS", "/v1/voice/tts", ("speak",)),
    Endpoint("GET", "/v1/voice/list", ("voices", "health")),
    Endpoint("GET", "/v1/models", ("models",)),
)
"""Every endpoint that is asked."""


FAMILY = Family(
    "qiniu",
    "Qiniu's cloud voice: live recognition, speech, chat as OpenAI's",
    describe,
    QiniuSettings,
    endpoints=ENDPOINTS,
    presets=(
        Preset(
            "qiniu",
            "QINIU_API_KEY",
            {"family": "qiniu", "chat_model": "deepseek-v3", "voice": VOICE},
        ),
    ),
)
