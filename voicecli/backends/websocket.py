"""The one door to WebSocket services: connect, send, receive, close, and every failure as one of ours.

Belongs here: the transport, and the table from the library's failures to our errors. Does not belong
here: what a message means (each family's own room), or the retry of a whole request.

A socket is left within a second, whatever the peer does: a polite close has half a second, then the
connection is cut. There is no compression (a small frame could expand without limit), messages are
bounded in size, redirects are refused (they would carry the key to another host), and a loopback
host is never asked for through a proxy.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import httpx
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
from websockets.protocol import State

from voicecli import __version__
from voicecli.backends.http import PLACEHOLDER_KEY, HttpService, is_loopback
from voicecli.backends.wording import clean, complaint_of, retry_after
from voicecli.errors import (
    ConfigError,
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

CLOSE_S = 0.5
"""How long a polite close may take before the connection is cut."""

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_KEY = "Check the key and what it may be used for"
_REACH = "Check the address and the network"
_CLOSED: dict[int, tuple[type[VoiceError], str]] = {
    1013: (RateLimitedError, "Wait, then try again"),
    3000: (RefusedError, _KEY),
    3003: (RefusedError, _KEY),
}
"""What a close code means, where it is more than a failure."""


class Socket:
    """An open connection. Iterate over it for messages; the end of the iteration is a clean close.

    One task may send while another receives. Messages are `bytes` (binary) or `str` (text). `service`
    holds the words for errors: `who`, `masked(text)`, `error(complaint)`.
    """

    def __init__(self, connection: ClientConnection, service: HttpService) -> None:
        self._connection, self.service, self.who = connection, service, service.who

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

        Raises ServiceError for a connection that broke, naming code and reason, or what the table of
        close codes says; ProtocolError when the peer broke the WebSocket protocol or sent too much.
        """
        try:
            return await self._connection.recv()
        except ConnectionClosedOK:
            return None
        except ConnectionClosed as exc:
            raise self._ended(exc) from exc

    def __aiter__(self) -> Socket:
        return self

    async def __anext__(self) -> bytes | str:
        message = await self.receive()
        if message is None:
            raise StopAsyncIteration
        return message

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
            return ServiceError("the connection broke off", who=self.who, cure="Try again")
        error, cure = _CLOSED.get(exc.rcvd.code, (ServiceError, ""))
        reason = f": {exc.rcvd.reason}" if exc.rcvd.reason else ""
        return error(self._words(f"closed the connection with code {exc.rcvd.code}{reason}"), who=self.who, cure=cure)

    def _words(self, text: str) -> str:
        return clean(self.service.masked(text))


class _Connection(ClientConnection):
    """The library's connection, which waits for ever when a peer that is done does not hang up."""

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
    max_size: int = MESSAGE_BYTES,
    max_queue: int = 8,
    ping_interval: float | None = None,
) -> AsyncIterator[Socket]:
    """Open a socket to `url` (ws, wss, or http and https, which become those); close it on leaving.

    Sends the backend's key as a bearer token, its own headers, then `headers`. `max_size` bounds a
    message (bytes), `max_queue` how many wait unread. `ping_interval` (s) watches a quiet peer; None
    sends no pings, for servers that answer none. Raises UnreachableError, RefusedError,
    RateLimitedError, ServiceError (an HTTP status is kept as `status`), ConfigError.
    """
    url = socket_url(url)
    service = HttpService(backend, url.replace("ws", "http", 1))
    secure = url.startswith("wss:")
    try:
        connection = await _Connect(
            url,
            additional_headers=_headers(backend, headers or {}),
            user_agent_header=f"voicecli/{__version__}",
            ssl=await asyncio.to_thread(_trusting) if secure else None,
            proxy=_proxy(backend, service.host),
            compression=None,
            open_timeout=backend.connect_timeout_s,
            close_timeout=CLOSE_S,
            ping_interval=ping_interval,
            max_size=max_size,
            max_queue=max_queue,
            create_connection=_Connection,
        )
    except (OSError, InvalidHandshake, InvalidURI, InvalidProxy, ValueError, EOFError, ImportError) as exc:
        raise _refusal(exc, service) from exc
    socket = Socket(connection, service)
    try:
        yield socket
    finally:
        await socket.close()


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


@functools.cache
def _trusting() -> ssl.SSLContext:
    """What we trust over TLS: the same as over HTTP."""
    return httpx.create_ssl_context()


def _proxy(backend: Backend, host: str) -> str | Literal[True] | None:
    """What the library is told: an address, True for what the environment names, None for none."""
    return backend.proxy or (None if is_loopback(host) else True)


def _headers(backend: Backend, headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        # A line break would let a value (a voice's name, say) write headers of its own.
        if not (value.isascii() and value.isprintable()):
            raise ConfigError(f"the header {name} would hold more than printable ASCII", who=backend.name)
    key = backend.key.reveal() if backend.key else PLACEHOLDER_KEY
    ordered = {"Authorization": f"Bearer {key}", **backend.headers, **headers}
    # A name counts once, however it is written; the later one wins.
    return dict({name.lower(): (name, value) for name, value in ordered.items()}.values())


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


def _proxy_failed(exc: ProxyError, service: HttpService) -> VoiceError:
    words = clean(service.masked(str(exc)))
    return UnreachableError(f"the proxy failed: {words}", who=service.who, cure="Check the proxy")


def _time_out(exc: TimeoutError, service: HttpService) -> VoiceError:
    seconds = f"{service.backend.connect_timeout_s:g} s"
    return UnreachableError(f"no connection within {seconds}", who=service.who, cure=_REACH)


def _unusable(exc: Exception, service: HttpService) -> VoiceError:
    return ConfigError(
        "the address or the proxy cannot be used", who=service.who, cure="Give an http:// proxy, or none"
    )


_REFUSALS: tuple[tuple[type[Exception], Callable[[Any, HttpService], VoiceError]], ...] = (
    (InvalidStatus, _status),
    (InvalidMessage, _invalid),
    (ProxyError, _proxy_failed),
    (InvalidURI, _unusable),
    (InvalidProxy, _unusable),
    (ImportError, _unusable),
    (TimeoutError, _time_out),
    (OSError, lambda exc, service: service.foreign(exc)),
    (EOFError, lambda exc, service: service.foreign(exc)),
)
"""Who explains which failure, the most telling first."""
