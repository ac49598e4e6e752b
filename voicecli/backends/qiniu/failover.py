"""Qiniu's addresses: the first that works is used, and remembered.

Belongs here: which address comes next, and after which failures. Does not belong here: what is asked
for there.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from voicecli.backends.family import own
from voicecli.backends.qiniu.settings import QiniuSettings
from voicecli.backends.transport.http import HttpService
from voicecli.backends.transport.websocket import Socket, connect
from voicecli.errors import UnreachableError, VoiceError
from voicecli.types import Backend

T = TypeVar("T")

log = logging.getLogger(__name__)


@asynccontextmanager
async def opened(backend: Backend, adapter: Callable[[Addresses], T]) -> AsyncIterator[T]:
    """What `adapter` makes of the addresses of `backend`; leaving the block closes their connections."""
    async with Addresses(backend) as addresses:
        yield adapter(addresses)


def fails_over(error: VoiceError) -> bool:
    """Whether another address may do better: no connection, or 5xx. Never after an answer of 4xx."""
    return error.status >= 500 or (isinstance(error, UnreachableError) and not error.status)


class Addresses:
    """All addresses of one backend. An async context manager: leaving it closes every connection.

    Only the beginning of a request moves to the next address: nothing is repeated once an answer has
    begun, or sound has been sent.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._order = list(own(QiniuSettings, backend).bases)
        self.services: dict[str, HttpService] = {}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Addresses:
        alone = len(self._order) == 1
        for url in self._order:
            service = HttpService(self.backend, url, alone=alone)
            self.services[url] = await self._stack.enter_async_context(service)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def first(self, attempt: Callable[[str], Awaitable[T]]) -> T:
        """What `attempt(base)` gives for the first base that works. Raises the last one's error."""
        order = tuple(self._order)
        for base in order[:-1]:
            try:
                return self._remember(base, await attempt(base))
            except VoiceError as exc:
                if not fails_over(exc):
                    raise
                log.info("%s; the next address is tried", exc)
        return self._remember(order[-1], await attempt(order[-1]))

    def _remember(self, base: str, found: T) -> T:
        self._order.sort(key=lambda url: url != base)
        return found

    @asynccontextmanager
    async def entered(self, begin: Callable[[str], AbstractAsyncContextManager[T]]) -> AsyncIterator[T]:
        """The context `begin(base)`, entered at the first base where entering works."""
        async with AsyncExitStack() as stack:
            yield await self.first(lambda base: stack.enter_async_context(begin(base)))

    async def json(self, method: str, path: str, **body: Any) -> tuple[Any, HttpService]:
        """The decoded answer, and the address that gave it."""

        async def ask(base: str) -> tuple[object, HttpService]:
            return await self.services[base].json(method, path, **body), self.services[base]

        return await self.first(ask)

    def socket(
        self, path: str, headers: Mapping[str, str] | None = None, *, url: str = "", verb: str = "transcribe_live"
    ) -> AbstractAsyncContextManager[Socket]:
        """A WebSocket at `path` of the first address that works, or at `url`; `verb` is what it is for."""
        if url:
            return connect(self.backend, url, headers=headers, verb=verb)
        alone = len(self._order) == 1

        def begin(base: str) -> AbstractAsyncContextManager[Socket]:
            return connect(self.backend, f"{base}/{path.lstrip('/')}", headers=headers, verb=verb, alone=alone)

        return self.entered(begin)

    async def warm(self) -> None:
        """Open a connection ahead of the first request. Never raises for an unreachable service."""
        await self.services[self._order[0]].warm()
