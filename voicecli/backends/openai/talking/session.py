"""Speech to speech: a `ports.Converser` over as many connections as a conversation takes.

Belongs here: the conversation, and to which turn belongs what comes unasked. Does not belong here: a turn (turns),
connections (line), messages (protocol), drafts, tools and the person's yes (dialogue.direct).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

from voicecli.backends.openai.talking.dialects import dialect_of
from voicecli.backends.openai.talking.line import TalkLine, TalkLines
from voicecli.backends.openai.talking.protocol import AnswerBegun, Committed, News, Understood
from voicecli.backends.openai.talking.turns import SpokenTurn
from voicecli.errors import ConfigError, UsageError, VoiceError, culprit
from voicecli.types import Backend, ChatMessage, Picture, TalkOptions


class SpeechToSpeech:
    """`ports.Converser` of services that have it; `talk_url` says where."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @asynccontextmanager
    async def converse(
        self, options: TalkOptions, rate: int, history: Callable[[], Sequence[ChatMessage]]
    ) -> AsyncIterator[TalkConversation]:
        """Connects when somebody begins to speak. Raises ConfigError without `talk_url`, or who ends a turn."""
        backend = self._backend
        if not backend.talk_url:
            raise ConfigError(f"[backends.{backend.name}] has no talk_url", cure="Set it to wss://…/realtime")
        known = dialect_of(backend)
        if known is not None and not known.manual and options.turns == "client":
            what = f"[backends.{backend.name}] ends your turns by itself, as every service of dialect {known.name}"
            raise ConfigError(what, cure='Set [talk] turns = "service".')
        options = replace(options, voice=options.voice or backend.voice or None)
        try:
            async with asyncio.TaskGroup() as tasks:
                lines = TalkLines(backend, options, rate, history, tasks)
                yield TalkConversation(lines)
                lines.close()
        except BaseExceptionGroup as group:
            raise culprit(group) from None


class TalkConversation:
    """A `ports.Colloquy`."""

    def __init__(self, lines: TalkLines) -> None:
        self.lines = lines
        self._latest: SpokenTurn | None = None
        lines.listener = self._on_news

    @property
    def withdraws(self) -> bool:
        return (known := self.lines.dialect) is not None and known.deletes

    def show(self, pictures: Sequence[Picture]) -> None:
        known = self.lines.dialect
        if pictures and not (known is not None and known.pictures):
            what = f"takes no pictures where talk_dialect is {known.name}" if known else "may not take pictures"
            cure = 'Leave --attach out, or set talk_dialect to a dialect that has them ("openai", "azure").'
            raise UsageError(what, who=self.lines.backend.name, cure=cure)
        self.lines.pictures = tuple(pictures)

    async def warm(self) -> None:
        with suppress(VoiceError):
            await self.lines.renew()

    def begin(self, on_partial: Callable[[str], None]) -> SpokenTurn:
        self._latest = SpokenTurn(self.lines, on_partial)
        return self._latest

    def _on_news(self, line: TalkLine, news: News) -> None:
        """What comes unasked belongs to the newest turn; an answer that nobody waits for is not wanted."""
        turn = self._latest
        if turn is not None and isinstance(news, Committed | Understood):
            turn.on_news(line, news)
        if isinstance(news, AnswerBegun) and not line.attached and (turn is None or turn.over):
            line.send(line.protocol.cancel(void=True))
