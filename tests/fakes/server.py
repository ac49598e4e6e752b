"""A real HTTP/1.1 and WebSocket server on a real loopback socket, in a thread of its own.

Belongs here: the transport, what can go wrong with one (delays, drips, resets, stalls, cut bodies),
and a record of what was asked and of who hung up. Does not belong here: what any service means.

    with FakeServer() as server:
        server.on("/v1/models", Reply.json({"data": []}))           # replies in turn; the last one stays
        server.on("/v1/slow", Reply([b"a", 0.05, b"b", RESET]))     # a float waits that many seconds
        server.on("/v1/ask", handler)                               # def or async def handler(request) -> Reply
        server.on_socket("/v1/realtime", talk)                      # async def talk(socket)
        ... server.url, server.requests, server.hangups, await server.eventually(lambda: ...)

One port serves both HTTP and WebSocket. Handlers run in the server's thread and loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import math
import socket as sockets
import ssl
import struct
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import h11
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as WsRequest
from websockets.protocol import State
from websockets.server import ServerProtocol

from tests.waiting import eventually

MESSAGE_BYTES = 64 * 2**20
MADE_UP_S = 0.02
"""What a script is late by, up to this, is taken off its next wait: a service of 200 and 15 ms takes 215."""


class Act(Enum):
    """What a scripted body may do besides sending bytes and waiting."""

    RESET = "send a TCP reset"
    CUT = "close the connection without ending the body"
    STALL = "do nothing until the client leaves"


RESET, CUT, STALL = Act.RESET, Act.CUT, Act.STALL


class Gate:
    """Something that a script waits for and a test opens, from any thread."""

    def __init__(self) -> None:
        self.opened: Future[None] = Future()

    def open(self) -> None:
        if not self.opened.done():
            self.opened.set_result(None)

    async def wait(self) -> None:
        await asyncio.shield(asyncio.wrap_future(self.opened))


Step = bytes | float | Act | Gate
Steps = Iterable[Step] | Callable[[], AsyncIterator[Step]]


@dataclass(frozen=True)
class Request:
    """What a client sent. Header names are lower case; `path` has no query; `at` is time.monotonic()."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    connection: int = 0
    at: float = 0.0

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """An answer. `body` is bytes, or steps. `first` are steps before the head; `raw` sends steps only, unframed."""

    body: bytes | Steps = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    first: Iterable[Step] = ()
    raw: bool = False

    @classmethod
    def json(cls, data: Any, status: int = 200, **headers: str) -> Self:
        """`headers` are keyword arguments: underscores become hyphens."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        body = json.dumps(data, ensure_ascii=False).encode()
        return cls(body, status, {"content-type": "application/json"} | names)

    @classmethod
    def text(cls, text: str, status: int = 200, kind: str = "text/plain; charset=utf-8") -> Self:
        return cls(text.encode(), status, {"content-type": kind})

    @classmethod
    def sse(cls, steps: Steps, **headers: str) -> Self:
        return cls(steps, 200, {"content-type": "text/event-stream", "cache-control": "no-cache"} | headers)


@dataclass(frozen=True)
class Hangup:
    """A client that left while the server had more to send (or, on a WebSocket, to receive)."""

    path: str
    at: float


Handler = Callable[[Request], Reply | Awaitable[Reply]]
Talk = Callable[["Socket"], Awaitable[None]]


class FakeServer:
    """See the module. `app` answers what no `on` route does; 404 otherwise. `busy` counts answers under way."""

    def __init__(
        self,
        app: Handler | None = None,
        *,
        port: int = 0,
        greet: Iterable[Step] = (),
        tls: ssl.SSLContext | None = None,
        socket_app: Talk | None = None,
    ) -> None:
        self.app, self.wanted_port, self.greet, self.tls = app, port, tuple(greet), tls
        self.socket_app = socket_app
        self.routes: dict[str, list[Reply | Handler]] = {}
        self.talks: dict[str, Talk] = {}
        self.requests: list[Request] = []
        self.hangups: list[Hangup] = []
        self.connections = 0
        self.open_connections = 0
        self.busy = 0
        self.failures: list[BaseException] = []
        self.mangle: Callable[[Request, Reply], Awaitable[Reply]] | None = None
        """What becomes of every answer on its way: tests/faults puts a fault here."""
        self.mangle_talk: Callable[[Talk], Talk] | None = None
        """The same for every WebSocket."""

    # -- scripting -------------------------------------------------------------------------------

    def on(self, path: str, *replies: Reply | Handler) -> None:
        """Replies to requests for `path` in turn; the last one answers all that follow, none: as usual."""
        self.routes[path] = list(replies)

    def on_socket(self, path: str, talk: Talk) -> None:
        """Lets `talk` converse on every WebSocket opened at `path`."""
        self.talks[path] = talk

    def to(self, path: str) -> list[Request]:
        """The requests made for `path` so far."""
        return [request for request in self.requests if request.path == path]

    async def eventually(self, true: Callable[[], object], within: float = 30.0) -> None:
        """As tests.waiting.eventually."""
        await eventually(true, within)

    async def hung_up(self, path: str, within: float = 30.0) -> Hangup:
        """The first hang-up at `path`, waited for."""
        await self.eventually(lambda: any(h.path == path for h in self.hangups), within)
        return next(h for h in self.hangups if h.path == path)

    async def cancels(self, call: Coroutine[Any, Any, None]) -> None:
        """Cancels `call` while a request of it is answered here: a clock would strike before it came."""
        task = asyncio.create_task(call)
        await self.eventually(lambda: self.busy, 10)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    # -- life ------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        ready: Future[None] = Future()
        self.thread = threading.Thread(target=lambda: self.run(ready), daemon=True, name="fake server")
        self.thread.start()
        ready.result(10)
        return self

    def __exit__(self, *exc: object) -> None:
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(10)
        assert not self.thread.is_alive(), "the fake server hangs"
        if self.failures and exc[0] is None:
            raise self.failures[0]

    def run(self, ready: Future[None]) -> None:
        try:
            asyncio.run(self.main(ready))
        except BaseException as exc:
            if not ready.done():
                ready.set_exception(exc)
                return
            self.failures.append(exc)

    async def main(self, ready: Future[None]) -> None:
        self.loop, self.stop = asyncio.get_running_loop(), asyncio.Event()
        self.live: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self.accept, "127.0.0.1", self.wanted_port, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        scheme = "https" if self.tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self.ws_url = self.url.replace("http", "ws", 1)
        ready.set_result(None)
        await self.stop.wait()
        for _ in range(5):  # who came just now is begun: asyncio would leave his transport open
            await asyncio.sleep(0)
        server.close()
        for task in self.live:
            task.cancel()
        await asyncio.gather(*self.live, return_exceptions=True)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self.live.add(task)
        self.connections += 1
        self.open_connections += 1
        wire = Wire(reader, writer, self.connections)
        try:
            await wire.steps(self.greet)
            await self.serve(wire)
        except (ConnectionError, Left, ssl.SSLError, asyncio.CancelledError):
            pass
        except BaseException as exc:
            self.failures.append(exc)
        finally:
            self.open_connections -= 1
            self.live.discard(task)
            await wire.close()

    # -- HTTP ------------------------------------------------------------------------------------

    async def serve(self, wire: Wire) -> None:
        conn = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        while True:
            head = await wire.peek_head()
            if head is None:
                return
            if b"upgrade: websocket" in head.lower():
                await self.upgrade(wire)
                return
            request = await _receive(conn, wire)
            self.requests.append(request)
            if not await self.respond(conn, wire, request):
                return
            conn.start_next_cycle()

    async def respond(self, conn: h11.Connection, wire: Wire, request: Request) -> bool:
        """Send the answer while watching for the client to leave; whether the connection lives on."""
        self.busy += 1
        sending = asyncio.ensure_future(self.send(conn, wire, request))
        leaving = asyncio.ensure_future(wire.left())
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                self.hangups.append(Hangup(request.path, time.monotonic()))
                return False
            return sending.result()
        except (ConnectionError, Left):
            self.hangups.append(Hangup(request.path, time.monotonic()))
            return False
        finally:
            self.busy -= 1
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)

    async def send(self, conn: h11.Connection, wire: Wire, request: Request) -> bool:
        reply = await self.reply(request)
        if self.mangle:
            reply = await self.mangle(request, reply)
        await wire.steps(reply.first)
        if reply.raw:
            await wire.steps([reply.body] if isinstance(reply.body, bytes) else reply.body)
            return False
        whole = reply.body if isinstance(reply.body, bytes) else None
        length = {} if whole is None else {"content-length": str(len(whole))}
        headers = list(({**length, **reply.headers}).items())
        await wire.send(conn.send(h11.Response(status_code=reply.status, headers=headers)) or b"")
        if request.method != "HEAD":
            steps = [whole] if whole is not None else reply.body
            await wire.steps(steps, lambda data: conn.send(h11.Data(data=data)) or b"", since=request.at)
        await wire.send(conn.send(h11.EndOfMessage()) or b"")
        return conn.our_state is not h11.MUST_CLOSE

    async def reply(self, request: Request) -> Reply:
        queue = self.routes.get(request.path)
        if queue:
            answer = queue.pop(0) if len(queue) > 1 else queue[0]
        elif self.app:
            answer = self.app
        else:
            return Reply.json({"error": {"message": f"no route {request.path}"}}, 404)
        return await _given(answer, request)

    # -- WebSocket -------------------------------------------------------------------------------

    async def upgrade(self, wire: Wire) -> None:
        protocol = ServerProtocol(max_size=MESSAGE_BYTES)
        socket = Socket(wire, protocol)
        request = await socket.handshake()
        self.requests.append(request)
        talk = self.talks.get(request.path) or self.socket_app
        if talk is None:
            await socket.reject(404, "no such socket")
            return
        if self.mangle_talk:
            talk = self.mangle_talk(talk)
        self.busy += 1
        try:
            await talk(socket)
        except Left:
            self.hangups.append(Hangup(request.path, time.monotonic()))
        finally:
            self.busy -= 1
            with contextlib.suppress(ConnectionError, Left):
                await socket.close()


async def _given(answer: Reply | Handler, request: Request) -> Reply:
    found = answer if isinstance(answer, Reply) else answer(request)
    return await found if inspect.isawaitable(found) else found


async def whole(reply: Reply) -> bytes:
    """The body that `reply` would send, at once; steps that wait are left out."""
    if isinstance(reply.body, bytes):
        return reply.body
    return b"".join([step async for step in _each(reply.body) if isinstance(step, bytes)])


class Left(Exception):
    """The client closed the connection."""


class Wire:
    """One TCP connection: reads ahead, so that a client that leaves is noticed at once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader, self.writer, self.number = reader, writer, number
        self.ahead = bytearray()
        writer.get_extra_info("socket").setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)

    async def receive(self) -> bytes:
        """The next bytes; none at the end of the stream."""
        if self.ahead:
            data = bytes(self.ahead)
            self.ahead.clear()
            return data
        return await self.reader.read(1 << 16)

    async def peek_head(self) -> bytes | None:
        """The head of the next request, left in place; None when the client has closed."""
        while b"\r\n\r\n" not in self.ahead:
            data = await self.reader.read(1 << 16)
            if not data:
                return None
            self.ahead += data
            if self.ahead[0] == 0x16:  # TLS spoken to a plain server: answer as servers do
                await self.send(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
                return None
        return bytes(self.ahead).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    async def left(self) -> None:
        """Returns when the client has closed."""
        with contextlib.suppress(ConnectionError):
            while data := await self.reader.read(1 << 16):
                self.ahead += data

    async def send(self, data: bytes) -> None:
        if data:
            self.writer.write(data)
            await self.writer.drain()

    async def steps(
        self, steps: Steps, frame: Callable[[bytes], bytes] = lambda data: data, since: float = -math.inf
    ) -> None:
        """Do what a script says. Its waits follow one another from `since` on (time.monotonic())."""
        due = since
        async for step in _each(steps):
            match step:
                case bytes():
                    await self.send(frame(step) if step else b"")
                case Gate():
                    await step.wait()
                case Act.RESET:
                    self.reset()
                    raise Left
                case Act.CUT:
                    raise Left
                case Act.STALL:
                    await asyncio.Event().wait()
                case _:
                    now = time.monotonic()
                    due = (due if now - due < MADE_UP_S else now) + step
                    await asyncio.sleep(due - now)

    def reset(self) -> None:
        """Abort so that the client sees ECONNRESET, not an end of file."""
        socket = self.writer.get_extra_info("socket")
        socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
            await asyncio.wait_for(self.writer.wait_closed(), 1)


async def _each(steps: Steps) -> AsyncIterator[Step]:
    if callable(steps):
        async for step in steps():
            yield step
    else:
        for step in steps:
            yield step


async def _receive(conn: h11.Connection, wire: Wire) -> Request:
    head, body = None, bytearray()
    while True:
        event = conn.next_event()
        if event is h11.NEED_DATA:
            if conn.they_are_waiting_for_100_continue:
                await wire.send(conn.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            data = await wire.receive()
            if not data:  # in the middle of its request: it was killed
                raise Left
            conn.receive_data(data)
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            break
        else:
            raise Left
    assert head is not None
    headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
    return _request(head.method.decode(), head.target.decode(), headers, bytes(body), wire.number)


def _request(method: str, target: str, headers: Mapping[str, str], body: bytes, number: int) -> Request:
    parts = urlsplit(target)
    query = parse_qs(parts.query, keep_blank_values=True)
    return Request(method, unquote(parts.path), query, headers, body, number, time.monotonic())


class Socket:
    """The server's end of a WebSocket. Iterate over it for messages (str or bytes); Left when it breaks.

    Iteration ends when the client closes in good order.
    """

    request: Request

    def __init__(self, wire: Wire, protocol: ServerProtocol) -> None:
        self.wire, self.protocol = wire, protocol
        self.frames: list[Frame] = []
        self.close_code: int | None = None

    async def handshake(self) -> Request:
        """The opening request; it is accepted with the first message that is sent or received."""
        events: list[Any] = []
        while not events:
            self.protocol.receive_data(await self.wire.receive())
            events = self.protocol.events_received()
        opening = events[0]
        assert isinstance(opening, WsRequest)
        self.opening = opening
        headers = {name.lower(): value for name, value in opening.headers.raw_items()}
        self.request = _request("GET", opening.path, headers, b"", self.wire.number)
        return self.request

    async def accept(self) -> None:
        if self.protocol.state is State.CONNECTING:
            self.protocol.send_response(self.protocol.accept(self.opening))
            await self.flush()

    async def reject(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        """Refuse the handshake with an HTTP answer."""
        response = self.protocol.reject(status, text)
        response.headers.update(headers or {})
        self.protocol.send_response(response)
        await self.flush()

    async def left(self) -> None:
        """Returns when the client has closed; what it sends until then is not taken."""
        await self.wire.left()

    async def steps(self, steps: Steps) -> None:
        """Do what a script says on the bare connection, whatever the protocol would say."""
        await self.wire.steps(steps)

    async def send(self, message: str | bytes) -> None:
        await self.accept()
        if self.protocol.state is not State.OPEN:
            raise Left
        if isinstance(message, str):
            self.protocol.send_text(message.encode())
        else:
            self.protocol.send_binary(message)
        await self.flush()

    async def receive(self) -> str | bytes | None:
        """The next message; None when the client closed in good order; Left when the connection broke."""
        await self.accept()
        while True:
            message = self.message()
            if message is not None:
                return message
            if self.close_code is not None:
                return None
            data = await self.wire.receive()
            if data:
                self.protocol.receive_data(data)
            else:
                self.protocol.receive_eof()
            await self.flush()
            self.sort()
            if not data and self.close_code is None:
                raise Left

    def sort(self) -> None:
        for event in self.protocol.events_received():
            assert isinstance(event, Frame)
            if event.opcode is Opcode.CLOSE:
                # The protocol's own close_code is known only once the connection is gone.
                received = self.protocol.close_rcvd
                self.close_code = received.code if received else 1006
            elif event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                self.frames.append(event)

    def message(self) -> str | bytes | None:
        end = next((i for i, frame in enumerate(self.frames) if frame.fin), None)
        if end is None:
            return None
        frames, self.frames = self.frames[: end + 1], self.frames[end + 1 :]
        data = b"".join(frame.data for frame in frames)
        return data.decode() if frames[0].opcode is Opcode.TEXT else data

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str | bytes:
        message = await self.receive()
        if message is None:
            raise StopAsyncIteration
        return message

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close in good order, without waiting for the client's half."""
        if self.protocol.state is State.OPEN:
            self.protocol.send_close(code, reason)
            await self.flush()

    def reset(self) -> None:
        """Break the connection."""
        self.wire.reset()
        raise Left

    async def flush(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                await self.wire.send(data)
