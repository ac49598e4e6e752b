"""Realtime transcription over a WebSocket: the pump between frames and a session.

Belongs here: connecting, sending and receiving beside each other, deadlines. Does not belong here: what
a message means (realtime_session), or the transport (websocket).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from voicecli.backends.openai.part import OpenAIPart
from voicecli.backends.openai.realtime_session import RealtimeSession
from voicecli.backends.samples import check_frame
from voicecli.backends.transport.reopening import reopened
from voicecli.backends.transport.structured import alongside
from voicecli.errors import ConfigError, UnreachableError, VoiceError
from voicecli.ports import Stream
from voicecli.types import AudioFrame, TranscribeOptions, Transcript

if TYPE_CHECKING:
    from voicecli.backends.transport.websocket import Socket

_GREETING_S = 2.0
"""How long a server may take to greet; one that does not speaks OpenAI's dialect."""


class Realtime(OpenAIPart):
    """`LiveTranscriber` of services that have it; `live_url` says where."""

    def transcribe_live(self, frames: AsyncIterator[AudioFrame], options: TranscribeOptions) -> Stream[Transcript]:
        """Raises ConfigError without `live_url` or a model, ServiceError for a transcript that breaks off."""
        backend = self._backend
        if not backend.live_url:
            raise ConfigError(
                f"[backends.{backend.name}] has no realtime address", cure="Set live_url to wss://…/realtime"
            )
        return reopened(lambda taped: self._conversed(taped, options), frames)

    @asynccontextmanager
    async def _conversed(
        self, frames: AsyncIterator[AudioFrame], options: TranscribeOptions
    ) -> AsyncIterator[AsyncIterator[Transcript]]:
        """One session over one connection."""
        from voicecli.backends.transport.websocket import connect

        backend, model = self._backend, self._model(options.model, "transcribe_model")
        hints = {"language": self._language(options.language), "prompt": options.prompt}
        extra = backend.extra_for("transcribe").get("realtime")
        async with connect(backend, address(backend.live_url)) as socket:
            session = RealtimeSession(
                model, socket.service.error, **hints, extra=extra if isinstance(extra, Mapping) else None
            )
            pump = _Pump(socket, session)
            await pump.greet()
            async with alongside(pump.send(frames), socket.watched()), aclosing(pump.heard()) as transcripts:
                yield transcripts


class _Pump:
    """Carries a session's messages to and from a socket: two ways that never wait for one another."""

    def __init__(self, socket: Socket, session: RealtimeSession) -> None:
        self._socket, self._session = socket, session
        self._timeout_s = socket.service.backend.timeout_s
        self._clock = asyncio.get_running_loop().time
        self._deadline: float | None = None
        self._wait: asyncio.Timeout | None = None

    async def greet(self) -> None:
        """Hear what the server says first, and say what this session is."""
        greeting = None
        with suppress(TimeoutError):
            async with asyncio.timeout(_GREETING_S):
                greeting = await self._socket.receive()
        with self._named():
            await self._send(self._session.start(greeting))

    async def send(self, frames: AsyncIterator[AudioFrame]) -> None:
        """The sound, then the end. A lost connection is left to `heard` to tell of."""
        try:
            async for frame in frames:
                check_frame(frame, self._socket.who)
                await self._send(self._session.feed(frame.pcm))
            await self._send(self._session.finish())
        except VoiceError:
            if not self._socket.closed:
                raise
        self._hurry()

    def _hurry(self) -> None:
        """All is sent: from now on the server is not waited for without end."""
        self._deadline = self._clock() + (0 if self._session.final else self._timeout_s)
        if self._wait is not None and not self._wait.expired():
            self._wait.reschedule(self._deadline)

    async def heard(self) -> AsyncGenerator[Transcript, None]:
        """The text so far whenever it changes, then the final one. Raises what the session raises."""
        session = self._session
        while session.final is None:
            try:
                async with asyncio.timeout_at(self._deadline) as self._wait:
                    message = await self._socket.receive()
            except TimeoutError:
                if session.final is not None:
                    break
                what = f"sent nothing for {self._timeout_s:g} s"
                raise UnreachableError(what, who=self._socket.who, cure="Try again") from None
            with self._named():
                found = session.receive(message) if message is not None else session.closed()
            if found is not None and not found.final:
                yield found
        yield session.final

    async def _send(self, messages: Iterable[str]) -> None:
        for message in messages:
            await self._socket.send(message)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Errors of the session get the service's name, and lose its key."""
        try:
            yield
        except VoiceError as exc:
            raise self._socket.service.own(exc) from exc.__cause__


def address(url: str) -> str:
    """The address of a realtime transcription; a bare `…/realtime` says what it is for."""
    parts = urlsplit(url)
    if parts.path.endswith("/realtime") and not parts.query:
        parts = parts._replace(query="intent=transcription")
    return urlunsplit(parts)
