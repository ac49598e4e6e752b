"""The one door to WebSocket services: connect, send, receive, close, and every failure as one of ours.

Belongs here: the transport, and the table from the library's failures to our errors. Does not belong
here: what a message means (each family's own room), the headers and whom to trust (door), what is tried
again (retry), or going on after a connection that dropped (reopening).

Only the opening is tried again here: nothing but the handshake has been sent then. A socket is left within
a second, whatever the peer does: a polite close has half a second, then the connection is cut. There is no
compression (a small frame could expand without limit), messages are bounded in size, redirects are refused
(they would carry the key to another host), and a loopback host is never asked for through a proxy.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as _library_connect
from websockets.exceptions import (
    ConnectionClosed,
    ConnectionClosedOK,
    InvalidHandshake,
    InvalidMessage,
    InvalidProxy,
    InvalidStatus,
    InvalidURI,
    ProxyError,
)
from websockets.frames import DATA_OPCODES, CloseCode, Frame
from websockets.protocol import State

from voicecli.backends.transport import door
from voicecli.backends.transport.faults import Failure, happening_in
from voicecli.backends.transport.http import HttpService
from voicecli.backends.transport.proxies import needs_socks
from voicecli.backends.transport.retry import Happening, happening_of, rule_for
from voicecli.backends.transport.trust import trusting
from voicecli.backends.transport.wording import clean, complaint_of, retry_after
from voicecli.errors import (
    ConfigError,
    DroppedError,
    ProtocolError,
    RateLimitedError,
    RefusedError,
    ServiceError,
    UnreachableError,
    VoiceError,
)
from voicecli.types import Backend

MESSAGE_BYTES = 16 * 2**20
"""The largest message that is taken from a peer."""

FRAGMENTS = 10_000
"""Frames that one message may come in: of empty ones there would be no end below its size."""

SOCKET_BYTES, MESSAGES = 1 << 30, 4_000_000
"""The most that one connection may bring, in bytes and in messages."""

CLOSE_S = 0.5
"""How long a polite close may take before the connection is cut."""

PING_S, PONG_S = 2.0, 4.0
"""How often a watched peer is sent a ping, and how long its answer may take."""

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_KEY = "Check the key and what it may be used for"
_REACH = "Check the address and the network"
_CLOSED: dict[int, tuple[type[VoiceError], str]] = {
    1001: (DroppedError, "Try again"),
    1012: (DroppedError, "Try again"),
    1013: (RateLimitedError, "Wait, then try again"),
    3000: (RefusedError, _KEY),
    3003: (RefusedError, _KEY),
}
"""What a close code means, where it is more than a failure."""


class Socket:
    """An open connection.

    One task may send while another receives. Messages are `bytes` (binary) or `str` (text). `service`
    holds the words for errors: `who`, `masked(text)`, `error(complaint)`.
    """

    def __init__(self, connection: ClientConnection, service: HttpService, until: float = math.inf) -> None:
        self._connection, self.service, self.who = connection, service, service.who
        self._until = until if until < math.inf else None
        self._received, self._bytes, self._gone = 0, 0, False

    @property
    def closed(self) -> bool:
        """Whether the connection has ended or is about to. What had arrived can still be received."""
        return self._connection.state is not State.OPEN

    async def send(self, message: bytes | str) -> None:
        """Send one message. Waits, at most `timeout_s`, when the peer is slow to read.

        Raises ServiceError (or what the close code says) when the peer has closed, UnreachableError
        when it stopped reading.
        """
        try:
            async with asyncio.timeout(self.service.backend.timeout_s):
                await self._connection.send(message)
        except TimeoutError as exc:
            raise UnreachableError("stopped reading what it was sent", who=self.who, cure=_REACH) from exc
        except ConnectionClosed as exc:
            raise self._ended(exc) from exc

    async def offer(self, message: bytes | str) -> bool:
        """As `send`, but False instead of an error when the peer has closed: `receive` then tells why."""
        try:
            await self.send(message)
        except VoiceError:
            if not self.closed:
                raise
            return False
        return True

    async def receive(self) -> bytes | str | None:
        """The next message, or None when the peer has closed in good order. Safe to cancel.

        Raises DroppedError for a connection that broke, ServiceError for one that was closed, naming
        code and reason, or what the table of close codes says; ProtocolError when the peer broke the
        WebSocket protocol or sent too much, in one message or in all; UnreachableError when the total
        deadline has passed.
        """
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._connection.recv()
        except TimeoutError as exc:
            raise self.service.overdue() from exc
        except ConnectionClosedOK:
            return None
        except ConnectionClosed as exc:
            raise self._ended(exc) from exc
        self._received, self._bytes = self._received + 1, self._bytes + len(message)
        if self._bytes > SOCKET_BYTES or self._received > MESSAGES:
            raise ProtocolError(f"sent more than {SOCKET_BYTES:,} bytes, or {MESSAGES:,} messages", who=self.who)
        return message

    async def watched(self) -> None:
        """Until the connection ends: cut it when a peer that has answered pings answers nothing any more.

        To be run beside the work. A peer that answers no ping at all is left alone: some never do.
        """
        answers = False
        while not self.closed:
            before = self._received
            try:
                pong = await self._connection.ping()
                async with asyncio.timeout(PONG_S):
                    await pong
                answers = True
            except ConnectionClosed:
                return
            except TimeoutError:
                if answers and self._received == before:
                    self._gone = True
                    self._connection.transport.abort()
                    return
            await asyncio.sleep(PING_S)

    async def close(self) -> None:
        """Close politely, or cut the connection when that takes longer than `CLOSE_S`."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._connection.close()
        except TimeoutError:
            pass
        finally:
            self._connection.transport.abort()

    def _ended(self, exc: ConnectionClosed) -> VoiceError:
        if exc.sent and not exc.rcvd_then_sent and exc.sent.code not in (1000, 1001):
            return ProtocolError(self._words(f"broke the WebSocket protocol: {exc.sent}"), who=self.who)
        if exc.rcvd is None:
            what = f"answered nothing for {PONG_S:g} s, not even a ping" if self._gone else "the connection broke off"
            return DroppedError(what, who=self.who, cure="Try again")
        error, cure = _CLOSED.get(exc.rcvd.code, (ServiceError, ""))
        reason = f": {exc.rcvd.reason}" if exc.rcvd.reason else ""
        return error(self._words(f"closed the connection with code {exc.rcvd.code}{reason}"), who=self.who, cure=cure)

    def _words(self, text: str) -> str:
        return clean(self.service.masked(text))


class _Connection(ClientConnection):
    """The library's connection, which waits for ever when a peer that is done does not hang up.

    It also bounds a message's size, but not the number of its frames.
    """

    _fragments = 0

    def process_event(self, event: Any) -> None:
        super().process_event(event)
        if not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
            return
        self._fragments = 0 if event.fin else self._fragments + 1
        if self._fragments > FRAGMENTS:
            self.protocol.fail(CloseCode.MESSAGE_TOO_BIG, f"more than {FRAGMENTS} frames")
            self.send_data()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.protocol.state is State.CLOSING:
            self.loop.call_later(CLOSE_S, self.transport.abort)


class _Connect(_library_connect):
    """The library's connect, without redirects."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


@asynccontextmanager
async def connect(
    backend: Backend,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    max_queue: int = 8,
    verb: str = "transcribe_live",
    alone: bool = True,
) -> AsyncIterator[Socket]:
    """Open a socket to `url` (ws, wss, or http and https, which become those); close it on leaving.

    Sends the backend's key as a bearer token, its own headers, then `headers`. `max_queue` bounds how many
    messages wait unread. Only `Socket.watched` sends pings: some servers answer none. `verb` tells the total
    deadline (retry), `alone` that there is no other address. Raises UnreachableError, RefusedError,
    RateLimitedError, ServiceError (its `status` is that of HTTP), ConfigError.
    """
    url = socket_url(url)
    service = HttpService(backend, url.replace("ws", "http", 1), alone=alone)
    settings: dict[str, Any] = {
        "additional_headers": door.headers_for(backend, more=headers),
        "user_agent_header": door.USER_AGENT,
        "ssl": await asyncio.to_thread(trusting) if url.startswith("wss:") else None,
        "proxy": proxy.remote if (proxy := service.find_proxy()) else None,
        "open_timeout": backend.connect_timeout_s,
        "max_size": MESSAGE_BYTES,
        "max_queue": max_queue,
    }
    connection = await _opened(service, url, settings)
    until = asyncio.get_running_loop().time() + rule_for(verb).patience * backend.timeout_s
    socket = Socket(connection, service, until)
    try:
        yield socket
    finally:
        await socket.close()


async def _opened(service: HttpService, url: str, settings: Mapping[str, Any]) -> ClientConnection:
    """A connection. Any verb may try again: a handshake that failed has sent nothing that matters."""

    async def attempt() -> ClientConnection | Failure:
        try:
            return await _Connect(
                url,
                compression=None,
                close_timeout=CLOSE_S,
                ping_interval=None,
                create_connection=_Connection,
                **settings,
            )
        except _FOREIGN as exc:
            error = _refusal(exc, service)
            return Failure(error, exc, _happening(exc, error))

    what = f"WebSocket {service.shown(url)}"
    return await service.repeated(what, "transcribe_live", attempt, lambda _connection: "open")


_FOREIGN = (OSError, InvalidHandshake, InvalidURI, InvalidProxy, ValueError, EOFError, ImportError)


def _happening(exc: Exception, error: VoiceError) -> Happening:
    """What a failed opening means for another attempt."""
    if isinstance(error, RefusedError | ConfigError):
        return "final"
    if error.status:
        return happening_of(error.status)
    if isinstance(exc, InvalidMessage):
        return "lost" if isinstance(exc.__cause__, EOFError) else "final"
    return "unreached" if isinstance(exc, TimeoutError) else happening_in(exc)


def socket_url(url: str) -> str:
    """`url` with a WebSocket's scheme: http becomes ws, https becomes wss. Raises ConfigError."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _SCHEMES and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigError(f"{clean(url, 100)!r} is no address of a WebSocket", cure="Write wss://host/path")
    return urlunsplit(parts._replace(scheme=_SCHEMES[parts.scheme]))


def _refusal(exc: Exception, service: HttpService) -> VoiceError:
    """Our error for a connection that did not come about."""
    for kind, error in _REFUSALS:
        if isinstance(exc, kind):
            return error(exc, service)
    words = clean(service.masked(str(exc)))
    return ProtocolError(f"the WebSocket handshake failed: {words}", who=service.who, cure=_REACH)


def _status(exc: InvalidStatus, service: HttpService) -> VoiceError:
    response = exc.response
    complaint = complaint_of(bytes(response.body or b""), response.headers.get("content-type", ""))
    # The library raises on reading a header that came twice: so they are read raw.
    headers = {name.lower(): value for name, value in response.headers.raw_items()}
    error = service.error(complaint, response.status_code, retry_after(headers, datetime.now(UTC)))
    error.status = response.status_code
    return error


def _invalid(exc: InvalidMessage, service: HttpService) -> VoiceError:
    if isinstance(exc.__cause__, EOFError):
        return UnreachableError("closed the connection without an answer", who=service.who, cure=_REACH)
    return ProtocolError("answered something that is no HTTP", who=service.who, cure=_REACH)


def _time_out(exc: TimeoutError, service: HttpService) -> VoiceError:
    seconds = f"{service.backend.connect_timeout_s:g} s"
    return UnreachableError(f"no connection within {seconds}", who=service.who, cure=_REACH)


def _unusable(exc: Exception, service: HttpService) -> VoiceError:
    return ConfigError(
        "the address or the proxy cannot be used", who=service.who, cure="Give an http:// proxy, or none"
    )


_REFUSALS: tuple[
    tuple[type[Exception] | tuple[type[Exception], ...], Callable[[Any, HttpService], VoiceError]], ...
] = (
    (InvalidStatus, _status),
    (InvalidMessage, _invalid),
    (ProxyError, lambda exc, service: service.proxy_failed(str(exc))),
    ((InvalidURI, InvalidProxy), _unusable),
    (ImportError, lambda _exc, service: needs_socks(service.who, service.find_proxy())),
    (TimeoutError, _time_out),
    ((OSError, EOFError), lambda exc, service: service.foreign(exc)),
)
"""Who explains which failure, the most telling first."""
