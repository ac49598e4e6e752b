"""The one door to HTTP services: a client, its key, its limits, and every failure as one of ours.

Belongs here: requests, sending again. Does not belong here: the headers (door), URLs, redirects and what a person is
told of a failure (address), connections (ways), what is sent again (retry), reading a body (reply), what a body means
(each family's own room).

A redirect is followed on the same scheme, host and port only, so that it never carries a key elsewhere. A
loopback host is never asked for through a proxy that only the environment names. Bodies are asked for
uncompressed, and unpacked in bounded pieces when a service compresses anyway. Whatever is asked has a
total deadline beside the wait for the next bytes: an answer that drips for ever is cut. Each attempt
is logged: what was asked, what came, after how long, and what follows.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from voicecli.backends.transport import door
from voicecli.backends.transport.address import Address
from voicecli.backends.transport.door import PLACEHOLDER_KEY
from voicecli.backends.transport.faults import Failure, happening_in
from voicecli.backends.transport.reply import BODY_BYTES, Reply
from voicecli.backends.transport.retry import happening_of, reset_in, rule_for, wait_before_next
from voicecli.backends.transport.trust import trusting
from voicecli.backends.transport.ways import MOVED, client_for
from voicecli.backends.transport.wording import clean, complaint_of, retry_after
from voicecli.errors import (
    InputError,
    RefusedError,
    ServiceError,
    VoiceError,
)
from voicecli.types import Backend

__all__ = ["BODY_BYTES", "PLACEHOLDER_KEY", "HttpService", "Reply"]

T = TypeVar("T")

log = logging.getLogger(__name__)

WORTH_TELLING_S = 1.0
"""A person who waits longer than this for another attempt is told why."""

ELSEWHERE = frozenset({"unconnected", "unreached", "lost", "silence", "failed"})
"""What another address of the same service may do better than another attempt here."""

_READS = ("GET", "HEAD")
_ERROR_BYTES = 64 * 1024


class HttpService(Address):
    """One address of a backend. An async context manager: leaving it closes every connection.

    `setting` is what messages call the address. `placeholder` stands for a missing key; "" sends none.
    `alone` says that there is no other address to turn to. Raises ConfigError at once for an address, key or
    header that cannot be used.
    """

    redirects = 3
    """How many are followed, one after the other."""

    def __init__(
        self,
        backend: Backend,
        base_url: str | None = None,
        *,
        setting: str = "base_url",
        placeholder: str = PLACEHOLDER_KEY,
        alone: bool = True,
    ) -> None:
        super().__init__(backend, door.checked(base_url or backend.base_url, backend), setting)
        self._alone = alone
        self._headers = _headers(backend, placeholder)
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        context = await asyncio.to_thread(trusting) if self.base_url.startswith("https:") else None
        self.find_proxy()
        self._client = client_for(self.backend, context, self._headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        client, self._client = self._client, None
        if client:
            await client.aclose()

    async def warm(self) -> None:
        """Open a connection ahead of the first request. Never raises for an unreachable service."""
        client = self._opened()
        with suppress(httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError):
            async with asyncio.timeout(self.backend.connect_timeout_s):
                await client.head(self.url(""))

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
        verb: str = "",
        final: Callable[[VoiceError], bool] = lambda error: False,
        json: object = None,
        data: Mapping[str, object] | None = None,
        files: object = None,
        content: bytes | None = None,
        params: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Reply]:
        """A successful answer as it arrives; leaving the block closes it.

        `verb` tells what the request is for, and so what is sent again (retry), but for failures that
        are `final` to the caller. The bodies are httpx's:
        `json` an object, `data` form fields (with `files`: multipart), `content` bytes. Raises
        UnreachableError, RefusedError, RateLimitedError, ServiceError.
        """
        body = {"json": json, "data": data, "files": files, "content": content, "params": params, "headers": headers}
        verb = verb or ("read" if method in _READS else "")
        sendable = {name: value for name, value in body.items() if value is not None}
        until = asyncio.get_running_loop().time() + rule_for(verb).patience * self.backend.timeout_s
        url = self.url(path)
        response = await self.repeated(
            f"{method} {self.shown(url)}",
            verb,
            lambda: self._attempt(method, url, sendable, until),
            lambda found: f"HTTP {found.status_code}",
            until,
            final,
        )
        reply = Reply(self, response, until)
        try:
            yield reply
        finally:
            await reply.close()

    async def repeated(
        self,
        what: str,
        verb: str,
        attempt: Callable[[], Awaitable[T | Failure]],
        told: Callable[[T], str],
        until: float = math.inf,
        final: Callable[[VoiceError], bool] = lambda error: False,
    ) -> T:
        """The first success of `attempt`. What is tried again, and when, is the table's to say (retry).

        The log has `what` for each attempt, and `told` of the success. `until` is the total deadline on the loop's
        clock; failures that are `final` to the caller are not tried again. Raises the last one's error.
        """
        clock = asyncio.get_running_loop().time
        for number in range(1, 100):
            began = clock()
            found = await attempt()
            line = f"{what}, attempt {number}, {clock() - began:.2f} s"
            if not isinstance(found, Failure):
                log.info("%s: %s", line, told(found))
                return found
            wait = None if final(found.error) else self._wait_after(found, verb, number, until - clock())
            log.info("%s: %s; %s", line, found.error, "final" if wait is None else f"again in {wait:.2f} s")
            if wait is None:
                raise found.error from found.cause
            tell_of_waiting(found.error, wait, number)
            await asyncio.sleep(wait)
        raise AssertionError("the table of retries has no end")

    def _wait_after(self, found: Failure, verb: str, attempt: int, left_s: float) -> float | None:
        """Seconds until the next attempt at this address, or None when there must be none."""
        if found.happened in ELSEWHERE and not self._alone:
            return None
        asked, should = found.error.retry_after, found.should
        return wait_before_next(found.happened, verb, attempt, asked=asked, should=should, left_s=left_s)

    async def _attempt(
        self, method: str, url: str, body: Mapping[str, object], until: float
    ) -> httpx.Response | Failure:
        for _ in range(self.redirects + 1):
            try:
                async with asyncio.timeout_at(until if until < math.inf else None):
                    request = await self._aimed(self._request(method, url, body))
                    response = await self._opened().send(request, stream=True)
            except TimeoutError as exc:
                return Failure(self.overdue(), exc)
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
                return Failure(self.foreign(exc), exc, happening_in(exc))
            if response.is_success:
                return response
            try:
                if MOVED not in response.headers:
                    return await self._failure(response)
                url = self.redirected(url, str(response.headers[MOVED]))
            finally:
                await response.aclose()
            method = "GET" if response.status_code == 303 else method
        return Failure(ServiceError("redirects in a circle", who=self.who, cure=self.named("Check base_url")))

    def _request(self, method: str, url: str, body: Mapping[str, Any]) -> httpx.Request:
        try:
            return self._opened().build_request(method, url, **body)
        except (ValueError, TypeError) as exc:
            raise InputError(f"the request cannot be written: {clean(self.masked(str(exc)))}", who=self.who) from exc

    async def _aimed(self, request: httpx.Request) -> httpx.Request:
        """The request as it is sent: for doors that choose where a name leads."""
        return request

    async def _failure(self, response: httpx.Response) -> Failure:
        body = b""
        with suppress(httpx.HTTPError, VoiceError, TimeoutError):
            async with asyncio.timeout(self.backend.connect_timeout_s):
                async for piece in Reply(self, response).chunks(_ERROR_BYTES):
                    body += piece
        headers = response.headers
        complaint = complaint_of(body, headers.get("content-type", ""))
        error = self.error(complaint, response.status_code, _patience(headers, response.status_code))
        happened = "final" if isinstance(error, RefusedError) else happening_of(response.status_code)
        return Failure(error, None, happened, headers.get("x-should-retry", ""))

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            raise RuntimeError("this HttpService is not open")
        return self._client


class HttpAdapter:
    """An adapter over one service, which it is given open."""

    def __init__(self, service: HttpService) -> None:
        self._service = service

    async def warm(self) -> None:
        """Connects ahead of the first request."""
        await self._service.warm()

    @asynccontextmanager
    async def _read(
        self,
        request: AbstractAsyncContextManager[Reply],
        read: Callable[[HttpService, Reply], AsyncGenerator[T, None]],
    ) -> AsyncIterator[AsyncIterator[T]]:
        """What `read` makes of the answer to `request`. Leaving the block closes both."""
        async with request as reply, aclosing(read(self._service, reply)) as found:
            yield found


def tell_of_waiting(error: VoiceError, wait_s: float, attempt: int) -> None:
    """A warning in the log where a person would wonder: who is asked again, and when."""
    if wait_s >= WORTH_TELLING_S:
        log.warning("%s; again in %.0f s (attempt %d)", error.message, wait_s, attempt + 1)


def _headers(backend: Backend, placeholder: str) -> dict[str, str]:
    own = httpx.Headers({"User-Agent": door.USER_AGENT, "Accept-Encoding": "identity"})
    own.update(door.headers_for(backend, placeholder))
    return dict(own)


def _patience(headers: Mapping[str, str], status: int) -> float | None:
    """Seconds that a service asks us to wait."""
    asked = retry_after(headers, datetime.now(UTC))
    return reset_in(headers, time.time()) if asked is None and status == 429 else asked
