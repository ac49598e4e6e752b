"""One turn of a speech-to-speech conversation: what the person says in it.

Belongs here: which sound a service holds, what it made of it, sending all again. Does not belong here: answers
(turns), messages (protocol), connections (lines, line).

The sound is kept until the turn is over: a connection that drops is followed by another, which is sent it whole.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from voicecli.backends.openai.talking.line import TalkLine, lost
from voicecli.backends.openai.talking.lines import TalkLines
from voicecli.backends.openai.talking.protocol import Committed, Understood
from voicecli.backends.transport.retry import PACE
from voicecli.errors import VoiceError
from voicecli.text.join import joined
from voicecli.types import MIC
from voicecli.types.turns import Heard

TRIES = 3
"""Connections that one turn may take."""
WORDS_S = 3.0
"""How long the words of what was said may take to come."""
FRAME_S, SILENCE_S = 0.02, 10.0
"""How the silence after speech is sent, and how long."""

log = logging.getLogger(__name__)


class PersonsSound:
    """What the person says in one turn. What the service knows of it is known per line: another is told all again."""

    def __init__(self, lines: TalkLines, on_partial: Callable[[str], None]) -> None:
        self._lines, self._on_partial = lines, on_partial
        self._pcm = bytearray()
        self.over = False
        self._line: TalkLine | None = None
        self._silence: asyncio.Task[None] | None = None
        self._forget()

    def _forget(self) -> None:
        """Starts over: the service knows nothing of the turn."""
        self._sent = self._committed = 0
        self._commits: list[int] = []
        self._told: set[str] = set()
        self._spoken: dict[str, int] = {}
        """Samples, at the loudspeaker's rate, by the item of the answer."""

    def _at(self, line: TalkLine) -> None:
        if self._line is not line:
            self._line = line
            self._forget()
        line.show(self._lines.pictures)

    # -- the person's sound --------------------------------------------------------------------------

    def hear(self, pcm: bytes) -> None:
        self._pcm += pcm
        self._stop_silence()
        if (line := self._lines.now) is not None:
            self._feed(line)

    def _feed(self, line: TalkLine) -> None:
        """Sends the sound that the service does not hold yet. Uncommitted sound of another turn is cleared first."""
        self._at(line)
        owner = self._lines.owner
        if owner is not self:
            line.send(line.protocol.clear())
            self._sent = self._committed
        if self._sent < len(self._pcm):
            self._lines.owner = self
            line.send(line.protocol.append(bytes(self._pcm[self._sent :])))
            self._sent = len(self._pcm)

    def pause(self) -> None:
        """A service that finds the end by itself must hear the silence."""
        if self._lines.by_service and self._silence is None and not self.over:
            self._silence = self._lines.tasks.create_task(self._fall_silent())

    async def _fall_silent(self) -> None:
        loop = asyncio.get_running_loop()
        begun, count = loop.time(), 0
        while count * FRAME_S < SILENCE_S and self._lines.owner is self:
            count += 1
            await asyncio.sleep(begun + count * FRAME_S - loop.time())
            if (line := self._lines.now) is not None and line is self._line:
                line.send(line.protocol.append(bytes(MIC.bytes_for(1000 * FRAME_S))))

    def _stop_silence(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _commit(self, line: TalkLine) -> None:
        """What was heard so far becomes an item; a service that finds the end of a turn does that by itself."""
        self._feed(line)
        if self._sent > self._committed and not self._lines.by_service:
            self._committed, self._lines.owner = self._sent, None
            line.send(line.protocol.commit())
            self._commits.append(line.sent_commits)
            line.sent_commits += 1

    def on_news(self, line: TalkLine, news: Committed | Understood) -> None:
        """What the service found by itself."""
        if isinstance(news, Understood):
            if not news.final:
                known = [line.protocol.understood.get(item) for item in self._items(line)]
                before = [each.text for each in known if each is not None and each.item != news.item]
                self._on_partial(joined([*before, news.text]))
        elif self._lines.by_service and self._lines.owner is self:
            self._stop_silence()
            self._committed, self._lines.owner = self._sent, None
            self._commits.append(len(line.commits) - 1)

    def _items(self, line: TalkLine) -> list[str]:
        """The items that its sound became, as far as the service has told."""
        return [line.commits[at] for at in self._commits if at < len(line.commits)]

    def _understood(self, line: TalkLine) -> Heard | None:
        """The words of the turn, once all of them are known."""
        items = self._items(line)
        known = [found for item in items if (found := line.protocol.understood.get(item)) is not None and found.final]
        if not items or len(known) < len(self._commits):
            return None
        return Heard(joined(each.text.strip() for each in known))

    async def _until_understood(self, line: TalkLine) -> Heard | None:
        if self._commits and line.transcribes:
            line.transcribes = await line.until(lambda: self._understood(line) is not None, WORDS_S)
        return self._understood(line)

    async def words(self) -> Heard:
        for attempt in range(1, TRIES + 1):
            try:
                line = await self._lines.line()
                self._commit(line)
                return await self._until_understood(line) or Heard()
            except VoiceError as exc:
                await self._go_on(exc, attempt)
        raise AssertionError("the last attempt has an end")

    async def _go_on(self, exc: VoiceError, attempt: int) -> None:
        """Waits before another connection is tried; raises `exc` where none would help."""
        if attempt == TRIES or not lost(exc):
            raise exc
        log.info("%s: the turn is sent again", exc)
        await asyncio.sleep(PACE.pause(attempt))
