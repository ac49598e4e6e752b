"""A successful HTTP answer whose body is still arriving, and the ways to read it within limits.

Belongs here: pieces, lines, events, JSON; unpacking and size limits. Does not belong here: sending
requests, judging statuses, what a body means.
"""

from __future__ import annotations

import asyncio
import json
import math
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from typing import Generic, Self, TypeVar, cast

import httpx

from voicecli.backends.transport.address import Address
from voicecli.backends.transport.sse import LIMIT as LINE_BYTES
from voicecli.backends.transport.sse import Event, Events, Parser, TextLines
from voicecli.errors import ProtocolError, ServiceError

T = TypeVar("T")

BODY_BYTES = 32 * 1024 * 1024
"""The largest whole body (JSON, text) that is taken from a service."""

STREAM_BYTES = 1 << 30
"""The most that one streamed body may hold; it is never kept in memory."""

TEXT_BYTES = 256 * 1024 * 1024
"""The most that all lines or events of one body may hold together; speech may come in events."""

_DRAIN_S = 0.05
_PIECE = 1 << 18


class Reply:
    """A successful answer whose body is still arriving. Read it once, in one of the ways below.

    Reading raises ServiceError when the connection breaks, UnreachableError when nothing comes for
    `timeout_s` or the end has not come at `until` (on the loop's clock), ProtocolError when a limit is
    passed. The iterators are plain objects, not generators: leaving one in the middle leaves nothing behind.
    """

    def __init__(self, service: Address, response: httpx.Response, until: float = math.inf) -> None:
        self._service, self._response = service, response
        self._until = until if until < math.inf else None
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._raw = cast(AsyncGenerator[bytes, None], response.aiter_raw())

    def chunks(self, limit: int = STREAM_BYTES) -> AsyncIterator[bytes]:
        """The body in pieces, each as soon as it arrives; at most `limit` bytes together."""
        return _Iterator(self._piece, _Unpacker(self.headers.get("content-encoding", ""), limit), self._service.who)

    def lines(self, limit: int = LINE_BYTES) -> AsyncIterator[str]:
        """The body's lines, without their ends; none longer than `limit` bytes."""
        return self.parsed(TextLines(limit))

    def events(self) -> AsyncIterator[Event]:
        """The body's server-sent events."""
        return self.parsed(Events())

    def parsed(self, parser: Parser[T]) -> AsyncIterator[T]:
        """What `parser` makes of the body."""
        return _Iterator(self.chunks(TEXT_BYTES).__anext__, parser, self._service.who)

    async def body(self, limit: int = BODY_BYTES) -> bytes:
        """The whole body."""
        whole = bytearray()
        async for piece in self.chunks(limit):
            whole += piece
        return bytes(whole)

    async def json(self, limit: int = BODY_BYTES) -> object:
        """The body as JSON. Raises ProtocolError when it is none."""
        return self.decoded(await self.body(limit))

    def decoded(self, body: bytes | str) -> object:
        """`body` as JSON. Raises ProtocolError, quoting its beginning, when it is none."""
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as exc:
            raise self._service.protocol_error("answered something that is not JSON", body) from exc

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
            async with asyncio.timeout_at(self._until):
                return await anext(self._raw)
        except TimeoutError as exc:
            raise self._service.overdue() from exc
        except httpx.TimeoutException as exc:
            raise self._service.foreign(exc) from exc
        except (httpx.HTTPError, httpx.StreamError, OSError) as exc:
            what = "the connection broke in the middle of the answer"
            raise ServiceError(what, who=self._service.who, cure="Try again") from exc


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
