"""Recordings at an address, fetched into a file: for services that do not fetch them themselves.

Belongs here: one download, its size limit. Does not belong here: keys (none is ever sent), what the
recording is, where it goes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import BinaryIO, Self
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx

from voicecli.backends.transport.door import trusting
from voicecli.backends.transport.http import HttpService, Reply, client_for
from voicecli.backends.transport.wording import clean
from voicecli.errors import InputError, ProtocolError, ServiceError
from voicecli.types import Backend


async def download(url: str, file: BinaryIO, limit: int, *, timeout_s: float = 60.0) -> None:
    """Writes what is at `url` to `file`. InputError: more than `limit` bytes; else as every request."""
    parts = urlsplit(url)
    base = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    door = _Door(Backend("download", "download", base_url=base, timeout_s=timeout_s))
    async with door, _found(door, path) as reply:
        told = reply.headers.get("content-length", "")
        if told.isdecimal() and int(told) > limit:
            raise _too_large(url, limit)
        try:
            async for piece in reply.chunks(limit):
                file.write(piece)
        except ProtocolError as exc:
            raise _too_large(url, limit) from exc


@asynccontextmanager
async def _found(door: HttpService, path: str) -> AsyncIterator[Reply]:
    """The reply. There is no model here that a wrong address might be the fault of."""
    try:
        async with door.stream("GET", path) as reply:
            yield reply
    except ServiceError as exc:
        if 400 <= exc.status < 500:
            exc.cure = "Check the address"
        raise


def _too_large(url: str, limit: int) -> InputError:
    return InputError(
        f"holds more than {limit:,} bytes", who=clean(url, 200), cure="Allow more with --max-download MB."
    )


class _Door(HttpService):
    """Without a key, so that a redirect may be followed to any host."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend, setting="the address", placeholder="")

    async def __aenter__(self) -> Self:
        self._client = client_for(self.backend, self.host, trusting(), self._headers)
        return self

    def _redirected(self, url: str, response: httpx.Response) -> str:
        target = urljoin(url, str(response.headers["x-voicecli-location"]))
        secure = urlsplit(url).scheme == "https"
        if urlsplit(target).scheme in (("https",) if secure else ("http", "https")):
            return target
        raise ServiceError(f"redirects to {clean(target, 100)}, which is not followed", who=self.who)
