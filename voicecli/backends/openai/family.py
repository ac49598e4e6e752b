"""What OpenAI-compatible services can do, how they are set up, and where they are looked for on this machine.

Belongs here: the Family. Does not belong here: anything that costs an import before a factory is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from voicecli.backends.family import Capabilities, Family, Limits
from voicecli.ports import Opened
from voicecli.types import Backend
from voicecli.verbs import Verb

if TYPE_CHECKING:
    from voicecli.backends.openai.adapter import OpenAI

CHAT_OPTIONS = frozenset(
    {"model", "temperature", "max_tokens", "top_p", "n", "seed", "stop", "schema", "images", "tools"}
)
"""What a chat request in OpenAI's shape may carry."""

TAKES: dict[Verb, frozenset[str]] = {
    "transcribe": frozenset({"language", "model", "prompt", "temperature", "words", "diarize", "translate"}),
    "transcribe_live": frozenset({"language", "model", "prompt"}),
    "chat": CHAT_OPTIONS,
    "speak": frozenset({"voice", "model", "speed", "format", "instructions", "reference"}),
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


def describe(backend: Backend) -> Capabilities:
    """All that the interface has; live recognition only where `live_url` says where it is."""
    return Capabilities(
        backend,
        transcribe=_open,
        transcribe_live=_open,
        chat=_open,
        speak=_open,
        voices=_open,
        models=_open,
        health=_open,
        embed=_open,
        image_make=_open,
        image_describe=_open,
        needs={"transcribe_live": "live_url"},
        takes=TAKES,
        apart={"transcribe": (("translate", "language"), ("translate", "diarize"))},
        limits=LIMITS,
        stops_on_cancel=frozenset({"chat", "speak"}),
        addresses={"transcribe_live": backend.live_url},
        bases=(backend.base_url,),
    )


FAMILY = Family("openai", "Any OpenAI-compatible service", describe)
