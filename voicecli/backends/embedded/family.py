"""What this machine can do alone: no key, no network, no download. Speech by pocketsphinx, voices by espeak-ng.

Belongs here: the Family. Does not belong here: anything that costs an import before a factory is called.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from voicecli.backends.embedded.settings import EmbeddedSettings
from voicecli.backends.family import Capabilities, Family, Limits
from voicecli.ports import Opened
from voicecli.types import Backend

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from voicecli.backends.embedded.health import EmbeddedHealth
    from voicecli.backends.embedded.offline import OfflineChat
    from voicecli.backends.embedded.recogniser import Recogniser
    from voicecli.backends.embedded.voice import EmbeddedVoice

ENGLISH_ONLY = "English only, expect errors"
"""What is said where nobody asked for a language."""


def transcribe(backend: Backend) -> Opened[Recogniser]:
    """Recordings and live sound: English, by dictation or held to a grammar."""
    from voicecli.backends.embedded.recogniser import open_recogniser

    return open_recogniser(backend)


def chat(backend: Backend) -> Opened[OfflineChat]:
    """The offline skills."""
    from voicecli.backends.embedded.offline import open_chat

    return open_chat(backend)


def speak(backend: Backend) -> Opened[EmbeddedVoice]:
    """Speech, and the list of voices."""
    from voicecli.backends.embedded.voice import open_voice

    return open_voice(backend)


@asynccontextmanager
async def health(backend: Backend) -> AsyncIterator[EmbeddedHealth]:
    """Whether both engines load."""
    from voicecli.backends.embedded.health import EmbeddedHealth

    yield EmbeddedHealth(backend)


def grammar() -> str:
    """JSGF for everything that the offline chat understands."""
    from voicecli.backends.embedded.skills import jsgf

    return jsgf()


def describe(backend: Backend) -> Capabilities:
    """Always the same: nothing of it can be configured away."""
    heard = frozenset({"language", "words", "grammar"})
    return Capabilities(
        backend,
        transcribe=transcribe,
        transcribe_live=transcribe,
        chat=chat,
        speak=speak,
        voices=speak,
        health=health,
        takes={
            "transcribe": heard,
            "transcribe_live": heard,
            "speak": frozenset({"voice", "language", "speed", "pitch"}),
        },
        languages={"transcribe": frozenset({"en"})},
        notices={"transcribe": ENGLISH_ONLY},
        limits=Limits(plain=True),
        stops_on_cancel=frozenset({"chat", "speak"}),
        offline=True,
        rehears=True,
        lanes=1,
        grammar=grammar,
        takes_grammar=True,
    )


FAMILY = Family(
    "embedded", "This machine alone: no key, no network, no download", describe, EmbeddedSettings, built_in=True
)
