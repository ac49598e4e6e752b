"""What a hostile service may send: more, longer, deeper, for ever, and elsewhere. It fails a request, and no more.

Each row goes through the adapter that would meet it. TLS is real: the tests' own certificate is trusted while they
run. Does not belong here: faults that happen by themselves (tests/faults), the doors' own limits (test_http.py,
test_websocket.py).
"""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backends.test_websocket import accepted, raw
from tests.contracts import CELLS, Cell
from tests.fakes import tls
from tests.fakes.pictures import mp4, png
from tests.fakes.qiniu_server import QiniuServer, answer
from tests.fakes.server import FakeServer, Reply, Socket, Step
from tests.serving import serving
from voicecli.backends.openai import pictures
from voicecli.backends.qiniu.settings import QiniuSettings
from voicecli.backends.registry import FAMILIES
from voicecli.backends.transport import http, results, retry, sse, websocket
from voicecli.backends.transport.download import download
from voicecli.backends.transport.http import HttpService
from voicecli.backends.transport.results import PICTURE, VIDEO, fetched
from voicecli.backends.transport.websocket import connect
from voicecli.errors import ProtocolError, ServiceError, UnreachableError, VoiceError
from voicecli.types import Backend, Secret, SpeechRequest, Verb
from voicecli.verbs import VERBS

pytestmark = pytest.mark.anyio

server = serving(FakeServer)

KEY = "sk-limits-0123456789-never-elsewhere"
BROKEN = ("!!!", "QQ", "QUJD\u00e9", "=" * 9, "QUJD" * 1000 + "Q")


def service(url: str, **settings: Any) -> HttpService:
    fixed: dict[str, Any] = {"key": Secret(KEY), "headers": {"X-Team": "speech"}, "timeout_s": 5.0}
    return HttpService(Backend("work", "openai", base_url=url, **(fixed | settings)))


def cell(family: str, verb: Verb, path: str = "") -> Cell:
    return next(each for each in CELLS if (each.family, each.verb) == (family, verb) and path in each.paths[0])


async def meets(which: Cell, reply: Reply, **settings: Any) -> VoiceError:
    """The error that the verb's adapter makes of this answer."""
    with which.serve() as running:
        which.wire(running).on(which.paths[0], reply)
        backend = which.backend(running, **settings)
        with pytest.raises(VoiceError) as caught:
            async with (
                which.opened(backend) as adapter,
                which.call(adapter) as items,
            ):
                async for _ in items:
                    pass
        await which.wire(running).eventually(lambda: which.wire(running).open_connections == 0)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 700
    return caught.value


async def speak(backend: Backend, format: str = "mp3") -> bytes:
    """What qiniu's voice says."""
    async with (
        FAMILIES["qiniu"].at_best.speak(backend) as mouth,  # type: ignore[misc]
        mouth.speak(SpeechRequest("12", format=format)) as chunks,
    ):
        return b"".join([each.data async for each in chunks])


# -- base64 ----------------------------------------------------------------------------------------

IN_BASE64: dict[str, tuple[Cell, Any]] = {
    "speech of qiniu": (cell("qiniu", "speak"), lambda text: Reply.json({"sequence": -1, "data": text})),
    "speech in events": (
        cell("openai", "speak"),
        lambda text: Reply.sse([b"data: " + json.dumps({"type": "speech.audio.delta", "audio": text}).encode()]),
    ),
    "picture": (cell("openai", "image_make"), lambda text: Reply.json({"data": [{"b64_json": text}]})),
}


async def over_http(which: Cell, reply: Reply) -> VoiceError:
    if which.family != "qiniu":
        return await meets(which, reply, extra={"speak": {"stream_format": "sse"}})
    with QiniuServer() as server:
        server.on("/v1/voice/tts", reply)
        with pytest.raises(VoiceError) as caught:
            await speak(which.backend(server), "wav")
    return caught.value


@pytest.mark.parametrize("name", IN_BASE64)
async def test_sound_and_pictures_in_base64_have_a_limit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "_BYTES", http.BODY_BYTES)  # that of pictures would take this test seconds
    which, reply = IN_BASE64[name]
    error = await over_http(which, reply("A" * (http.BODY_BYTES + 4)))
    assert type(error) is ProtocolError and "more than" in str(error) and "bytes" in str(error)


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
@pytest.mark.parametrize("name", IN_BASE64)
async def test_broken_base64_is_the_services_fault(name: str, text: str) -> None:
    which, reply = IN_BASE64[name]
    error = await over_http(which, reply(text))
    assert type(error) is ProtocolError and "base64" in str(error)


# -- packed ----------------------------------------------------------------------------------------

PACKED = {"content-encoding": "gzip"}


@pytest.fixture(scope="module")
def bomb() -> bytes:
    return gzip.compress(bytes(100_000_000))


@pytest.mark.parametrize(
    ("family", "verb"),
    [("openai", "chat"), ("openai", "transcribe"), ("gov", "chat"), ("selfhosted", "transcribe")],
)
async def test_a_bomb_fills_no_memory(family: str, verb: Verb, bomb: bytes) -> None:
    tracemalloc.start()
    error = await meets(cell(family, verb), Reply(bomb, 200, {"content-type": "application/json", **PACKED}))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(error, ServiceError) and peak < 3 * http.BODY_BYTES


async def test_a_bomb_in_a_refusal_is_cut(bomb: bytes) -> None:
    error = await meets(cell("openai", "chat"), Reply(bomb, 400, PACKED))
    assert error.status == 400


# -- counts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"\n" * 50, b": ping\n\n" * 20, b"data: x\n\n" * 20, b"{}\r" * 30])
async def test_lines_and_events_are_counted(server: FakeServer, body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small ones would pass every limit of size, and keep the program busy for hours."""
    monkeypatch.setattr(sse, "LINES", 20)
    server.on("/x", Reply([body[:30], body[30:]]))
    async with service(server.url) as work:
        for read in ("lines", "events"):
            with pytest.raises(ProtocolError, match="more than 20 lines"):
                async with work.stream("GET", "/x") as reply:
                    async for _ in getattr(reply, read)():
                        pass


async def test_as_many_lines_as_allowed_are_read(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LINES", 20)
    server.on("/x", Reply(b"data: x\n\n" * 10))
    async with service(server.url) as work, work.stream("GET", "/x") as reply:
        assert len([each async for each in reply.events()]) == 10


async def test_many_small_headers_are_refused(server: FakeServer) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + b"".join(b"h%d:\r\n" % number for number in range(40_000))
    server.on("/x", Reply([head, b"content-length: 2\r\n\r\n{}"], raw=True))
    async with service(server.url) as work:
        with pytest.raises(UnreachableError):
            await work.json("GET", "/x")


async def test_many_headers_of_a_handshake_are_refused() -> None:
    many = b"".join(b"h%d: x\r\n" % number for number in range(5000))

    def head(asked: bytes) -> bytes:
        return accepted(asked).replace(b"\r\n\r\n", b"\r\n" + many + b"\r\n")

    async with raw(head) as url:
        with pytest.raises(ServiceError, match="no HTTP"):
            async with connect(QiniuSettings("work", "qiniu", timeout_s=2.0), url):
                pass


async def flood(socket: Socket, message: str | bytes, count: int) -> None:
    for _ in range(count):
        await socket.send(message)
    async for _ in socket:
        pass


@pytest.mark.parametrize(("messages", "size"), [(10, 1 << 20), (1 << 20, 64)])
async def test_messages_of_a_socket_are_counted(
    server: FakeServer, messages: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "MESSAGES", messages)
    monkeypatch.setattr(websocket, "SOCKET_BYTES", size)
    server.on_socket("/x", lambda socket: flood(socket, b"12345678", 11))
    async with connect(QiniuSettings("work", "qiniu", timeout_s=2.0), f"{server.url}/x") as socket:
        got = 0
        with pytest.raises(ProtocolError, match="sent more than"):
            while await socket.receive():
                got += 1
    assert got == min(10, size // 8)


async def test_a_message_in_frames_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty ones stay below every size."""
    monkeypatch.setattr(websocket, "FRAGMENTS", 100)
    whole = b"\x01\x01a" + b"\x00\x00" * 98 + b"\x80\x01b"
    endless, backend = b"\x01\x00" + b"\x00\x00" * 500, QiniuSettings("work", "qiniu", timeout_s=2.0)
    async with (
        raw(lambda head: accepted(head, whole + endless), stay=True) as url,
        connect(backend, url) as socket,
    ):
        assert await socket.receive() == "ab"
        with pytest.raises(ProtocolError, match=r"broke the WebSocket protocol: 1009.*100 frames"):
            await socket.receive()


# -- time ------------------------------------------------------------------------------------------


async def _for_ever(first: bytes, piece: bytes) -> AsyncIterator[Step]:
    yield first
    while True:
        yield piece
        yield 0.01


SLOW: dict[str, tuple[Cell, bytes, bytes, str]] = {
    "sound": (cell("openai", "speak"), b"\x01\x00" * 50, b"\x01\x00", "audio/pcm"),
    "recognised lines": (cell("selfhosted", "transcribe"), b'{"partial_text": "1"}\n', b"\n", "application/x-ndjson"),
    "thoughts": (cell("openai", "chat"), b"", b": still thinking\n\n", "text/event-stream"),
    "numbers": (cell("openai", "embed"), b'{"data": [', b" ", "application/json"),
}


@pytest.mark.parametrize("name", SLOW)
async def test_what_comes_slowly_and_for_ever_is_cut_at_the_total_deadline(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Something always comes within timeout_s."""
    which, first, piece, kind = SLOW[name]
    rule = retry.Rule(retry.ANY, patience=0.5)
    monkeypatch.setattr(retry, "RULES", {VERBS[which.verb].retry: rule})
    reply = Reply(lambda: _for_ever(first, piece), 200, {"content-type": kind})
    async with asyncio.timeout(4):
        error = await meets(which, reply, timeout_s=1.0)
    assert type(error) is UnreachableError and "did not come to an end in time" in str(error)


async def test_speech_over_a_socket_ends_at_the_total_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "RULES", {"ask": retry.Rule(retry.ANY, patience=0.5)})

    async def endless(socket: Socket) -> None:
        await socket.receive()
        number = 0
        while True:
            number += 1
            await socket.send(answer(b"\1\0" * 10, number))
            await asyncio.sleep(0.01)

    with QiniuServer() as server:
        server.on_socket("/v1/voice/tts", endless)
        backend = cell("qiniu", "speak").backend(server, timeout_s=1.0)
        with pytest.raises(UnreachableError, match="did not come to an end in time"):
            async with asyncio.timeout(4):
                await speak(backend)
        await server.eventually(lambda: server.open_connections == 0)


# -- elsewhere, over TLS ---------------------------------------------------------------------------

DATA = png("4071")


@pytest.fixture
def trusted(tmp_path: Path) -> Iterator[None]:
    with tls.trusted(tmp_path):
        yield


@pytest.fixture
def secure(trusted: None) -> Iterator[FakeServer]:
    with FakeServer(tls=tls.server_context()) as server:
        yield server


@pytest.fixture
def store(trusted: None) -> Iterator[FakeServer]:
    with FakeServer(tls=tls.server_context()) as server:
        yield server


async def fetch(base: str, address: str, what: str = PICTURE) -> bytes:
    async with service(base) as work, fetched(work, address, what) as chunks:
        return b"".join([each.data async for each in chunks])


def keyless(server: FakeServer) -> bool:
    """Whether it was asked, and never shown the key or the headers that go with it."""
    told = [dict(request.headers) for request in server.requests]
    return bool(told) and not any({"authorization", "x-team"} & set(each) or KEY in str(each) for each in told)


async def test_over_tls_the_key_goes_to_the_service_alone(secure: FakeServer, store: FakeServer) -> None:
    secure.on("/a.png", Reply(DATA))
    store.on("/b.png", Reply(b"", 302, {"location": "/c.png"}))
    store.on("/c.png", Reply(DATA))
    assert await fetch(secure.url, "a.png") == await fetch(secure.url, f"{store.url}/b.png") == DATA
    assert secure.requests[0].headers["authorization"] == f"Bearer {KEY}" and keyless(store)


async def test_a_redirect_between_hosts_over_tls_carries_nothing(secure: FakeServer, store: FakeServer) -> None:
    """`localhost` is another host than `127.0.0.1`, and the certificate holds for both."""
    elsewhere = store.url.replace("127.0.0.1", "localhost")
    with FakeServer(tls=tls.server_context()) as first:
        first.on("/a.png", Reply(b"", 307, {"location": f"{elsewhere}/b.png"}))
        store.on("/b.png", Reply(DATA))
        assert await fetch(secure.url, f"{first.url}/a.png") == DATA
        assert keyless(first) and keyless(store)


@pytest.mark.parametrize("what", [PICTURE, VIDEO])
async def test_a_result_is_never_fetched_from_https_by_http(secure: FakeServer, what: str) -> None:
    with FakeServer() as plain, FakeServer(tls=tls.server_context()) as store:
        plain.on("/a", Reply(DATA if what == PICTURE else mp4("1")))
        for server in (secure, store):
            server.on("/a", Reply(b"", 302, {"location": f"{plain.url}/a"}))
            with pytest.raises(ServiceError, match=r"redirects to http://127\.0\.0\.1.*not followed"):
                await fetch(secure.url, f"{server.url}/a", what)
        assert plain.requests == []


async def test_a_download_is_never_redirected_from_https_to_http(secure: FakeServer) -> None:
    with FakeServer() as plain:
        secure.on("/a.wav", Reply(b"", 302, {"location": f"{plain.url}/a.wav"}))
        with pytest.raises(ServiceError, match="not followed"):
            await download(f"{secure.url}/a.wav", io.BytesIO(), 1000)
        assert plain.requests == []
        plain.on("/b.wav", Reply(b"", 302, {"location": f"{secure.url}/c.wav"}))
        secure.on("/c.wav", Reply(b"sound"))
        file = io.BytesIO()
        await download(f"{plain.url}/b.wav", file, 1000)
        assert file.getvalue() == b"sound"


async def test_a_socket_over_tls_is_as_good_and_follows_no_redirect(trusted: None) -> None:
    with QiniuServer(tls=tls.server_context()) as server, FakeServer() as plain:
        backend = cell("qiniu", "speak").backend(server)
        assert await speak(backend)

        async def moved(socket: Socket) -> None:
            await socket.reject(307, "", {"location": f"{plain.ws_url}/v1/voice/tts"})

        server.on_socket("/v1/voice/tts", moved)
        with pytest.raises(ServiceError):
            await speak(backend)
        assert plain.requests == []


async def test_a_result_that_never_ends_is_cut_by_its_size(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(results._LIMITS, VIDEO, 100_000)

    async def steps() -> AsyncIterator[Step]:
        yield mp4("1")
        while True:
            yield bytes(10_000)

    server.on("/a.mp4", Reply(steps))
    with pytest.raises(ProtocolError, match="more than 100000 bytes"):
        await fetch(server.url, "a.mp4", VIDEO)
    await server.hung_up("/a.mp4")
