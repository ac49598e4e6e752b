"""An answer read aloud while it is still being written.

Belongs here: which voice reads it, and that trouble with the voice never costs the answer.
Does not belong here: cutting text (text_in), sound (sound_out), what is shown.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

from voicecli.errors import ConfigError, VoiceError

if TYPE_CHECKING:
    from voicecli.commands.session import Running, Session


class Aloud:
    """Reads texts out of the loudspeaker. Raises ConfigError when no backend can speak."""

    def __init__(self, session: Session, voice: str | None = None, running: Running | None = None) -> None:
        from voicecli import wiring

        self._session, self.voice, self.running = session, voice, running
        self._name = session.backend
        try:
            self._family, _ = wiring.choose("speak", session.config(), self._name)
        except ConfigError:
            if self._name is None:
                raise
            self._name = None  # --backend was meant for the answer
            self._family, _ = wiring.choose("speak", session.config())

    async def say(self, texts: AsyncIterator[str]) -> None:
        """Says what arrives, until it ends. What goes wrong is told, once, and the rest stays unsaid."""
        from voicecli.commands.sound_out import Goal, deliver
        from voicecli.commands.text_in import Reading, pieces
        from voicecli.types import SpeechRequest

        session = self._session
        try:
            async with (
                aclosing(pieces(texts, Reading(self._family.limits))) as found,
                self._opened() as it,
            ):
                requests = (SpeechRequest(piece, voice=self.voice) async for piece in found)
                await deliver(session, it, requests, Goal("", "pcm", arriving=True))
        except VoiceError as exc:
            session.console.warn(f"the answer is not read aloud: {exc}")

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Any]:
        """The opened voice: one for the whole of a conversation."""
        if self.running is not None:
            yield await self.running.kept("speak", self._opening)
            return
        async with self._opening() as voice:
            yield voice

    def _opening(self) -> AbstractAsyncContextManager[Any]:
        from voicecli import wiring

        session = self._session
        return wiring.open_adapter("speak", session.config(), self._name, env=session.env, report=session.console)
