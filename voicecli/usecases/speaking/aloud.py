"""An answer read aloud while it is still being written.

Belongs here: which voice reads it, and that trouble with the voice never costs the answer. Does not belong here:
cutting text (pieces), sound (delivering), what is shown.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from voicecli.errors import ConfigError, VoiceError

if TYPE_CHECKING:
    from voicecli.audio.pace import Pace
    from voicecli.ports import Keeps, Speaker
    from voicecli.wiring.services import Services


class Aloud:
    """Reads texts out of the loudspeaker. Raises ConfigError when no backend can speak.

    `running` keeps the voice open from one text to the next. Both may be changed between two texts.
    """

    def __init__(self, services: Services, voice: str | None = None, running: Keeps | None = None) -> None:
        self.voice, self.running = voice, running
        try:
            services.choose("speak")
        except ConfigError:
            if services.backend is None:
                raise
            services = replace(services, backend=None)  # --backend was meant for the answer
            services.choose("speak")
        self._services = services
        self._pace: Pace | None = None

    async def say(self, texts: AsyncIterator[str]) -> None:
        """Says what arrives, until it ends. What goes wrong is told, once, and the rest stays unsaid."""
        from voicecli.audio.pace import Pace
        from voicecli.types import SpeechRequest
        from voicecli.usecases.speaking.delivering import DEVICE_RATE, Delivery
        from voicecli.usecases.speaking.goals import Goal
        from voicecli.usecases.speaking.pieces import TextReading, pieces

        self._pace = self._pace or Pace(DEVICE_RATE)
        can, _ = self._services.choose("speak")
        try:
            async with aclosing(pieces(texts, TextReading(can.limits))) as found, self._opened() as it:
                requests = (SpeechRequest(piece, voice=self.voice) async for piece in found)
                await Delivery(self._services, Goal(), arriving=True, pace=self._pace).run(it, requests)
        except VoiceError as exc:
            self._services.report.warn(f"the answer is not read aloud: {exc}")

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Speaker]:
        """The opened voice: one for the whole of a conversation."""
        if self.running is not None:
            yield await self.running.kept("speak", lambda: self._services.open("speak"))
            return
        async with self._services.open("speak") as voice:
            yield voice
