"""The door to WebSocket services, against real servers on loopback that misbehave in every known way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.utils import accept_key

from tests.fakes.server import STALL, FakeServer, Socket
from tests.waiting import eventually
from voicecli.backends.qiniu.settings import QiniuSettings
from voicecli.backends.transport.structured import alongside
from voicecli.backends.transport.websocket import MESSAGE_BYTES, connect, socket_url
from voicecli.backends.transport.websocket import Socket as OurSocket
from voicecli.errors import (
    ConfigError,
    ProtocolError,
    RateLimitedError,
    RefusedError,
    ServiceError,
    UnreachableError,
    VoiceError,
)
from voicecli.types import Backend, Secret

pytestmark = pytest.mark.anyio

KEY = "sk-marked-secret-key"


def backend(**more: Any) -> Backend:
    settings: dict[str, Any] = {"key": Secret(KEY), "connect_timeout_s": 1.0, "timeout_s": 1.0}
    return QiniuSettings("work", "qiniu", **settings | more)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as it:
        it.on_socket("/echo", _echo)
        yield it


async def _echo(socket: Socket) -> None:
    async for message in socket:
        await socket.send(message)


async def received(socket: OurSocket) -> list[bytes | str]:
    """Every message until the peer closes in good order."""
    found = []
    while (message := await socket.receive()) is not None:
        found.append(message)
    return found


Answerer = Callable[[bytes], bytes | None]


@asynccontextmanager
async def raw(answer: bytes | Answerer | None, *, stay: bool = False) -> AsyncIterator[str]:
    """A TCP server that sends these bytes after a request's head, or nothing at all for None."""
    served: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        served.append(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            data = answer(head) if callable(answer) else answer
            writer.write(data or b"")
            if data is None or stay:
                await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/x"
    await asyncio.wait_for(asyncio.gather(*served), 2)


async def opened(url: str, **more: Any) -> None:
    async with connect(backend(**more), url):
        raise AssertionError("a connection that should not be")


# Carrying messages.


async def test_messages_of_both_kinds_go_both_ways(server: FakeServer) -> None:
    async with connect(backend(), server.url + "/echo") as socket:
        for message in ("words", b"bytes", "", b"", "x" * 2**20):
            await socket.send(message)
            assert await socket.receive() == message
    (request,) = server.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["user-agent"].startswith("voicecli/")
    assert "sec-websocket-extensions" not in request.headers


async def test_iteration_ends_when_the_peer_closes_in_good_order(server: FakeServer) -> None:
    async def three(socket: Socket) -> None:
        for each in ("one", b"two", "three"):
            await socket.send(each)
        await socket.close()

    server.on_socket("/three", three)
    async with connect(backend(), server.ws_url + "/three") as socket:
        assert await received(socket) == ["one", b"two", "three"]
        assert await socket.receive() is None
        with pytest.raises(ServiceError, match="closed the connection with code 1000"):
            await socket.send("more")
        assert socket.closed and not await socket.offer("more")


async def test_headers_are_merged_whatever_their_case(server: FakeServer) -> None:
    own = {"authorization": "Token other", "X-Own": "1", "VoiceType": "configured"}
    async with connect(backend(headers=own), server.url + "/echo", headers={"voicetype": "given"}) as socket:
        await socket.offer("hello")
    headers = server.requests[0].headers
    assert (headers["authorization"], headers["x-own"], headers["voicetype"]) == ("Token other", "1", "given")


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("http://h/p?q=1", "ws://h/p?q=1"),
        ("https://h:8/p", "wss://h:8/p"),
        ("ws://h", "ws://h"),
        ("wss://h", "wss://h"),
    ],
)
def test_http_addresses_become_socket_addresses(url: str, wanted: str) -> None:
    assert socket_url(url) == wanted


@pytest.mark.parametrize("url", ["", "h/p", "ftp://h/p", "ws://", "ws://h:99999/p", "ws://[h/p"])
def test_other_addresses_are_a_mistake_in_the_configuration(url: str) -> None:
    with pytest.raises(ConfigError, match="no address of a WebSocket"):
        socket_url(url)


# Connections that do not come about.


HANDSHAKES: list[tuple[int, type[VoiceError]]] = [
    (301, ServiceError),
    (400, ServiceError),
    (401, RefusedError),
    (403, RefusedError),
    (404, ServiceError),
    (429, RateLimitedError),
    (500, ServiceError),
    (503, ServiceError),
]


@pytest.mark.parametrize(("status", "kind"), HANDSHAKES)
async def test_a_refused_handshake_is_told_with_the_services_words(status: int, kind: type[VoiceError]) -> None:
    body = b'{"error":{"message":"their \\u001b[31mwords for ' + KEY.encode() + b'"}}'
    head = f"HTTP/1.1 {status} No\r\nContent-Length: {len(body)}\r\nRetry-After: 7\r\nConnection: close\r\n\r\n"
    async with raw(head.encode() + body) as url:
        with pytest.raises(kind) as caught:
            await opened(url)
    error = caught.value
    assert type(error) is kind and error.status == status and error.retry_after == 7
    assert error.who.startswith("work (127.0.0.1") and "their words for ****" in error.what


async def test_a_redirect_is_not_followed(server: FakeServer) -> None:
    async with raw(b"HTTP/1.1 307 Elsewhere\r\nLocation: " + server.ws_url.encode() + b"/echo\r\n\r\n") as url:
        with pytest.raises(ServiceError, match="307"):
            await opened(url)
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (b"", UnreachableError, "closed the connection without an answer"),
        (b"HTTP/1.1 101 Switch", UnreachableError, "closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", ProtocolError, "no HTTP"),
        (b"HTTP/1.1 101 Fine\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", ProtocolError, "handshake failed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", ServiceError, "hi"),
        (b"HTTP/1.1 500 No\r\n" + b"a: b\r\n" * 200 + b"\r\n", ProtocolError, "no HTTP"),
    ],
)
async def test_nonsense_in_the_handshake(answer: bytes, kind: type[VoiceError], words: str) -> None:
    async with raw(answer) as url:
        with pytest.raises(kind, match=words) as caught:
            await opened(url)
    assert type(caught.value) is kind


async def test_a_loopback_host_is_not_asked_for_through_the_environments_proxy(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with connect(backend(), server.url + "/echo") as socket:
        await socket.send("x")
        assert await socket.receive() == "x"


async def test_a_configured_proxy_that_refuses_is_told(server: FakeServer) -> None:
    async with raw(b"HTTP/1.1 407 No\r\n\r\n") as url:
        with pytest.raises(UnreachableError, match="proxy"):
            await opened(server.url + "/echo", proxy=url.replace("ws:", "http:").removesuffix("/x"))


# Connections that end badly.

CLOSES: list[tuple[int, type[VoiceError]]] = [
    (1002, ServiceError),
    (1008, ServiceError),
    (1011, ServiceError),
    (1013, RateLimitedError),
    (3000, RefusedError),
    (3003, RefusedError),
    (4001, ServiceError),
]


@pytest.mark.parametrize(("code", "kind"), CLOSES)
async def test_a_bad_close_names_code_and_reason(server: FakeServer, code: int, kind: type[VoiceError]) -> None:
    async def bye(socket: Socket) -> None:
        await socket.send("last words")
        await socket.close(code, f"over \x1b[1m{KEY}")

    server.on_socket("/bye", bye)
    async with connect(backend(), server.url + "/bye") as socket:
        assert await socket.receive() == "last words"
        for ask in (socket.receive(), socket.send("x")):
            with pytest.raises(kind, match=rf"code {code}: over \*\*\*\*") as caught:
                await ask
            assert type(caught.value) is kind
        assert not await socket.offer("x")


async def test_a_message_beyond_the_limit_is_refused(server: FakeServer) -> None:
    server.on_socket("/large", lambda socket: socket.send("x" * (MESSAGE_BYTES + 1)))
    async with connect(backend(), server.url + "/large") as socket:
        with pytest.raises(ProtocolError, match="broke the WebSocket protocol: 1009"):
            await socket.receive()


def accepted(head: bytes, rest: bytes = b"") -> bytes:
    """The answer that opens a WebSocket, and bytes that follow it."""
    lines = head.decode().split("\r\n")
    key = next(line.partition(": ")[2] for line in lines if line.lower().startswith("sec-websocket-key"))
    upgrade = b"HTTP/1.1 101 Fine\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    return upgrade + accept_key(key).encode() + b"\r\n\r\n" + rest


BROKEN_FRAMES = {
    "reserved bits": b"\xff\xff\xff\xff",
    "an unknown opcode": b"\x83\x00",
    "a masked frame": b"\x81\x81\x00\x00\x00\x00x",
    "text that is no UTF-8": b"\x81\x01\xff",
    "a fragmented ping": b"\x09\x00",
    "a frame of 2**63 bytes": b"\x82\x7f\x7f" + b"\xff" * 7,
    "compression that nobody agreed on": b"\xc1\x00",
}


@pytest.mark.parametrize("name", BROKEN_FRAMES)
async def test_broken_frames_are_nonsense_even_when_the_peer_stays(name: str) -> None:
    async with raw(lambda head: accepted(head, BROKEN_FRAMES[name]), stay=True) as url:
        begun = time.monotonic()
        async with connect(backend(), url) as socket:
            with pytest.raises(ProtocolError, match="broke the WebSocket protocol"):
                await socket.receive()
    assert time.monotonic() - begun < 3


async def test_a_peer_that_says_goodbye_and_stays_has_gone() -> None:
    goodbye = b"\x81\x02hi\x88\x02\x03\xe8"
    async with raw(lambda head: accepted(head, goodbye), stay=True) as url, connect(backend(), url) as socket:
        assert await received(socket) == ["hi"]


async def test_a_peer_that_reads_nothing_is_given_up_and_left_soon(server: FakeServer) -> None:
    async def deaf(socket: Socket) -> None:
        await socket.accept()
        await asyncio.Event().wait()

    server.on_socket("/deaf", deaf)
    async with connect(backend(timeout_s=0.3), server.url + "/deaf") as socket:
        with pytest.raises(UnreachableError, match="stopped reading"):
            for _ in range(100):
                await socket.send(bytes(2**20))
        left = time.monotonic()
    assert time.monotonic() - left < 3


async def test_a_peer_that_does_not_close_is_left_soon(server: FakeServer) -> None:
    async def stay(socket: Socket) -> None:
        await socket.accept()
        await asyncio.Event().wait()

    server.on_socket("/stay", stay)
    async with connect(backend(), server.url + "/stay"):
        left = time.monotonic()
    assert time.monotonic() - left < 3


async def test_leaving_in_the_middle_of_a_flood_is_soon_done(server: FakeServer) -> None:
    async def flood(socket: Socket) -> None:
        while True:
            await socket.send(bytes(100_000))

    server.on_socket("/flood", flood)
    async with connect(backend(), server.url + "/flood") as socket:
        assert await socket.receive()
        left = time.monotonic()
    assert time.monotonic() - left < 3
    await server.eventually(lambda: server.open_connections == 0)


@pytest.mark.parametrize("moment", ["connecting", "waiting"])
async def test_cancelling_leaves_no_task_and_no_connection(server: FakeServer, moment: str) -> None:
    async def wait(url: str) -> None:
        async with connect(backend(connect_timeout_s=30), url) as socket:
            await socket.receive()

    with FakeServer(greet=[STALL]) as silent:
        task = asyncio.create_task(wait((silent if moment == "connecting" else server).url + "/echo"))
        await eventually(lambda: server.busy or silent.open_connections)
        others = asyncio.all_tasks() - {task}
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() <= others
    await server.eventually(lambda: server.open_connections == 0)


# Work beside a block.


async def test_the_end_of_the_block_cancels_the_work_beside_it() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("work")

    async with alongside(work(), work()):
        await asyncio.sleep(0)
    assert ended == ["work", "work"]


async def test_the_failure_of_the_work_ends_the_block_with_the_single_error() -> None:
    async def fail() -> None:
        raise ServiceError("mine") from KeyError("why")

    with pytest.raises(ServiceError, match="mine") as caught:
        async with alongside(fail()):
            await asyncio.Event().wait()
    assert isinstance(caught.value.__cause__, KeyError)


async def test_the_blocks_own_error_stays_itself_and_work_that_is_done_is_fine() -> None:
    async def done() -> None:
        pass

    with pytest.raises(KeyError, match="mine"):
        async with alongside(done()):
            await asyncio.sleep(0)
            raise KeyError("mine")


async def test_when_both_fail_ours_is_told() -> None:
    async def fail() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ServiceError("ours") from None

    with pytest.raises(ServiceError, match="ours"):
        async with alongside(fail()):
            await asyncio.sleep(0)
            raise ValueError("theirs")


async def test_a_used_up_quota_is_no_rate_limit() -> None:
    body = b'{"error":{"message":"pay","code":"insufficient_quota"}}'
    async with raw(b"HTTP/1.1 429 No\r\nContent-Length: %d\r\n\r\n" % len(body) + body) as url:
        with pytest.raises(RefusedError, match="pay"):
            await opened(url)


async def test_a_proxy_of_an_unknown_kind_is_a_mistake_in_the_configuration(server: FakeServer) -> None:
    with pytest.raises(ConfigError, match="proxy"):
        await opened(server.url + "/echo", proxy="gopher://127.0.0.1:9")


async def test_a_header_can_not_hold_a_line_break(server: FakeServer) -> None:
    with pytest.raises(ConfigError, match="X-Own"):
        async with connect(backend(), server.url + "/echo", headers={"X-Own": "a\r\nb: c"}):
            pass
    assert server.requests == []
