"""The WebSocket at `/v1/realtime`.

Belongs here: accepting, reading, writing, ending. Does not belong here: what is said (session).
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from voicecli.errors import VoiceError, culprit
from voicecli.server.realtime.book import Book
from voicecli.server.realtime.session import ClientSession
from voicecli.server.realtime.settings import Json
from voicecli.server.refusals import Refused, told

router = APIRouter()

BETA = "openai-beta.realtime-v1"
"""What browsers send in place of the header."""
BEHIND = 2000
"""Events that may wait for a slow client: half a minute of a reply."""
SESSION_S = 3600.0
FAILED, TOO_SLOW, EXPIRED = 1011, 1013, 1001


class _Over(Exception):
    """The session ends, with a close code and a reason."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@router.websocket("/v1/realtime")
async def realtime(socket: WebSocket) -> None:
    """One session. `?model=` is the chat model, `?intent=transcription` wants words alone."""
    offered = socket.scope.get("subprotocols") or []
    await socket.accept("realtime" if "realtime" in offered else None)
    beta = "realtime=v1" in socket.headers.get("openai-beta", "") or BETA in offered
    transcribes = socket.query_params.get("intent") == "transcription"
    model = socket.query_params.get("model") or "gpt-realtime"
    book = Book(uuid.uuid4().hex[:12], model, transcribes=transcribes, beta=beta)
    with suppress(WebSocketDisconnect, RuntimeError):  # RuntimeError: it is closed already
        try:
            async with _closing(socket, book):
                await _serve(socket, book)
        except _Over as over:
            await socket.close(over.code, over.reason)


@asynccontextmanager
async def _closing(socket: WebSocket, book: Book) -> AsyncIterator[None]:
    """What ends a session as a close code; what failed is told before, in words of our own."""
    try:
        async with asyncio.timeout(SESSION_S):
            yield
    except TimeoutError:
        raise _Over(EXPIRED, "A session lasts an hour.") from None
    except Exception as exc:
        error = culprit(exc)
        if isinstance(error, (_Over, WebSocketDisconnect)):
            raise error from None
        socket.app.state.report.warn(f"/v1/realtime: {type(error).__name__}: {error}")
        message = (error.told if isinstance(error, Refused) else told(error)).body.error.message
        expected = isinstance(error, (VoiceError, Refused))
        await socket.send_text(json.dumps(book.error(message, code=None if expected else "server_error")))
        raise _Over(FAILED, message[:100]) from None


async def _serve(socket: WebSocket, book: Book) -> None:
    out: asyncio.Queue[list[Json]] = asyncio.Queue(BEHIND)

    def tell(events: list[Json]) -> None:
        try:
            out.put_nowait(events)
        except asyncio.QueueFull:
            raise _Over(TOO_SLOW, "The client reads too slowly.") from None

    session = ClientSession(socket.app.state.pool, book, tell)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(session.run())
        tasks.create_task(_write(socket, out))
        tasks.create_task(_read(socket, session))


async def _read(socket: WebSocket, session: ClientSession) -> None:
    """Raises WebSocketDisconnect when the client is gone."""
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        text = message.get("text")
        await session.receive(text if text is not None else (message.get("bytes") or b"").decode("utf-8", "replace"))


async def _write(socket: WebSocket, out: asyncio.Queue[list[Json]]) -> None:
    while True:
        for event in await out.get():
            await socket.send_text(json.dumps(event))
