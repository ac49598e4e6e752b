"""What somebody may try against `voice serve`, each with its answer: the table of docs/serve.md, row by row."""

from __future__ import annotations

import asyncio
import io
import json
import resource
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile as sf
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.server.conftest import Served, keep_key, serving
from voicecli.config import load
from voicecli.server.app import app_of
from voicecli.server.doors import Bounds
from voicecli.server.guard import AccessPolicy
from voicecli.server.listening import HEADERS_S, WAITING
from voicecli.server.realtime.route import BEHIND
from voicecli.server.reporting import Log
from voicecli.wiring.services import Services

CHAT = {"model": "default", "messages": [{"role": "user", "content": "189"}]}


def works(server: Served) -> bool:
    """Somebody with a question is answered as ever."""
    with server.client() as client:
        return bool(client.post("/v1/chat/completions", json=CHAT).json()["choices"][0]["message"]["content"] == "290.")


# -- who may ask -------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}, {"origin": "null"}])
def test_name_rebinding_and_pages_of_others(served: Served, client: httpx.Client, headers: dict[str, str]) -> None:
    for path in ("/", "/v1/models", "/health"):
        assert client.get(path, headers=headers).status_code == 403
    assert client.post("/v1/chat/completions", json=CHAT, headers=headers).status_code == 403
    assert refused(served, additional_headers=headers) == 403


def refused(server: Served, query: str = "", **options: object) -> int:
    """With which status a WebSocket is not let in."""

    async def act() -> int:
        with pytest.raises(InvalidStatus) as found:
            async with connect(f"ws://127.0.0.1:{server.port}/v1/realtime{query}", proxy=None, **options):  # type: ignore[arg-type]
                raise AssertionError("it was let in")
        return found.value.response.status_code

    return asyncio.run(act())


def test_no_key_and_wrong_ones(tmp_path: Path) -> None:
    with pytest.raises(AssertionError), serving(tmp_path, "--host", "0.0.0.0"):
        raise RuntimeError("it listens without a key")
    keep_key(tmp_path)
    with serving(tmp_path, "--host", "0.0.0.0") as server, server.client() as client:
        statuses = {"": 401, "Bearer wrong": 401, "Bearer sesame-1234": 200, "Basic sesame-1234": 401}
        for value, status in statuses.items():
            assert client.get("/v1/models", headers={"authorization": value}).status_code == status
        assert [client.get(path).status_code for path in ("/health", "/", "/metrics")] == [200, 200, 401]
        assert (refused(server), refused(server, "?api_key=wrong")) == (401, 401)


# -- too much, too slowly ----------------------------------------------------------------------------


def ask(bounds: Bounds, body: Callable[[], AsyncIterator[bytes]], env: dict[str, str]) -> httpx.Response:
    """The application in this process, so that its bounds can be small."""
    app = app_of(Services(load(env), env, Log()), AccessPolicy(), bounds)

    async def act() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            head = {"content-type": "application/json"}
            return await client.post("/v1/chat/completions", content=body(), headers=head)

    return asyncio.run(act())


def test_a_body_of_10_gb_is_not_read(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as door:
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10000000000\r\n\r\n"
        door.sendall(head.encode())
        assert b" 413 " in door.recv(4096)


def test_a_body_that_would_become_twenty_times_itself_is_not_parsed(served: Served) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as door:
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: Application/JSON\r\n"
        door.sendall(f"{head}Content-Length: 40000000\r\n\r\n".encode())
        assert b" 413 " in door.recv(4096)


@pytest.mark.parametrize("item", [b"1", b'{"role": "user", "content": "189"}'])
def test_many_messages_are_refused_at_the_first_that_is_too_much(client: httpx.Client, item: bytes) -> None:
    """All that is wrong with them was told before, in a minute and gigabytes."""
    body = b'{"messages": [' + b",".join([item] * 500_000) + b"]}"
    found = client.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
    assert (found.status_code, len(found.content) < 500) == (400, True)


def test_a_body_without_a_length_is_counted(home: dict[str, str]) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b'{"messages": "' + bytes(400)

    assert ask(Bounds(body=1000), endless, home).status_code == 413


def test_a_body_that_trickles_is_not_waited_for(home: dict[str, str]) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.05)
            yield b" "

    began = time.monotonic()
    assert ask(Bounds(pause_s=0.3), trickle, home).status_code == 408
    assert time.monotonic() - began < 3


def test_slow_heads_are_not_waited_for(served: Served) -> None:
    """One that trickles on has no more time than one that is silent."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as door:
        began = time.monotonic()
        door.sendall(b"GET /v1/models HTTP/1.1\r\nHost: ")
        assert door.recv(4096) == b""
        assert time.monotonic() - began < HEADERS_S + 3


def test_ten_thousand_connections_leave_room_for_one_who_asks(served: Served) -> None:
    """They say nothing; as many descriptors as this process may have, up to 10,000."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    doors: list[socket.socket] = []
    try:
        for _ in range(min(10_000, hard - 500)):
            doors.append(socket.create_connection(("127.0.0.1", served.port)))
        assert works(served)
        held = len(list(Path(f"/proc/{served.process.pid}/fd").iterdir()))
    finally:
        for each in doors:
            each.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert held < WAITING + 100
    assert works(served)


def test_a_full_server_says_when_to_come_again(home: dict[str, str]) -> None:
    """Before a byte of the body is read."""
    app = app_of(Services(load(home), home, Log()), AccessPolicy(), Bounds(requests=1))

    async def act() -> tuple[int, str, list[bytes]]:
        read: list[bytes] = []
        inside = asyncio.Event()

        async def held() -> AsyncIterator[bytes]:
            inside.set()
            await asyncio.Event().wait()
            yield b"{}"

        async def counted() -> AsyncIterator[bytes]:
            read.append(b"{}")
            yield b"{}"

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            first = asyncio.create_task(client.post("/v1/chat/completions", content=held()))
            await inside.wait()
            second = await client.post("/v1/chat/completions", content=counted())
            first.cancel()
        return second.status_code, second.headers["retry-after"], read

    status, wait, read = asyncio.run(act())
    assert (status, read) == (429, []) and int(wait) > 0


def test_a_client_that_does_not_read_is_left_and_its_items_do_not_pile_up(served: Served) -> None:
    """Others notice nothing; of many large items the oldest are gone."""

    async def act() -> tuple[bool, int]:
        uri = f"ws://127.0.0.1:{served.port}/v1/realtime"
        async with connect(uri, proxy=None, max_queue=1, max_size=None) as socket:
            await socket.recv()
            content = [{"type": "input_text", "text": "x" * 900_000}]
            for at in range(12):
                item = {"type": "message", "role": "user", "content": content, "id": f"item{at}"}
                await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
                while json.loads(await socket.recv())["type"] != "conversation.item.done":
                    pass
            await socket.send(json.dumps({"type": "conversation.item.retrieve", "item_id": "item0"}))
            gone = json.loads(await socket.recv())["type"] == "error"
            with pytest.raises(ConnectionClosed) as found:
                async with asyncio.timeout(30):
                    for _ in range(4 * BEHIND):
                        await socket.send(json.dumps({"type": "conversation.item.retrieve", "item_id": "item11"}))
                    while True:
                        await socket.recv()
        return gone, found.value.rcvd.code if found.value.rcvd else 0

    assert asyncio.run(act()) == (True, 1013)
    assert works(served)


# -- bombs -------------------------------------------------------------------------------------------


def test_a_packed_body_is_not_unpacked(client: httpx.Client) -> None:
    import gzip

    bomb = gzip.compress(json.dumps(CHAT).encode() + bytes(50_000_000))
    head = {"content-type": "application/json", "content-encoding": "gzip"}
    found = client.post("/v1/chat/completions", content=bomb, headers=head)
    assert found.status_code == 400


def test_a_recording_of_days_is_refused(client: httpx.Client) -> None:
    """Silence of 14 hours, as a few kilobytes of FLAC may tell it."""
    file = io.BytesIO()
    sf.write(file, np.zeros(16_000, np.int16), 16_000, format="FLAC")
    data = bytearray(file.getvalue())
    (packed,) = struct.unpack(">Q", data[18:26])
    data[18:26] = struct.pack(">Q", packed >> 36 << 36 | 14 * 3600 * 16_000)
    found = client.post("/v1/audio/transcriptions", files={"file": ("a.flac", bytes(data))})
    assert (found.status_code, "hours" in found.text) == (413, True)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b'{"messages": ' + b"9" * 100_000, b"\xff\xfe\0"])
def test_json_that_is_deep_or_broken(client: httpx.Client, body: bytes) -> None:
    found = client.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
    assert found.status_code == 400


def test_a_form_of_many_fields(client: httpx.Client) -> None:
    found = client.post("/synthesize", files=[(f"field{at}", ("", b"x")) for at in range(5000)])
    assert (found.status_code, found.json()["error"]["type"]) == (400, "invalid_request_error")


# -- frames ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        b"\xff\xff" + bytes(100),  # reserved bits, reserved opcode
        b"\x81\x05hello",  # not masked
        b"\x81\xff" + struct.pack(">Q", 1 << 62) + bytes(4),  # of 4 exabytes
        b"\x89\xfe\x00\xff" + bytes(300),  # a ping that is too long
        b"\x80\x80" + bytes(4),  # the rest of nothing
        b"\x81\x82\0\0\0\0\xff\xfe",  # no UTF-8
        b"\xc1\x81\0\0\0\0a",  # packed, which nobody agreed to
    ],
)
def test_frames_that_are_none_end_their_connection_alone(served: Served, frame: bytes) -> None:
    async def act() -> None:
        async with connect(f"ws://127.0.0.1:{served.port}/v1/realtime", proxy=None) as good:
            async with connect(f"ws://127.0.0.1:{served.port}/v1/realtime", proxy=None) as bad:
                await bad.recv()
                bad.transport.write(frame)
                with pytest.raises(ConnectionClosed):
                    async with asyncio.timeout(30):
                        while True:
                            await bad.recv()
            assert json.loads(await good.recv())["type"] == "session.created"

    asyncio.run(act())


# -- names -------------------------------------------------------------------------------------------

TRICKS = ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "/etc/passwd", "a\0b", "con", "~root", "$(id)", "x" * 5000, "‮a"]


@pytest.mark.parametrize("name", TRICKS)
def test_tricks_in_names_lead_nowhere(client: httpx.Client, name: str) -> None:
    """As a file's, a model's, a voice's, a path."""
    sound = io.BytesIO()
    sf.write(sound, np.zeros(1600, np.int16), 16_000, format="WAV")
    quoted = name.replace("\0", "%00")
    found = [
        client.post("/v1/audio/transcriptions", files={"file": (name + ".wav", sound.getvalue())}),
        client.post("/v1/audio/transcriptions", files={"file": ("a", sound.getvalue())}, data={"model": name}),
        client.post("/v1/chat/completions", json=CHAT | {"model": name}),
        client.post("/v1/audio/speech", json={"input": "472", "voice": name, "model": name}),
        client.get(f"/v1/models/{quoted}"),
        client.get(f"/page/{quoted}"),
        client.get(f"/{quoted}"),
    ]
    statuses = [each.status_code for each in found]
    assert statuses[0] in (200, 400) and set(statuses[1:]) <= {400, 404, 405, 422, 502}, statuses
    assert not any("root:" in each.text or "Traceback" in each.text for each in found)
