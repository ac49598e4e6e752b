"""The doors that every request passes: who may come in, how much at once, how large, what is noted of it.

Belongs here: ASGI middleware around the whole application. Does not belong here: judging headers (guard), routes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from voicecli.server import guard
from voicecli.server.refusals import RETRY_S, body

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("voicecli.server")


def needs_no_key(path: str) -> bool:
    """Whether anybody may ask for `path`: health, and the page, which asks the person for the key."""
    return path in ("/health", "/") or path.startswith("/page/")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one process bears: `requests` and `sessions` (WebSockets) at once, bodies of `body` bytes.

    JSON and forms of the simplest kind have `text` bytes: three of them may become sixty in memory.
    A body may pause for `pause_s`, must otherwise come with `pace` bytes a second; an answer is over in `whole_s`.
    """

    requests: int = 64
    sessions: int = 250
    body: int = 256 * 1024 * 1024
    text: int = 32 * 1024 * 1024
    pause_s: float = 30.0
    pace: float = 1024.0
    whole_s: float = 3600.0

    def most(self, headers: Mapping[str, str]) -> int:
        """The bytes that a body with these headers may have."""
        kind = headers.get("content-type", "").lower()
        return min(self.text, self.body) if "json" in kind or "urlencoded" in kind else self.body


def _too_large(most: int) -> guard.TurnedAway:
    return guard.TurnedAway(413, f"Such a body may have {most} bytes.")


TOO_SLOW = guard.TurnedAway(408, "The body came too slowly.")
ENDING = guard.TurnedAway(503, "This server is being ended; ask again in a moment.", "api_error")


class _BodyError(Exception):
    """A body that is too long, or does not come."""


class Doors:
    """The ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, policy: guard.AccessPolicy, bounds: Bounds, figures: CollectorRegistry) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        self._app, self._policy, self._bounds = app, policy, bounds
        self._inside = {"http": 0, "websocket": 0}
        self._asked = Counter("voice_requests", "Requests by status", ["status"], registry=figures)
        self._took = Histogram("voice_request_seconds", "Seconds to the end of an answer", registry=figures)
        for kind, name in (("http", "requests"), ("websocket", "sessions")):
            now = Gauge(f"voice_{name}_now", f"{name.capitalize()} now", registry=figures)
            now.set_function(partial(self._inside.__getitem__, kind))

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
            most = self._bounds.most(headers)
            body = _Body(receive, self._bounds, answer, most) if scope["type"] == "http" else receive
            await self._served(scope, body, answer)
        self._asked.labels(str(answer.status)).inc()
        self._took.observe(time.monotonic() - answer.begun)
        answer.note()

    def _refused(self, scope: Scope, headers: Mapping[str, str]) -> guard.TurnedAway | None:
        query = scope.get("query_string", b"").decode("latin-1")
        found = guard.refusal(self._policy, headers, query, open_to_all=needs_no_key(scope["path"]))
        most = self._bounds.requests if scope["type"] == "http" else self._bounds.sessions
        if found is None and self._inside[scope["type"]] >= most:
            return guard.TurnedAway(429, "This server has no room now.")
        length = headers.get("content-length", "0")
        if found is None and (not length.isdigit() or int(length) > self._bounds.most(headers)):
            return _too_large(self._bounds.most(headers))
        return found

    async def _served(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        self._inside[scope["type"]] += 1
        try:
            async with asyncio.timeout(self._bounds.whole_s if scope["type"] == "http" else None):
                await self._app(_got(scope), receive, answer)
        except (_BodyError, TimeoutError):
            if answer.status:
                raise
            await answer.refuse(answer.instead or TOO_SLOW)
        except asyncio.CancelledError:  # the server ends, and has waited long enough
            if answer.status:
                raise
            await answer.refuse(ENDING)
        finally:
            self._inside[scope["type"]] -= 1


def _got(scope: Scope) -> Scope:
    """HEAD is GET whose body is left out, which whoever writes to the connection does."""
    return {**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope


class _Body:
    """Counts what a client sends, and waits for it only so long."""

    def __init__(self, receive: Receive, bounds: Bounds, answer: _Answer, most: int) -> None:
        self._receive, self._bounds, self._answer, self._most = receive, bounds, answer, most
        self._taken = 0
        self._whole = False

    async def __call__(self) -> Message:
        behind = time.monotonic() - self._answer.begun - self._taken / self._bounds.pace
        try:
            async with asyncio.timeout(None if self._whole else self._bounds.pause_s - max(0.0, behind)):
                message = await self._receive()
        except TimeoutError:
            raise self._refused(TOO_SLOW) from None
        if message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._taken > self._most:
                raise self._refused(_too_large(self._most))
        return message

    def _refused(self, words: guard.TurnedAway) -> _BodyError:
        """Whoever reads the body may take it for one that makes no sense: what is answered is decided here."""
        self._answer.instead = words
        return _BodyError()


class _Answer:
    """Sends the answer on, and remembers its status, and since when it is awaited."""

    def __init__(self, send: Send, scope: Scope) -> None:
        self._send, self._scope = send, scope
        self.status = 0
        self.instead: guard.TurnedAway | None = None
        self.begun = time.monotonic()
        self._id = uuid.uuid4().hex
        self._named = [(b"x-request-id", self._id.encode())]

    async def __call__(self, message: Message) -> None:
        if self.instead is not None:
            if not self.status:
                await self.refuse(self.instead)
            return
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._named]
        elif message["type"] == "websocket.accept":
            self.status = 101
        await self._send(message)

    async def refuse(self, refusal: guard.TurnedAway) -> None:
        """Refuses over HTTP, also where a WebSocket was asked for: it has not begun."""
        self.instead, self.status = refusal, refusal.status
        data = json.dumps(body(refusal.words, refusal.kind).model_dump()).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode()), *self._named]
        headers += [(b"retry-after", str(RETRY_S).encode())] if refusal.status in (429, 503) else []
        headers += [(b"connection", b"close")] if refusal.status in (408, 413) else []
        kind = "websocket.http" if self._scope["type"] == "websocket" else "http"
        await self._send({"type": f"{kind}.response.start", "status": refusal.status, "headers": headers})
        await self._send({"type": f"{kind}.response.body", "body": data})

    def note(self) -> None:
        """One line in JSON, without a word of what was said, a key or a query."""
        took = round((time.monotonic() - self.begun) * 1000, 1)
        known = {"id": self._id, "method": self._scope.get("method", "WS"), "path": self._scope["path"]}
        log.info(json.dumps(known | {"status": self.status, "ms": took}))
