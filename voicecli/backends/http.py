"""The one door to HTTP services: a client, its key, its limits, and every failure as one of ours.

Belongs here: connections, proxies, redirects, the key, another attempt. Does not belong here: reading a
body (reply), the tables of errors (faults), what a body means (each family's own room).

The key stands in the Authorization header and nowhere else. A redirect is followed on the same
scheme, host and port only, so that it never carries a key elsewhere. A loopback host is never asked
for through a proxy that only the environment names. Bodies are asked for uncompressed, and unpacked
in bounded pieces when a service compresses anyway.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpx

from voicecli import __version__
from voicecli.backends.faults import FOREIGN, Failure, chain, kind_of, unanswered
from voicecli.backends.reply import BODY_BYTES, Reply
from voicecli.backends.wording import Complaint, clean, complaint_in, complaint_of, mask, retry_after
from voicecli.errors import (
    ConfigError,
    InputError,
    ProtocolError,
    ServiceError,
    UnreachableError,
    VoiceError,
)
from voicecli.types import Backend

__all__ = ["BODY_BYTES", "PLACEHOLDER_KEY", "HttpService", "Reply", "is_loopback"]

PLACEHOLDER_KEY = "no-key"
"""What stands for a key where there is none: some services refuse an empty one."""

_PAUSES_S = (0.1, 0.4)
_REDIRECTS = 3
_MOVED = "x-voicecli-location"
_ERROR_BYTES = 64 * 1024
_KEEPALIVE_S = 120.0


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

    async def _attempt(self, method: str, url: str, body: Mapping[str, Any]) -> httpx.Response | Failure:
        for _ in range(_REDIRECTS + 1):
            try:
                response = await self._opened().send(self._request(method, url, body), stream=True)
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
                return Failure(self.foreign(exc), exc, unsent=unanswered(exc))
            if response.is_success:
                return response
            try:
                if _MOVED not in response.headers:
                    return await self._failure(response)
                url = self._redirected(url, response)
            finally:
                await response.aclose()
            method = "GET" if response.status_code == 303 else method
        return Failure(ServiceError("redirects in a circle", who=self.who, cure=self._named("Check base_url")))

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

    async def _failure(self, response: httpx.Response) -> Failure:
        body = b""
        with suppress(httpx.HTTPError, VoiceError, TimeoutError):
            async with asyncio.timeout(self.backend.connect_timeout_s):
                async for piece in Reply(self, response).chunks(_ERROR_BYTES):
                    body += piece
        headers = response.headers
        complaint = complaint_of(body, headers.get("content-type", ""))
        error = self.error(complaint, response.status_code, retry_after(headers, datetime.now(UTC)))
        return Failure(error, should=headers.get("x-should-retry", ""), status=response.status_code)

    def error(self, complaint: Complaint, status: int = 200, wait: float | None = None) -> VoiceError:
        """Our error for what a service complained of, whether by status or inside a 200."""
        kind, cure = kind_of(complaint.code, status)
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
        causes = tuple(chain(exc))
        for types, kind, what, cure in FOREIGN:
            found = next((c for c in causes if isinstance(c, types)), None)
            if found is not None:
                words = clean(self.masked(getattr(found, "verify_message", "") or str(found)), 160)
                facts = {"backend": self.backend, "host": self.host, "words": words}
                return kind(
                    what.format(**facts).removesuffix(": "), who=self.who, cure=self._named(cure.format(**facts))
                )
        return UnreachableError(clean(self.masked(str(exc))) or type(exc).__name__, who=self.who)

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            raise RuntimeError("this HttpService is not open")
        return self._client


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
