"""The connections of a speech-to-speech conversation: each opened, set up, told what was said before, read and written.

Belongs here: the socket's two ways, which never wait for one another, how a connection ends, and when another takes its
place. Does not belong here: turns and answers (turns), what a message means (protocol), the transport (websocket).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from voicecli.backends.openai.realtime_session import decoded
from voicecli.backends.openai.talking.dialects import Dialect, address, dialect_of, settings, told_by
from voicecli.backends.openai.talking.protocol import (
    AnswerBegun,
    AnswerWords,
    Committed,
    Complained,
    News,
    Over,
    SessionReady,
    Sounds,
    TalkProtocol,
    Void,
)
from voicecli.backends.transport.structured import alongside
from voicecli.backends.transport.websocket import connect
from voicecli.errors import DroppedError, UnreachableError, VoiceError
from voicecli.types import Backend, ChatMessage, Picture, TalkOptions

if TYPE_CHECKING:
    from voicecli.backends.transport.websocket import Socket

GREETING_S, READY_S = 2.0, 10.0
"""How long a service may take to greet, and to take its settings; one that says nothing is taken to have."""
UNREAD = 256
RENEWED_S = 300.0
"""A session is renewed, between two turns, so long before its end."""

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class TalkLine:
    """`run` it. `ready` is done when it is set up, or has failed; `ended` says why it is over.

    `news` are what the answer in work is told, all of it while somebody is `attached`. `commits` are the items that the
    person's sound became, in order; those of `void_commits` are to go as soon as they are there. `calls` are those that
    were made on it, `shown` the pictures that it was sent.
    """

    backend: Backend
    options: TalkOptions
    history: Sequence[ChatMessage]
    protocol: TalkProtocol = field(init=False)
    ready: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    ended: VoiceError | None = None
    news: asyncio.Queue[News | VoiceError] = field(default_factory=asyncio.Queue)
    commits: list[str] = field(default_factory=list)
    sent_commits: int = 0
    void_commits: set[int] = field(default_factory=set)
    calls: set[str] = field(default_factory=set)
    shown: list[Picture] = field(default_factory=list)
    attached: bool = False
    transcribes: bool = True
    """Whether it still may be that the service tells what it understood."""
    opened_at: float = 0.0
    listener: Callable[[News], None] = lambda _news: None
    """Is told of everything that comes."""
    _out: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _set_up: bool = False

    @property
    def open(self) -> bool:
        """Whether it can be used now."""
        return self.ready.done() and self.ended is None

    def send(self, messages: Iterable[str]) -> None:
        """Queues messages: they are sent as soon as the service takes them."""
        for message in messages:
            self._out.put_nowait(message)

    def forget(self, commits: list[int]) -> None:
        """Voids what the person said in these commits, whether their items are known yet or not; empties the list."""
        for at in commits:
            if at < len(self.commits):
                self.send(self.protocol.delete(self.commits[at]))
            else:
                self.void_commits.add(at)
        commits.clear()

    def show(self, pictures: Iterable[Picture]) -> None:
        """Sends those pictures that the service was not sent yet."""
        new = [each for each in pictures if each not in self.shown]
        self.shown += new
        self.send(map(self.protocol.show, new))

    async def until(self, true: Callable[[], bool], within_s: float) -> bool:
        """Whether something became true in time. Raises why the line ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not true():
                    if self.ended is not None:
                        raise self.ended
                    self._changed.clear()
                    await self._changed.wait()
        return true()

    # -- the connection ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Converses until the connection ends. Raises nothing: `ended` tells why."""
        try:
            await self._converse()
        except VoiceError as exc:
            self.ended = exc
        finally:
            self.ended = self.ended or DroppedError(
                "the connection was closed", who=self.backend.name, cure="Try again"
            )
            self.news.put_nowait(self.ended)
            self._changed.set()
            if not self.ready.done():
                self.ready.set_result(None)

    async def _converse(self) -> None:
        known = dialect_of(self.backend)
        key = self.backend.key
        headers = {known.key_header: key.reveal()} if known and known.key_header and key else None
        url = address(self.backend.talk_url, self.options.model or self.backend.talk_model)
        async with connect(self.backend, url, headers=headers, verb="converse", max_queue=UNREAD) as socket:
            greeting = await self._greeting(socket)
            dialect = known or told_by(decoded(greeting) if greeting else {})
            self.protocol = TalkProtocol(dialect, socket.service.error)
            try:
                self._take(greeting)
                self._introduce(dialect.hears)
                async with alongside(self._write(socket), socket.watched()):
                    await self._read(socket)
            except VoiceError as exc:
                raise socket.service.own(exc) from exc.__cause__

    async def _greeting(self, socket: Socket) -> str | bytes | None:
        with suppress(TimeoutError):
            async with asyncio.timeout(min(GREETING_S, self.backend.timeout_s)):
                if (greeting := await socket.receive()) is None:
                    raise DroppedError("closed the connection at once", who=socket.who, cure="Check talk_url")
                return greeting
        return None

    def _introduce(self, transcriber: str) -> None:
        """Sends the settings, then what was said before."""
        protocol, backend = self.protocol, self.backend
        transcriber = backend.transcribe_model if backend.transcribe_model and transcriber else transcriber
        session = settings(protocol.dialect, self.options, transcriber, backend.extra_for("talk"))
        self._set_up = True
        self.send([protocol.set_up(session)])
        self.send(protocol.say(each.role, each.content) for each in self.history if each.role != "system")

    async def _write(self, socket: Socket) -> None:
        """Sends what is queued. What fails is raised on the reading side."""
        while await socket.offer(await self._out.get()):
            pass

    async def _read(self, socket: Socket) -> None:
        until: float | None = asyncio.get_running_loop().time() + min(READY_S, self.backend.timeout_s)
        while True:
            try:
                async with asyncio.timeout_at(until):
                    message = await socket.receive()
            except TimeoutError:
                until = None
                self._be_ready()
                continue
            if message is None:
                raise DroppedError("closed the connection", cure="Try again")
            self._take(message)
            until = None if self.ready.done() else until

    def _take(self, message: str | bytes | None) -> None:
        for each in self.protocol.receive(message) if message is not None else ():
            self._tell(each)
        self._changed.set()

    def _tell(self, news: News) -> None:
        match news:
            case SessionReady():
                self._be_ready()
            case Complained() if not self.ready.done():
                raise news.error
            case AnswerBegun() if (answer := self.protocol.answer) is not None and answer.unwanted:
                self.send(self.protocol.cancel(void=answer.void))
            case Void():
                for item in news.items:
                    self.send(self.protocol.delete(item))
            case Committed() if self.options.turns == "client" and len(self.commits) == self.sent_commits:
                return  # nobody asked for it
            case Committed():
                self.commits.append(news.item)
                if len(self.commits) - 1 in self.void_commits:
                    self.send(self.protocol.delete(news.item))
        self.listener(news)
        if self.attached or isinstance(news, AnswerBegun | AnswerWords | Sounds | Over):
            self.news.put_nowait(news)

    def _be_ready(self) -> None:
        if not self.ready.done() and self._set_up:
            self.opened_at = asyncio.get_running_loop().time()
            self.ready.set_result(None)

    async def prepared(self) -> None:
        """Returns once it can be used. Raises why not."""
        await asyncio.shield(self.ready)
        if self.ended is not None:
            raise self.ended


def lost(error: VoiceError) -> bool:
    """Whether another connection may do better."""
    return isinstance(error, DroppedError | UnreachableError)


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
