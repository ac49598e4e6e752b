"""Whether both engines of the embedded family load. Belongs here: the check. Does not belong here: recognising,
speaking."""

from __future__ import annotations

import asyncio
from importlib.metadata import version

from voicecli.backends.embedded import espeak
from voicecli.backends.embedded.recogniser import open_recogniser
from voicecli.types import Backend, HealthReport


class EmbeddedHealth:
    """Both engines are loaded, and tell their versions."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def check(self) -> HealthReport:
        """Raises what is wrong."""
        spoken = await asyncio.to_thread(espeak.version)
        async with open_recogniser(self._backend) as recogniser:
            await recogniser.check()
        return HealthReport(f"pocketsphinx {version('pocketsphinx')}, espeak-ng {spoken}")
