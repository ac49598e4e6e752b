"""What a government cloud service can do: answers by category, pictures, videos, documents.

Belongs here: the Family. Does not belong here: anything that costs an import before a factory is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.backends.family import Capabilities, Endpoint, Family, Limits
from voicecli.backends.gov_settings import GovSettings
from voicecli.ports import Opened
from voicecli.types import Backend

if TYPE_CHECKING:
    from voicecli.backends.gov_media import Media
    from voicecli.ports import ChatModel, FileTranscriber, Health, Speaker


def _ears(backend: Backend) -> Opened[FileTranscriber]:
    from voicecli.backends.gov import GovTranscriber, opened

    return opened(backend, GovTranscriber)


def _chat(backend: Backend) -> Opened[ChatModel]:
    from voicecli.backends.gov import GovChat, opened

    return opened(backend, GovChat)


def _voice(backend: Backend) -> Opened[Speaker]:
    from voicecli.backends.gov import GovSpeaker, opened

    return opened(backend, GovSpeaker)


def _health(backend: Backend) -> Opened[Health]:
    from voicecli.backends.gov import GovHealth, opened

    return opened(backend, GovHealth)


def _media(backend: Backend) -> Opened[Media]:
    from voicecli.backends.gov import opened
    from voicecli.backends.gov_media import Media

    return opened(backend, Media)


def describe(backend: Backend) -> Capabilities:
    """Everything that its document names, at one address."""
    return Capabilities(
        backend,
        transcribe=_ears,
        chat=_chat,
        speak=_voice,
        health=_health,
        image_make=_media,
        image_describe=_media,
        image_enhance=_media,
        image_animate=_media,
        video_track=_media,
        video_smooth=_media,
        learn=_media,
        takes={
            "chat": frozenset({"model", "temperature", "max_tokens", "category"}),
            "image_describe": frozenset({"segments"}),
            "learn": frozenset({"category"}),
        },
        # The text stands in the address: a byte becomes three characters there, and 2,048 are safe.
        limits=Limits(speech_characters=200, speech_bytes=600, documents=frozenset({"txt", "doc", "docx", "pdf"})),
        bases=(backend.base_url,),
    )


ENDPOINTS = (
    Endpoint("POST", "/v1/chat/completions", ("chat",)),
    Endpoint("POST", "/v1/asr", ("transcribe",)),
    Endpoint("GET", "/v1/tts", ("speak", "health")),
    Endpoint("POST", "/v1/images/generations", ("image_make",)),
    Endpoint("POST", "/image/imageToText", ("image_describe",)),
    Endpoint("POST", "/image/enhanceImage", ("image_enhance",)),
    Endpoint("POST", "/image/generateVideo", ("image_animate",)),
    Endpoint("POST", "/video/motInference", ("video_track",)),
    Endpoint("POST", "/video/mmeditingInference", ("video_smooth",)),
    Endpoint("POST", "/uploadFile/uploadLearningFile", ("learn",)),
)
"""Every endpoint that is asked."""


FAMILY = Family("gov", "A government cloud service: answers by category", describe, GovSettings, endpoints=ENDPOINTS)
