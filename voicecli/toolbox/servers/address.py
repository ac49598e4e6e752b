"""A server of tools at an address, asked through our own door to HTTP.

The official package brings a client of its own; its requests are carried by ours, so that the limits, the proxies, the
redirects and the masking of keys are those of every backend. What the door refuses is told to the package as the
answer of a server, in our words.

Belongs here: the two clients, one behind the other. Does not belong here: what is asked.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import httpx2
from mcp.client.streamable_http import streamable_http_client

from voicecli.backends.transport.http import HttpService
from voicecli.backends.transport.reply import Reply
from voicecli.config.keys import checked
from voicecli.config.model import McpServer
from voicecli.errors import VoiceError
from voicecli.types import Backend, Secret

LARGEST = 4 * 1024 * 1024
"""Bytes of one answer."""
MOST_BYTES = 64 * 1024 * 1024
"""Bytes of one stream of events, of which each is bounded by the package."""
CONNECT_S = 5.0
EVENTS = "text/event-stream"

_SENT = ("accept", "content-type", "last-event-id", "mcp-session-id", "mcp-protocol-version", "mcp-method", "mcp-name")
_TOLD = ("content-type", "mcp-session-id")


def backend_of(server: McpServer, env: Mapping[str, str]) -> Backend:
    """The address as a backend. Raises ConfigError, without the value, for a key that no header can carry."""
    source = server.api_key_env
    key = Secret(checked(env.get(source, ""), f"[mcp.{server.name}]: the key from {source}")) if source else None
    return Backend(
        server.name,
        "mcp",
        server.url,
        key=key,
        key_source=source,
        timeout_s=server.timeout_s,
        connect_timeout_s=min(CONNECT_S, server.timeout_s),
    )


@asynccontextmanager
async def address(backend: Backend) -> AsyncIterator[object]:
    """The streams of a session with the server."""
    async with (
        HttpService(backend, setting="url", placeholder="") as service,
        httpx2.AsyncClient(transport=_Carried(service), trust_env=False) as client,
        streamable_http_client(service.base_url, http_client=client) as streams,
    ):
        yield streams


class _Carried(httpx2.AsyncBaseTransport):
    """The package's requests, made by our door."""

    def __init__(self, service: HttpService) -> None:
        self._service = service

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() in _SENT}
        content = await request.aread()
        stack = AsyncExitStack()
        try:
            asking = self._service.stream(
                request.method, str(request.url), verb="tools", content=content or None, headers=headers
            )
            reply = await stack.enter_async_context(asking)
            told = {name: reply.headers[name] for name in _TOLD if name in reply.headers}
            if reply.content_type == EVENTS:
                return httpx2.Response(reply.status, headers=told, stream=_Events(reply, stack), request=request)
            async with stack:
                body = await _whole(reply, content)
        except VoiceError as exc:
            return _refusal(exc, request)
        return httpx2.Response(reply.status, headers=told, content=body, request=request)


async def _whole(reply: Reply, asked: bytes) -> bytes:
    """An answer that is no stream: JSON, or nothing to what asks for nothing. Raises VoiceError."""
    body = await reply.body(LARGEST)
    if body or (asked and "id" in json.loads(asked)):
        reply.decoded(body)
    return body


def _refusal(exc: VoiceError, request: httpx2.Request) -> httpx2.Response:
    """What the door says, as a server would: an error that the package passes on as it is."""
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32000, "message": str(exc)}}
    headers = {"content-type": "application/json"}
    status = exc.status if exc.status and exc.status >= 400 else 502
    return httpx2.Response(status, headers=headers, content=json.dumps(error).encode(), request=request)


class _Events(httpx2.AsyncByteStream):
    """An answer that is a stream, within its limit."""

    def __init__(self, reply: Reply, stack: AsyncExitStack) -> None:
        self._reply, self._stack = reply, stack

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._reply.chunks(MOST_BYTES):
                yield piece
        except VoiceError as exc:
            raise httpx2.StreamError(str(exc)) from exc

    async def aclose(self) -> None:
        await self._stack.aclose()
