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
import contextlib
import ipaddress
import json
import re
import ssl
import unicodedata
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal
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

WORDS = 300
"""How many characters of a service's own words an error repeats."""

_KEY_CURE = "Check the key and what it may be used for"
_STATUS: dict[int, tuple[type[VoiceError], str]] = {
    401: (RefusedError, _KEY_CURE),
    403: (RefusedError, _KEY_CURE),
    404: (ServiceError, "Check the address: this one has no such WebSocket"),
    407: (UnreachableError, "Check the proxy's name and password"),
    408: (UnreachableError, "Try again"),
    429: (RateLimitedError, "Wait, then try again"),
}
_CLOSED: dict[int, tuple[type[VoiceError], str]] = {
    1013: (RateLimitedError, "Wait, then try again"),
    3000: (RefusedError, _KEY_CURE),
    3003: (RefusedError, _KEY_CURE),
}
_QUOTA_WORDS = re.compile("insufficient_quota")
_REACH_CURE = "Check the address and the network"


class Socket:
    """An open connection. Iterate over it for messages; the end of the iteration is a clean close.

    One task may send while another receives. Messages are `bytes` (binary) or `str` (text).
    """

    def __init__(self, connection: ClientConnection, backend: Backend, who: str) -> None:
        self._connection, self._backend, self.who = connection, backend, who

    async def send(self, message: bytes | str) -> None:
        """Send one message. Waits, at most `timeout_s`, when the peer is slow to read.

        Raises ServiceError (or what the close code says) when the peer has closed, UnreachableError
        when it stopped reading.
        """
        try:
            async with asyncio.timeout(self._backend.timeout_s):
                await self._connection.send(message)
        except TimeoutError as exc:
            raise UnreachableError("stopped reading what it was sent", who=self.who, cure=_REACH_CURE) from exc
        except ConnectionClosed as exc:
            raise self._closed(exc) from exc

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
            raise self._closed(exc) from exc

    def __aiter__(self) -> Socket:
        return self

    async def __anext__(self) -> bytes | str:
        message = await self.receive()
        if message is None:
            raise StopAsyncIteration
        return message

    def _closed(self, exc: ConnectionClosed) -> VoiceError:
        if exc.sent and not exc.rcvd_then_sent and exc.sent.code not in (1000, 1001):
            return ProtocolError(self._words(f"broke the WebSocket protocol: {exc.sent}"), who=self.who)
        if exc.rcvd is None:
            return ServiceError("the connection broke off", who=self.who, cure="Try again")
        error, cure = _CLOSED.get(exc.rcvd.code, (ServiceError, ""))
        reason = f": {exc.rcvd.reason}" if exc.rcvd.reason else ""
        return error(self._words(f"closed the connection with code {exc.rcvd.code}{reason}"), who=self.who, cure=cure)

    def _words(self, text: str) -> str:
        return told(text, self._backend)

    async def close(self) -> None:
        """Close politely, or cut the connection when that takes longer than `CLOSE_S`."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._connection.close()
        except TimeoutError:
            pass
        finally:
            self._connection.transport.abort()


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
    authorization: bool = True,
    max_size: int = MESSAGE_BYTES,
    ping_interval: float | None = None,
    max_queue: int = 8,
) -> AsyncIterator[Socket]:
    """Open a socket to `url` (ws, wss, or http and https, which become those); close it on leaving.

    Sends the backend's key as a bearer token (unless `authorization` is False), its own headers, then
    `headers`. `ping_interval` (s) watches a quiet peer; None sends no pings, for servers that answer
    none. Raises UnreachableError, RefusedError, RateLimitedError, ServiceError, ConfigError.
    """
    url, who = socket_url(url), f"{backend.name} ({urlsplit(url).hostname})"
    try:
        connection = await _Connect(
            url,
            additional_headers=_headers(backend, headers or {}, authorization),
            proxy=_proxy(backend, url),
            compression=None,
            open_timeout=backend.connect_timeout_s,
            close_timeout=CLOSE_S,
            ping_interval=ping_interval,
            max_size=max_size,
            max_queue=max_queue,
        )
    except (OSError, InvalidHandshake, InvalidURI, InvalidProxy, ValueError, EOFError) as exc:
        raise _refusal(exc, backend, who) from exc
    socket = Socket(connection, backend, who)
    try:
        yield socket
    finally:
        await socket.close()


def socket_url(url: str) -> str:
    """`url` with a WebSocket's scheme: http becomes ws, https becomes wss. Raises ConfigError."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise ConfigError(f"{told(url)!r} is no address of a WebSocket", cure="Write wss://host/path")
    return urlunsplit(parts._replace(scheme=scheme))


def told(text: str, backend: Backend | None = None) -> str:
    """A service's own words, safe to print: no control or invisible characters, keys masked, cut."""
    if backend and backend.key:
        text = text.replace(backend.key.reveal(), "****")
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co") else c for c in text[:8000])
    text = " ".join(text.split())
    return text if len(text) <= WORDS else text[: WORDS - 1] + "…"


def is_loopback(host: str | None) -> bool:
    """Whether `host` (a name or an address) is this machine."""
    if host is None or host == "localhost" or host.endswith(".localhost"):
        return host is not None
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _proxy(backend: Backend, url: str) -> str | Literal[True] | None:
    """What the library is told: an address, True for what the system says, None for none."""
    if is_loopback(urlsplit(url).hostname):
        return None
    return backend.proxy or True


def _headers(backend: Backend, headers: Mapping[str, str], authorization: bool) -> dict[str, str]:
    key = {"Authorization": f"Bearer {backend.key.reveal()}"} if authorization and backend.key else {}
    merged = key | dict(backend.headers) | dict(headers)
    for name, value in merged.items():
        # A line break would let a value (a voice's name, say) write headers of its own.
        if not (name.isascii() and value.isascii() and name.isprintable() and value.isprintable()):
            raise ConfigError(f"the header {told(name)!r} would hold more than printable ASCII", who=backend.name)
    return merged


def _refusal(exc: Exception, backend: Backend, who: str) -> VoiceError:
    """Our error for a connection that did not come about. The most telling type first."""
    for kind, error in _REFUSALS:
        if isinstance(exc, kind):
            return error(exc, backend, who)
    return ServiceError(told(f"the WebSocket handshake failed: {exc}", backend), who=who)


def _status(exc: Any, backend: Backend, who: str) -> VoiceError:
    response = exc.response
    words = told(error_words(bytes(response.body or b"")), backend)
    error, cure = _STATUS.get(response.status_code, (ServiceError, ""))
    if error is RateLimitedError and _QUOTA_WORDS.search(words):
        error, cure = RefusedError, "The quota is used up: see the service's billing page"
    what = f"answered {response.status_code}" + (f": {words}" if words else "")
    return error(what, who=who, cure=cure, retry_after=_seconds(response.headers.get("retry-after", "")))


def error_words(body: bytes) -> str:
    """The sentence in an error's body: JSON's message, detail or error, or the text without tags."""
    text = body[:65536].decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return re.sub(r"<[^<>]{0,500}>", " ", text)
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and found.get(name):
            found = found[name]
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def _seconds(value: str) -> float | None:
    return float(value) if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", value.strip()) else None


def _invalid(exc: Any, backend: Backend, who: str) -> VoiceError:
    if isinstance(exc.__cause__, EOFError):
        return UnreachableError("closed the connection instead of answering", who=who, cure=_REACH_CURE)
    return ProtocolError("answered something else than HTTP", who=who, cure=_REACH_CURE)


def _tls(exc: Any, backend: Backend, who: str) -> VoiceError:
    return UnreachableError(told(f"no safe connection: {exc}", backend), who=who, cure="Check the address")


def _time_out(exc: Any, backend: Backend, who: str) -> VoiceError:
    seconds = f"{backend.connect_timeout_s:g} s"
    return UnreachableError(f"no connection within {seconds}", who=who, cure=_REACH_CURE)


def _network(exc: Any, backend: Backend, who: str) -> VoiceError:
    return UnreachableError(told(f"no connection: {exc}", backend), who=who, cure=_REACH_CURE)


def _proxy_failed(exc: Any, backend: Backend, who: str) -> VoiceError:
    return UnreachableError(told(f"the proxy failed: {exc}", backend), who=who, cure="Check the proxy")


def _bad_setting(exc: Any, backend: Backend, who: str) -> VoiceError:
    return ConfigError(told(getattr(exc, "msg", str(exc)), backend), who=who, cure="Check the address and the proxy")


_REFUSALS: tuple[tuple[type[Exception], Callable[[Any, Backend, str], VoiceError]], ...] = (
    (InvalidStatus, _status),
    (InvalidMessage, _invalid),
    (ProxyError, _proxy_failed),
    (InvalidURI, _bad_setting),
    (InvalidProxy, _bad_setting),
    (ssl.SSLError, _tls),
    (TimeoutError, _time_out),
    (EOFError, _network),
    (OSError, _network),
)
