"""The embedded family: no key, no network, no download. Speech is recognised by pocketsphinx, spoken by espeak-ng.

Belongs here: the factories, which import their room when called. Does not belong here: anything heavy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from voicecli.types import Backend, HealthReport

ENGLISH_ONLY = "English only, expect errors"
"""What is said where nobody asked for a language."""


def transcribe(backend: Backend) -> Any:
    """FileTranscriber and LiveTranscriber: English, by dictation or held to a grammar."""
    from voicecli.backends.embedded.recogniser import open_recogniser

    return open_recogniser(backend)


transcribe_live = transcribe


def chat(backend: Backend) -> Any:
    """ChatModel: the offline skills."""
    from voicecli.backends.embedded.offline import open_chat

    return open_chat(backend)


def speak(backend: Backend) -> Any:
    """Speaker and VoiceCatalog."""
    from voicecli.backends.embedded.voice import open_voice

    return open_voice(backend)


voices = speak


class EmbeddedHealth:
    """Health: both engines are loaded, and tell their versions."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def check(self) -> HealthReport:
        import asyncio
        from importlib.metadata import version

        from voicecli.backends.embedded import espeak
        from voicecli.backends.embedded.recogniser import open_recogniser

        spoken = await asyncio.to_thread(espeak.version)
        async with open_recogniser(self._backend) as recogniser:
            await recogniser.check()
        return HealthReport(f"pocketsphinx {version('pocketsphinx')}, espeak-ng {spoken}")


@asynccontextmanager
async def health(backend: Backend) -> AsyncIterator[EmbeddedHealth]:
    yield EmbeddedHealth(backend)


def grammar() -> str:
    """JSGF for everything that the offline chat understands."""
    from voicecli.backends.embedded.skills import jsgf

    return jsgf()
