"""The one door to HTTP services: a client, its key, its limits, and every failure as one of ours.

Belongs here: the transport: connections, proxies, redirects, retries, sizes, and the tables from
foreign failures to our errors. Does not belong here: what a body means (each family's own room).

The key stands in the Authorization header and nowhere else. A redirect is followed on the same
scheme, host and port only, so that it never carries a key elsewhere. A loopback host is never asked
for through a proxy that only the environment names. Bodies are asked for uncompressed, and unpacked
in bounded pieces when a service compresses anyway.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import json
import socket
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast
from urllib.parse import urljoin, urlsplit

import httpx

from voicecli import __version__
from voicecli.backends.sse import LIMIT as LINE_BYTES
from voicecli.backends.sse import Event, Events, Parser, TextLines
from voicecli.backends.wording import Complaint, clean, complaint_in, complaint_of, mask, retry_after
from voicecli.errors import (
    ConfigError,
    InputError,
    ProtocolError,
    RateLimitedError,
    RefusedError,
    ServiceError,
    UnreachableError,
    VoiceError,
)
from voicecli.types import Backend

BODY_BYTES = 32 * 1024 * 1024
"""The largest whole body (JSON, text) that is taken from a service."""

STREAM_BYTES = 1 << 30
"""The most that one streamed body may hold; it is never kept in memory."""

PLACEHOLDER_KEY = "no-key"
"""What stands for a key where there is none: some services refuse an empty one."""

LONGEST_WAIT_S = 5.0
"""A service that asks for more patience than this is not waited for."""

_PAUSES_S = (0.1, 0.4)
_REDIRECTS = 3
_MOVED = "x-voicecli-location"
_ERROR_BYTES = 64 * 1024
_DRAIN_S = 0.05
_KEEPALIVE_S = 120.0
_PIECE = 1 << 18


class HttpService:
    """One address of a backend. An async context manager: leaving it closes every connection.

    `setting` is what messages call the address. `placeholder` stands for a missing key; "" sends none.
    Raises ConfigError at once for an address, key or header that cannot be used.
    """

    def __init__(
        self,
        backend: Backend,
        base_url: str | None = None,
        *,
        setting: str = "base_url",
        placeholder: str = PLACEHOLDER_KEY,
    ) -> None:
        self.backend, self.setting = backend, setting
        self.base_url = _checked(base_url or backend.base_url, backend)
        self.host = urlsplit(self.base_url).hostname or ""
        self.who = f"{backend.name} ({urlsplit(self.base_url).netloc.rpartition('@')[2]})"
        self._headers = _headers(backend, placeholder)
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        context = await asyncio.to_thread(_trusting) if self.base_url.startswith("https:") else None
        self._client = _client(self.backend, self.host, context, self._headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        client, self._client = self._client, None
        if client:
            await client.aclose()

    async def warm(self, path: str = "") -> None:
        """Open a connection ahead of the first request. Never raises for an unreachable service."""
        client = self._opened()
        with suppress(httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError):
            async with asyncio.timeout(self.backend.connect_timeout_s):
                await client.head(self.url(path))

    def url(self, path: str) -> str:
        """`path` under the base address; an absolute URL stays itself only on the base's own host."""
        if "://" not in path:
            return f"{self.base_url}/{path.lstrip('/')}" if path else self.base_url
        if _origin(path) != _origin(self.base_url):
            raise ServiceError(f"names an address elsewhere: {clean(path, 100)}", who=self.who)
        return path

    async def json(self, method: str, path: str, *, limit: int = BODY_BYTES, **body: Any) -> Any:
        """The decoded JSON answer. `body` is as for `stream`. Raises ProtocolError for anything else."""
        async with self.stream(method, path, **body) as reply:
            return await reply.json(limit)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: Mapping[str, Any] | None = None,
        files: Any = None,
        content: bytes | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Reply]:
        """A successful answer as it arrives; leaving the block closes it.

        The bodies are httpx's: `json` an object, `data` form fields (with `files`: multipart),
        `content` bytes. Raises UnreachableError, RefusedError, RateLimitedError, ServiceError.
        """
        body = {"json": json, "data": data, "files": files, "content": content, "params": params, "headers": headers}
        response = await self._answer(method, self.url(path), {k: v for k, v in body.items() if v is not None})
        reply = Reply(self, response)
        try:
            yield reply
        finally:
            await reply.close()

    async def _answer(self, method: str, url: str, body: Mapping[str, Any]) -> httpx.Response:
        """The first success. One place decides what is tried again: see `_again`."""
        pauses = iter(_PAUSES_S)
        while True:
            attempt = await self._attempt(method, url, body)
            if isinstance(attempt, httpx.Response):
                return attempt
            pause = next(pauses, None)
            wait = None if pause is None else attempt.wait(pause)
            if wait is None:
                raise attempt.error from attempt.cause
            await asyncio.sleep(wait)

    async def _attempt(self, method: str, url: str, body: Mapping[str, Any]) -> httpx.Response | _Failure:
        for _ in range(_REDIRECTS + 1):
            try:
                response = await self._opened().send(self._request(method, url, body), stream=True)
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
                return _Failure(self.foreign(exc), exc, unsent=_unanswered(exc))
            if response.is_success:
                return response
            try:
                if _MOVED not in response.headers:
                    return await self._failure(response)
                url = self._redirected(url, response)
            finally:
                await response.aclose()
            method = "GET" if response.status_code == 303 else method
        return _Failure(ServiceError("redirects in a circle", who=self.who, cure=self._named("Check base_url")))

    def _request(self, method: str, url: str, body: Mapping[str, Any]) -> httpx.Request:
        try:
            return self._opened().build_request(method, url, **body)
        except (ValueError, TypeError) as exc:
            raise InputError(f"the request cannot be written: {clean(self.masked(str(exc)))}", who=self.who) from exc

    def _redirected(self, url: str, response: httpx.Response) -> str:
        target = str(response.headers[_MOVED])
        with suppress(ValueError):
            target = urljoin(url, target)
        if _origin(target) == _origin(url):
            return target
        where = clean(self.masked("://".join(_origin(target)[:2])), 100)
        what, cure = f"redirects to {where}, which is not followed", self._named("Check base_url")
        raise ServiceError(what, who=self.who, cure=cure)

    async def _failure(self, response: httpx.Response) -> _Failure:
        body = b""
        with suppress(httpx.HTTPError, VoiceError, TimeoutError):
            async with asyncio.timeout(self.backend.connect_timeout_s):
                async for piece in Reply(self, response).chunks(_ERROR_BYTES):
                    body += piece
        headers = response.headers
        complaint = complaint_of(body, headers.get("content-type", ""))
        error = self.error(complaint, response.status_code, retry_after(headers, datetime.now(UTC)))
        return _Failure(error, should=headers.get("x-should-retry", ""), status=response.status_code)

    def error(self, complaint: Complaint, status: int = 200, wait: float | None = None) -> VoiceError:
        """Our error for what a service complained of, whether by status or inside a 200."""
        kind, cure = _kind(complaint.code, status)
        words = self.masked(complaint.words)
        what = {True: words, False: f"{words} (HTTP {status})"}[status == 200] if words else f"answered HTTP {status}"
        cure = cure.format(key=f"the key from {self.backend.key_source}" if self.backend.key_source else "the key")
        error = kind(what, who=self.who, cure=self._named(cure), retry_after=wait)
        error.status = status
        return error

    def complain(self, data: Any) -> None:
        """Raise what a decoded body says when it is an error object in a successful answer."""
        if isinstance(data, Mapping) and data.get("error"):
            raise self.error(complaint_in(data))

    def protocol_error(self, what: str, body: bytes | str = b"") -> ProtocolError:
        """An error that quotes the beginning of what could not be understood."""
        text = body if isinstance(body, str) else complaint_of(body[:2048]).words
        quoted = clean(self.masked(text), 120)
        return ProtocolError(f"{what}: {quoted!r}" if quoted else what, who=self.who)

    def masked(self, text: str) -> str:
        """`text` without this backend's key and headers' values."""
        key = self.backend.key
        return mask(text, (key.reveal() if key else "", *self.backend.headers.values()))

    def _named(self, cure: str) -> str:
        return cure.replace("base_url", self.setting)

    def foreign(self, exc: BaseException) -> VoiceError:
        """Our error for a failure of the transport."""
        causes = tuple(_chain(exc))
        for types, kind, what, cure in _FOREIGN:
            found = next((c for c in causes if isinstance(c, types)), None)
            if found is not None:
                words = clean(self.masked(getattr(found, "verify_message", "") or str(found)), 160)
                facts = {"backend": self.backend, "host": self.host, "words": words}
                return kind(what.format(**facts), who=self.who, cure=self._named(cure.format(**facts)))
        return UnreachableError(clean(self.masked(str(exc))) or type(exc).__name__, who=self.who)

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            raise RuntimeError("this HttpService is not open")
        return self._client


class Reply:
    """A successful answer whose body is still arriving. Read it once, in one of the ways below.

    Reading raises ServiceError when the connection breaks, UnreachableError when nothing comes for
    `timeout_s`, ProtocolError when a limit is passed. The iterators are plain objects, not
    generators: leaving one in the middle leaves nothing behind.
    """

    def __init__(self, service: HttpService, response: httpx.Response) -> None:
        self._service, self._response = service, response
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._raw = cast(AsyncGenerator[bytes, None], response.aiter_raw())

    def chunks(self, limit: int = STREAM_BYTES) -> AsyncIterator[bytes]:
        """The body in pieces, each as soon as it arrives; at most `limit` bytes together."""
        return _Iterator(self._piece, _Unpacker(self.headers.get("content-encoding", ""), limit), self._service.who)

    def lines(self, limit: int = LINE_BYTES) -> AsyncIterator[str]:
        """The body's lines, without their ends; none longer than `limit` bytes."""
        return _Iterator(self.chunks().__anext__, TextLines(limit), self._service.who)

    def events(self, limit: int = LINE_BYTES) -> AsyncIterator[Event]:
        """The body's server-sent events; none larger than `limit` bytes."""
        return _Iterator(self.chunks().__anext__, Events(limit), self._service.who)

    async def body(self, limit: int = BODY_BYTES) -> bytes:
        """The whole body."""
        whole = bytearray()
        async for piece in self.chunks(limit):
            whole += piece
        return bytes(whole)

    async def json(self, limit: int = BODY_BYTES) -> Any:
        """The body as JSON. Raises ProtocolError when it is none."""
        return self.decoded(await self.body(limit))

    def decoded(self, body: bytes | str) -> Any:
        """`body` as JSON. Raises ProtocolError, quoting its beginning, when it is none."""
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as exc:
            raise self._service.protocol_error("answered something that is no JSON", body) from exc

    async def drain(self) -> None:
        """After the last thing of interest: take the body's end, if it is there, so that the connection lives on."""
        with suppress(TimeoutError, httpx.HTTPError, httpx.StreamError, OSError):
            async with asyncio.timeout(_DRAIN_S):
                async for _ in self._raw:
                    pass

    async def close(self) -> None:
        """Stop reading and, when there was more to come, close the connection."""
        await self._raw.aclose()
        await self._response.aclose()

    async def _piece(self) -> bytes:
        try:
            return await anext(self._raw)
        except httpx.TimeoutException as exc:
            raise self._service.foreign(exc) from exc
        except (httpx.HTTPError, httpx.StreamError, OSError) as exc:
            what = "the connection broke in the middle of the answer"
            raise ServiceError(what, who=self._service.who, cure="Try again") from exc


T = TypeVar("T")


class _Iterator(Generic[T]):
    """What a parser makes of the pieces that `more` brings until it raises StopAsyncIteration."""

    def __init__(self, more: Callable[[], Awaitable[bytes]], parser: Parser[T], who: str) -> None:
        self._more, self._parser, self._who = more, parser, who
        self._ready: Iterator[T] = iter(())
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        try:
            while True:
                for each in self._ready:
                    return each
                if self._ended:
                    raise StopAsyncIteration
                self._ready = await self._next()
        except ProtocolError as exc:
            exc.who = exc.who or self._who
            raise

    async def _next(self) -> Iterator[T]:
        try:
            return self._parser.feed(await self._more())
        except StopAsyncIteration:
            self._ended = True
            return self._parser.finish()


class _Unpacker:
    """Passes bytes on, unpacked when they were compressed, in pieces of `_PIECE` at most, up to `limit` bytes."""

    def __init__(self, encoding: str, limit: int) -> None:
        packed = encoding.strip().lower() in ("gzip", "x-gzip", "deflate")
        self._inflate = zlib.decompressobj(wbits=47) if packed else None
        self._left = self._limit = limit

    def feed(self, data: bytes) -> Iterator[bytes]:
        for piece in self._unpacked(data) if self._inflate else (data,):
            self._left -= len(piece)
            if self._left < 0:
                raise ProtocolError(f"sent more than {self._limit} bytes")
            yield piece

    def finish(self) -> Iterator[bytes]:
        return iter(())

    def _unpacked(self, data: bytes) -> Iterator[bytes]:
        assert self._inflate
        piece = b""
        while data or len(piece) == _PIECE:
            try:
                piece = self._inflate.decompress(data, _PIECE)
            except zlib.error as exc:
                raise ProtocolError("sent a body that cannot be unpacked") from exc
            data = self._inflate.unconsumed_tail
            yield piece


@dataclass(frozen=True, slots=True)
class _Failure:
    """An attempt that failed, and what speaks for another."""

    error: VoiceError
    cause: BaseException | None = None
    unsent: bool = False
    should: str = ""
    status: int = 0

    def wait(self, pause: float) -> float | None:
        """Seconds until the next attempt, or None when there must be none."""
        if self.should == "false" or isinstance(self.error, RefusedError):
            return None
        if self.unsent or self.should == "true":
            return min(max(pause, self.error.retry_after or 0.0), LONGEST_WAIT_S)
        asked = self.error.retry_after if self.status in (429, 503) else None
        return asked if asked is not None and asked <= LONGEST_WAIT_S else None


_KEY = "Check {key} and what it may be used for"
_QUOTA = "The quota is used up: see the service's billing page"
_WAIT = "Wait, then try again"
_WHERE = "Check base_url and the model's name"

_BY_CODE: tuple[tuple[str, type[VoiceError], str], ...] = (
    ("insufficient_quota", RefusedError, _QUOTA),
    ("billing", RefusedError, _QUOTA),
    ("invalid_api_key", RefusedError, _KEY),
    ("authentication", RefusedError, _KEY),
    ("permission", RefusedError, _KEY),
    ("rate_limit", RateLimitedError, _WAIT),
)
_BY_STATUS: dict[int, tuple[type[VoiceError], str]] = {
    401: (RefusedError, _KEY),
    402: (RefusedError, _QUOTA),
    403: (RefusedError, _KEY),
    404: (ServiceError, _WHERE),
    405: (ServiceError, _WHERE),
    407: (UnreachableError, "Check the proxy's name and password"),
    408: (UnreachableError, "Try again"),
    413: (ServiceError, "Send less at once"),
    429: (RateLimitedError, _WAIT),
    504: (UnreachableError, "Try again"),
}


def _kind(code: str, status: int) -> tuple[type[VoiceError], str]:
    for part, kind, cure in _BY_CODE:
        if part in code:
            return kind, cure
    if status == 200:
        status = next((int(each) for each in code.split() if each.isdecimal() and len(each) == 3), 200)
    return _BY_STATUS.get(status, (ServiceError, ""))


_REACH = "Check base_url and the network"
_START = "Start it, or check base_url"
_SILENT = "Try again, or raise timeout_s in [backends.{backend.name}]"
_FOREIGN: tuple[tuple[tuple[type[BaseException], ...], type[VoiceError], str, str], ...] = (
    ((httpx.ProxyError,), UnreachableError, "the proxy failed: {words}", "Check the proxy"),
    ((ssl.SSLCertVerificationError,), UnreachableError, "its TLS certificate is not trusted: {words}", _REACH),
    ((ssl.SSLError,), UnreachableError, "no TLS: {words}", "Check whether base_url is https or http"),
    ((socket.gaierror,), UnreachableError, "no host named {host} is known: {words}", _REACH),
    ((ConnectionRefusedError,), UnreachableError, "refused the connection: nothing listens there", _START),
    ((httpx.ConnectTimeout,), UnreachableError, "no connection within {backend.connect_timeout_s:g} s", _REACH),
    ((httpx.WriteTimeout,), UnreachableError, "took nothing for {backend.timeout_s:g} s", _SILENT),
    ((httpx.TimeoutException,), UnreachableError, "sent nothing for {backend.timeout_s:g} s", _SILENT),
    ((httpx.UnsupportedProtocol, httpx.InvalidURL), ConfigError, "not an address: {words}", "Check base_url"),
    ((httpx.LocalProtocolError,), ConfigError, "a header cannot be sent", "Check the key and the headers"),
    ((httpx.RemoteProtocolError,), UnreachableError, "closed the connection without an answer: {words}", "Try again"),
    ((httpx.NetworkError, OSError), UnreachableError, "the connection failed: {words}", _REACH),
)


_LOST = (httpx.ConnectError, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)


def _unanswered(exc: BaseException) -> bool:
    """Whether the connection was refused or lost before any byte of an answer, and not by time."""
    trusted = not any(isinstance(c, ssl.SSLError | socket.gaierror) for c in _chain(exc))
    return trusted and isinstance(exc, _LOST)


def _chain(exc: BaseException | None, depth: int = 0) -> Iterator[BaseException]:
    """The exception, its causes and the members of groups, outermost first.

    Causes only (httpcore keeps its cause as first argument): the context may be another request's
    failure, when this one was a second attempt.
    """
    if exc is None or depth > 12:
        return
    yield exc
    if isinstance(exc, BaseExceptionGroup):
        for each in exc.exceptions:
            yield from _chain(each, depth + 1)
    inner = exc.args[0] if exc.args and isinstance(exc.args[0], BaseException) else None
    yield from _chain(exc.__cause__ or inner, depth + 1)


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address) is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with suppress(ValueError):
        address = ipaddress.ip_address(host)
        return address.is_loopback or address.is_unspecified
    return False


def _checked(url: str, backend: Backend) -> str:
    """`url` without a last slash. Raises ConfigError when it is no http(s) address."""
    example = "Write http://host:port/v1 or https://host/v1"
    if not url:
        raise ConfigError(f"[backends.{backend.name}] has no address", cure="Set base_url")
    try:
        parts = urlsplit(url.strip())
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or not url.strip().isprintable():
        raise ConfigError(f"[backends.{backend.name}] {clean(mask(url), 100)!r} is no address", cure=example)
    return url.strip().rstrip("/")


def _origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port; an address that has none equals no other."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
        return parts.scheme, (parts.hostname or "").lower(), port
    except ValueError:
        return "", clean(url, 60), -1


def _headers(backend: Backend, placeholder: str) -> dict[str, str]:
    key = backend.key.reveal() if backend.key else placeholder
    bearer = {"Authorization": f"Bearer {key}"} if key else {}
    headers = httpx.Headers({"User-Agent": f"voicecli/{__version__}", "Accept-Encoding": "identity"})
    for name, value in {**bearer, **backend.headers}.items():
        if not (name.isascii() and name.isprintable() and value.isascii() and value.isprintable()):
            source = f" (from {backend.key_source})" if name == "Authorization" and backend.key_source else ""
            raise ConfigError(
                f"[backends.{backend.name}] the header {clean(name, 40)} would hold more than printable ASCII{source}",
                cure="Check the key and the headers",
            )
        headers[name] = value
    return dict(headers)


def _client(
    backend: Backend, host: str, context: ssl.SSLContext | None, headers: Mapping[str, str]
) -> httpx.AsyncClient:
    try:
        return httpx.AsyncClient(
            headers=headers,
            # Trusts nobody: cheap to make, for plain http, which never meets TLS.
            verify=context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            proxy=backend.proxy or None,
            trust_env=not is_loopback(host),
            timeout=httpx.Timeout(backend.timeout_s, connect=backend.connect_timeout_s),
            limits=httpx.Limits(max_connections=32, keepalive_expiry=_KEEPALIVE_S),
            follow_redirects=False,
            event_hooks={"response": [_keep_location]},
        )
    except ImportError as exc:
        cure = "Install httpx[socks], or give an http:// address as proxy"
        raise ConfigError("a SOCKS proxy needs a package more", who=backend.name, cure=cure) from exc
    except (ValueError, httpx.InvalidURL) as exc:
        raise ConfigError("the proxy has no usable address", who=backend.name, cure="Write http://host:port") from exc


async def _keep_location(response: httpx.Response) -> None:
    """Put a redirect's target where httpx does not parse it: a bad one would look like a bad request of ours."""
    if response.is_redirect and "location" in response.headers:
        response.headers[_MOVED] = response.headers.pop("location")


@functools.cache
def _trusting() -> ssl.SSLContext:
    """What we trust over TLS: certifi's list, or SSL_CERT_FILE's. Costs 20 ms, so it is made once."""
    return httpx.create_ssl_context()
