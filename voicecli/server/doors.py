"""The doors that every request passes: who may come in, how much at once, how large, what is noted of it.

Belongs here: ASGI middleware around the whole application. Does not belong here: judging headers (guard), routes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from voicecli.server import guard
from voicecli.server.refusals import RETRY_S, body

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("voicecli.server")


def needs_no_key(path: str) -> bool:
    """Whether it is up, and the page, which asks the person for the key."""
    return path in ("/health", "/") or path.startswith("/page/")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one server bears: `requests` at once, bodies of `body` bytes, `pause_s` between two pieces of a body."""

    requests: int = 64
    body: int = 256 * 1024 * 1024
    pause_s: float = 30.0
    whole_s: float = 3600.0


class TooLargeError(Exception):
    """A body that is longer than the bound."""


class Doors:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, policy: guard.AccessPolicy, bounds: Bounds, figures: Any) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        self._app, self._policy, self._bounds = app, policy, bounds
        self._inside = 0
        self._asked = Counter("voice_requests", "Requests by status", ["status"], registry=figures)
        self._took = Histogram("voice_request_seconds", "Seconds to the end of an answer", registry=figures)
        Gauge("voice_requests_now", "Requests now", registry=figures).set_function(lambda: self._inside)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        answer = _Answer(send, scope)
        refused = self._refused(scope, headers)
        if refused is not None:
            await answer.refuse(refused)
        else:
            await self._served(scope, _Body(receive, self._bounds), answer)
        self._asked.labels(str(answer.status)).inc()
        self._took.observe(time.monotonic() - answer.begun)
        answer.note()

    def _refused(self, scope: Scope, headers: MutableMapping[str, str]) -> guard.TurnedAway | None:
        query = scope.get("query_string", b"").decode("latin-1")
        found = guard.refusal(self._policy, headers, query, open_to_all=needs_no_key(scope["path"]))
        if found is None and self._inside >= self._bounds.requests:
            return guard.TurnedAway(429, "This server has no room now.")
        length = headers.get("content-length", "0")
        if found is None and (not length.isdigit() or int(length) > self._bounds.body):
            return guard.TurnedAway(413, f"A body may have {self._bounds.body} bytes.")
        return found

    async def _served(self, scope: Scope, receive: _Body, answer: _Answer) -> None:
        self._inside += 1
        try:
            async with asyncio.timeout(self._bounds.whole_s if scope["type"] == "http" else None):
                await self._app(scope, receive, answer)
        except (TooLargeError, TimeoutError) as exc:
            if answer.status:
                raise
            large = isinstance(exc, TooLargeError)
            words = f"A body may have {self._bounds.body} bytes." if large else "The body came too slowly."
            await answer.refuse(guard.TurnedAway(413 if large else 408, words))
        finally:
            self._inside -= 1


class _Body:
    """Counts what a client sends, and waits for it only so long."""

    def __init__(self, receive: Receive, bounds: Bounds) -> None:
        self._receive, self._bounds = receive, bounds
        self._taken = 0
        self._whole = False

    async def __call__(self) -> Message:
        async with asyncio.timeout(None if self._whole else self._bounds.pause_s):
            message = await self._receive()
        if message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._taken > self._bounds.body:
                raise TooLargeError
        else:
            self._whole = True
        return message


class _Answer:
    """Sends on, and remembers how it went."""

    def __init__(self, send: Send, scope: Scope) -> None:
        self._send, self._scope = send, scope
        self.status = 0
        self.begun = time.monotonic()
        self._id = uuid.uuid4().hex

    async def __call__(self, message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self._id.encode())]
        elif message["type"] == "websocket.accept":
            self.status = 101
        await self._send(message)

    async def refuse(self, refusal: guard.TurnedAway) -> None:
        """Over HTTP, where a WebSocket was asked for too: it has not begun."""
        data = json.dumps(body(refusal.words).model_dump()).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
        headers += [(b"retry-after", str(RETRY_S).encode())] if refusal.status == 429 else []
        headers += [(b"connection", b"close")] if refusal.status in (408, 413) else []
        kind = "websocket.http" if self._scope["type"] == "websocket" else "http"
        await self({"type": f"{kind}.response.start", "status": refusal.status, "headers": headers})
        await self._send({"type": f"{kind}.response.body", "body": data})

    def note(self) -> None:
        """One line in JSON, without a word of what was said, a key or a query."""
        took = round((time.monotonic() - self.begun) * 1000, 1)
        known = {"id": self._id, "method": self._scope.get("method", "WS"), "path": self._scope["path"]}
        log.info(json.dumps(known | {"status": self.status, "ms": took}))
