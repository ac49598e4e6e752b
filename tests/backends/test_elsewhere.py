"""Addresses that others name: judged by their number, connected to by it, and nothing of an answer is told on."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import tls
from tests.fakes.pictures import png
from tests.fakes.server import FakeServer, Reply
from tests.serving import serving
from voicecli.backends.transport.download import download
from voicecli.backends.transport.elsewhere import Elsewhere
from voicecli.backends.transport.http import HttpService
from voicecli.backends.transport.reach import may_name, place_of
from voicecli.backends.transport.results import PICTURE, fetched
from voicecli.errors import ServiceError, UnreachableError, VoiceError
from voicecli.types import Backend, Secret

pytestmark = pytest.mark.anyio

server = serving(FakeServer)

DATA = png("4071993825")
INSIDE = "INTERNAL-CREDENTIAL-0123456789"


@pytest.mark.parametrize(
    ("number", "place"),
    [
        ("127.0.0.1", "here"), ("127.9.9.9", "here"), ("0.0.0.0", "here"), ("0.1.2.3", "here"), ("::1", "here"),
        ("::", "here"), ("::ffff:127.0.0.1", "here"), ("::127.0.0.1", "here"), ("64:ff9b::7f00:1", "here"),
        ("2002:7f00:1::", "here"), ("10.1.2.3", "near"), ("172.31.0.1", "near"), ("192.168.9.9", "near"),
        ("100.64.0.1", "near"), ("fd12::1", "near"), ("fc00::1", "near"), ("::ffff:10.0.0.1", "near"),
        ("224.0.0.1", "near"), ("255.255.255.255", "near"), ("ff02::1", "near"), ("169.254.169.254", "secret"),
        ("::ffff:169.254.169.254", "secret"), ("fe80::1", "secret"), ("fe80::1%eth0", "secret"),
        ("fd00:ec2::254", "secret"), ("100.100.100.200", "secret"), ("168.63.129.16", "secret"),
        ("8.8.8.8", "public"), ("172.32.0.1", "public"), ("2606:4700::1", "public"), ("64:ff9b::808:808", "public"),
        ("198.18.0.7", "public"), ("example.org", None), ("127.1", None), ("2130706433", None), ("", None),
    ],
)  # fmt: skip
def test_numbers_lead_somewhere(number: str, place: str | None) -> None:
    assert place_of(number) == place


def test_nobody_names_what_is_nearer_to_us_than_himself() -> None:
    places: list[Any] = ["public", "near", "here", "secret"]
    allowed = {namer: [place for place in places if may_name(namer, place)] for namer in places}
    assert allowed == {
        "public": ["public"],
        "near": ["public", "near"],
        "here": ["public", "near", "here"],
        "secret": ["public"],
    }


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """A name server: what is asked of it, and its answers, one after the other; the last stays."""
    told: dict[str, list[str]] = {}
    true = socket.getaddrinfo

    def answer(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host not in told:
            return true(host, port, *rest, **more)
        number = told[host].pop(0) if len(told[host]) > 1 else told[host][0]
        family = socket.AF_INET6 if ":" in number else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (number, port or 0))]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return told


@pytest.fixture
def inside() -> Iterator[FakeServer]:
    """What only this machine reaches."""
    with FakeServer() as server:
        server.on("/latest", Reply.text(INSIDE))
        yield server


async def picture(base: str, address: str) -> bytes:
    backend = Backend("city", "gov", base_url=base, key=Secret("sk-results-0123456789"), timeout_s=2.0)
    async with HttpService(backend, base) as service, fetched(service, address, PICTURE) as chunks:
        return b"".join([each.data async for each in chunks])


SPELLINGS = ["2130706433", "0x7f000001", "0x7f.1", "127.1", "0", "[::ffff:127.0.0.1]", "127.0.0.1"]
SPELLINGS += ["017700000001", "[64:ff9b::7f00:1]", "127.0.0.1%00.example.org", "localhost", "[::1]", "0.0.0.0"]


@pytest.mark.parametrize("host", SPELLINGS)
@pytest.mark.parametrize("moved", [False, True])
async def test_a_service_elsewhere_has_us_ask_nothing_here(
    server: FakeServer, host: str, moved: bool, inside: FakeServer, names: dict[str, list[str]]
) -> None:
    """The service is on this machine here, but its name says nothing of that."""
    port = inside.url.rpartition(":")[2]
    address = f"http://{host}:{port}/latest"
    base = server.url.replace("127.0.0.1", "0x7f.1")
    names["store.example"] = ["203.0.113.9"]
    if moved:
        server.on("/a.png", Reply(b"", 302, {"location": address}))
        door = Elsewhere(Backend("city", "gov", base_url=base, timeout_s=2.0), f"{base}/a.png", base)
        with pytest.raises(ServiceError, match="names an address on this machine"):
            async with door, door.stream("GET", f"{base}/a.png"):
                pass
    else:
        with pytest.raises(ServiceError, match="names an address on this machine") as caught:
            await picture(base, address)
        assert INSIDE not in str(caught.value)
    assert inside.requests == []


@pytest.mark.parametrize("number", ["10.0.0.7", "169.254.169.254", "::1", "fd00:ec2::254", "100.64.3.3"])
async def test_a_name_that_resolves_inside_is_refused(number: str, names: dict[str, list[str]]) -> None:
    names |= {"gov.example": ["203.0.113.7"], "store.example": [number]}
    with pytest.raises(ServiceError, match="names an address"):
        await picture("http://gov.example/api", "http://store.example/a.png")


@pytest.mark.parametrize("host", [f"{'a' * 64}.example", "a..example"])
async def test_a_name_that_no_name_server_can_be_asked_for_is_unknown(host: str) -> None:
    with pytest.raises(UnreachableError, match="no host named"):
        await picture("http://127.0.0.1:9", f"http://{host}/a.png")


async def test_the_number_that_was_judged_is_connected_to(names: dict[str, list[str]], inside: FakeServer) -> None:
    """A name server that gives another number the second time is not asked a second time."""
    inside.on("/a.png", Reply(DATA))
    port = inside.url.rpartition(":")[2]
    names["store.example"] = ["127.0.0.1", "203.0.113.9"]
    assert await picture("http://127.0.0.1:9/api", f"http://store.example:{port}/a.png") == DATA
    (request,) = inside.requests
    assert request.headers["host"] == f"store.example:{port}"


async def test_over_tls_the_certificate_is_the_hosts(tmp_path: Path, names: dict[str, list[str]]) -> None:
    with tls.trusted(tmp_path), FakeServer(tls=tls.server_context()) as store:
        store.on("/a.png", Reply(DATA))
        port = store.url.rpartition(":")[2]
        names |= {"other.example": ["127.0.0.1"]}
        assert await picture("http://127.0.0.1:9", f"https://localhost:{port}/a.png") == DATA
        with pytest.raises(UnreachableError, match="certificate"):
            await picture("http://127.0.0.1:9", f"https://other.example:{port}/a.png")


@pytest.mark.parametrize("body", [INSIDE, f'{{"error": {{"message": "{INSIDE}"}}}}', f"<title>{INSIDE}</title>"])
@pytest.mark.parametrize("status", [200, 404, 500])
async def test_nothing_of_another_hosts_answer_is_told(body: str, status: int, inside: FakeServer) -> None:
    inside.on("/a.png", Reply.text(body, status))
    with pytest.raises(VoiceError) as caught:
        await picture("http://127.0.0.1:9", f"{inside.url}/a.png")
    assert INSIDE[:8] not in str(caught.value)


async def test_a_download_may_not_be_led_inside(
    server: FakeServer, names: dict[str, list[str]], inside: FakeServer
) -> None:
    base = server.url.replace("127.0.0.1", "0x7f.1")
    server.on("/a.wav", Reply(b"", 302, {"location": f"{inside.url}/latest"}))
    with pytest.raises(ServiceError, match="names an address on this machine"):
        await download(f"{base}/a.wav", io.BytesIO(), 1000)
    assert inside.requests == []
    server.on("/own.wav", Reply(b"", 302, {"location": "/b.wav"}))
    server.on("/b.wav", Reply(b"sound"))
    file = io.BytesIO()
    await download(f"{base}/own.wav", file, 1000)
    assert file.getvalue() == b"sound"


async def test_a_redirect_gives_no_name_and_password(server: FakeServer, inside: FakeServer) -> None:
    server.on("/a.wav", Reply(b"", 302, {"location": inside.url.replace("://", "://user:pw@") + "/b.wav"}))
    inside.on("/b.wav", Reply(b"sound"))
    await download(f"{server.url}/a.wav", io.BytesIO(), 1000)
    assert "authorization" not in inside.requests[-1].headers


@pytest.mark.parametrize(("hops", "right"), [(12, True), (20, True), (21, False)])
async def test_twenty_redirects_are_followed(hops: int, right: bool, inside: FakeServer) -> None:
    for hop in range(hops):
        inside.on(f"/{hop}", Reply(b"", 302, {"location": f"/{hop + 1}"}))
    inside.on(f"/{hops}", Reply(b"sound"))
    file = io.BytesIO()
    if right:
        await download(f"{inside.url}/0", file, 1000)
        assert file.getvalue() == b"sound"
    else:
        with pytest.raises(ServiceError, match="circle"):
            await download(f"{inside.url}/0", file, 1000)
