"""The connections of one speech-to-speech conversation, one after the other.

Belongs here: opening one where there is none, replacing one that ends soon. Does not belong here: what passes on one
(line), turns.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from voicecli.backends.openai.talking.dialects import Dialect, dialect_of
from voicecli.backends.openai.talking.line import TalkLine
from voicecli.backends.openai.talking.protocol import News
from voicecli.types import Backend, ChatMessage, Picture, TalkOptions

RENEWED_S = 300.0
"""A session is renewed, between two turns, so long before its end."""

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class TalkLines:
    """`one` is held while an answer is made; `owner` is the turn whose sound the service holds uncommitted.

    `pictures` go with what is said next, on whatever line.
    """

    backend: Backend
    options: TalkOptions
    rate: int
    history: Callable[[], Sequence[ChatMessage]]
    tasks: asyncio.TaskGroup
    listener: Callable[[TalkLine, News], None] = lambda _line, _news: None
    one: asyncio.Lock = field(default_factory=asyncio.Lock)
    owner: object = None
    pictures: tuple[Picture, ...] = ()
    _line: TalkLine | None = None
    _task: asyncio.Task[None] | None = None

    @property
    def dialect(self) -> Dialect | None:
        """How the service is spoken to, as far as that is known."""
        return self.now.protocol.dialect if self.now is not None else dialect_of(self.backend)

    @property
    def by_service(self) -> bool:
        """Whether the service finds the end of a turn."""
        return self.options.turns == "service"

    @property
    def now(self) -> TalkLine | None:
        """The line, where it can be used at once."""
        return self._line if self._line is not None and self._line.open else None

    async def line(self) -> TalkLine:
        """The line, opened where there is none. Raises why it cannot be."""
        if self._line is None or self._line.ended is not None:
            said = self.history()
            system = "\n\n".join(each.content for each in said if each.role == "system")
            line = self._line = TalkLine(self.backend, replace(self.options, instructions=system), said)
            line.listener = lambda news: self.listener(line, news)
            self._task = self.tasks.create_task(line.run())
        await self._line.prepared()
        return self._line

    async def renew(self) -> None:
        """Replaces the line where it will end soon and nothing is going on. Raises why no other can be opened."""
        line = await self.line()
        age = asyncio.get_running_loop().time() - line.opened_at
        if age > line.protocol.dialect.session_s - RENEWED_S and not self.one.locked() and self.owner is None:
            log.info("the session ends soon: another takes its place")
            self.close()
            await self.line()

    def close(self) -> None:
        """Closes whatever is open."""
        if self._task is not None:
            self._task.cancel()
        self._line = self._task = None
