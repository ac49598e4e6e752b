"""One text said: by which backend, in which pieces, to which goal, and what is told when it goes wrong.

Belongs here: what `voice speak` does, for whoever wants it done. Does not belong here: flags, where the text
comes from.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from voicecli.errors import ServiceError, UsageError, VoiceError
from voicecli.text.nearest import nearest
from voicecli.usecases.speaking.delivering import Delivery
from voicecli.usecases.speaking.goals import FORMATS, JOINABLE, WRITES, Goal
from voicecli.usecases.speaking.pieces import Pieces, TextReading, chained, pieces, with_something

if TYPE_CHECKING:
    from collections.abc import Callable

    from voicecli.ports import Speaker
    from voicecli.types import SpeechRequest
    from voicecli.usecases.speaking.sinks import Write
    from voicecli.usecases.speaking.track import ToldSound
    from voicecli.wiring.services import Services

Text: TypeAlias = "str | AsyncIterator[str]"
"""A whole text, or one that still arrives."""

LONG = 600
"""Characters from which on a text takes long enough to show how far it is."""

ABOUT_THE_VOICE = (400, 404, 422)
"""How services answer to a voice that they do not know."""

VOICES_S = 3.0
"""How long the list of voices may take that only makes an error more helpful."""


@dataclass(frozen=True, slots=True)
class Saying:
    """Texts said as `request` asks. `literal`: markup is read sign by sign; `cache`: sound is kept and used again.

    `stdout` writes what goes there; `show` is told of each text when it sounds. Raises UsageError for what the backend
    does not take.
    """

    services: Services
    request: SpeechRequest
    goal: Goal = field(default_factory=Goal)
    literal: bool = False
    by_line: bool = False
    cache: bool = False
    stdout: Write | None = None
    show: Callable[[str], object] | None = None

    def __post_init__(self) -> None:
        can, _ = self.services.choose("speak")
        self.goal.check_made_by(can)
        if self.goal.native:
            object.__setattr__(self, "request", replace(self.request, format=self.goal.container))
        self.services.check(can, "speak", self.request)

    async def say(self, text: Text) -> ToldSound:
        """Says it. Raises InputError when there is nothing to say."""
        if isinstance(text, str) and self.goal.native and self.goal.container != JOINABLE:
            await self._check_joined(text)
        async with aclosing(with_something(pieces(text, self._reading(text)))) as found:
            if isinstance(text, str):  # nothing is opened for a text without words
                found = chained([await anext(found)], found)
            try:
                async with self.services.open("speak") as opened, aclosing(self._requests(found)) as requests:
                    with self._progress(text) as done:
                        arriving = not isinstance(text, str)
                        delivery = Delivery(self.services, self.goal, self.stdout, arriving, done, show=self.show)
                        return await delivery.run(self._cached(opened), requests)
            except VoiceError as exc:
                await self._explain(exc)
                raise

    def _reading(self, text: Text) -> TextReading:
        """Who listens wants the first words soon; who reads along wants sentences; a file wants few requests."""
        listened = not isinstance(text, str) or self.goal.file is None or self.goal.play
        cut = Pieces.SOON if listened and not self.goal.native else Pieces.FULL
        cut = Pieces.SENTENCES if self.goal.titles else cut
        cut = Pieces.FULL if self.by_line else cut
        can, _ = self.services.choose("speak")
        return TextReading(can.limits, cut, self.literal, self.request.language, self.by_line)

    async def _check_joined(self, text: str) -> None:
        """A container that we can't make ourselves can't be joined either; aac is made to be."""
        async with aclosing(pieces(text, self._reading(text))) as found:
            count = len([piece async for piece in found])
        if count > 1:
            what = f"the text needs {count} requests, and {self.goal.container} can't be joined"
            raise UsageError(what, cure=WRITES)

    async def _requests(self, found: AsyncIterator[str]) -> AsyncGenerator[SpeechRequest]:
        async for piece in found:
            yield replace(self.request, text=piece)

    def _progress(self, text: Text) -> AbstractContextManager[Callable[[float], object]]:
        if not isinstance(text, str) or len(text) < LONG or self.show is not None:
            return nullcontext(lambda characters: None)
        return self.services.report.progress("speaking", len(text))

    def _cached(self, speaker: Speaker) -> Speaker:
        if not self.cache:
            return speaker
        from voicecli.storage.cache import MEGABYTE
        from voicecli.usecases.speaking.keeping import CachedSpeaker

        config, (can, _) = self.services.config, self.services.choose("speak")
        return CachedSpeaker(speaker, can.identity("speak"), config.cache_dir, config.cache.max_mb * MEGABYTE)

    # -- what went wrong ---------------------------------------------------------------------------

    async def _explain(self, exc: VoiceError) -> None:
        """Whose sound it was, and which voice or format may have been meant."""
        if isinstance(exc, ServiceError) and exc.who == "speech":
            exc.who = self.services.choose("speak")[1].name  # the codec does not know whose sound it decodes
        if exc.status in ABOUT_THE_VOICE:
            await self._suggest_voice(exc)
            if self.goal.native and not exc.cure:
                exc.cure = f"These can always be written: {', '.join(FORMATS)}."

    async def _suggest_voice(self, exc: VoiceError) -> None:
        """Where the service does not have the voice: which it has that is called much like it."""
        can, backend = self.services.choose("speak")
        name = self.request.voice or backend.voice
        if not name or not can.can("voices") or (known := await self._voices()) is None or name in known:
            return
        meant = nearest(name, known, 0.5)
        hint = f"Did you mean the voice '{meant}'? " if meant else f"It lists no voice '{name[:40]}'. "
        exc.cure = f"{hint}'voice voices' lists them."

    async def _voices(self) -> list[str] | None:
        """The names that the service lists, as far as it lists any; None when it does not tell."""
        import asyncio

        try:
            async with asyncio.timeout(VOICES_S), self.services.open("voices") as catalog:
                return [each.name for each in await catalog.voices()] or None
        except (VoiceError, TimeoutError):
            return None
