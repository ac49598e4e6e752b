"""The way to an address, by values; through a SOCKS proxy for real; and whom TLS trusts."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.server import FakeServer, Reply
from voicecli.backends.transport import trust
from voicecli.backends.transport.http import HttpService
from voicecli.backends.transport.proxies import exempt, proxy_for
from voicecli.backends.transport.websocket import connect
from voicecli.errors import ConfigError, UnreachableError
from voicecli.types import Backend

BARE = Backend("work", "openai")
EXEMPT = [
    ("a.example.org", "example.org"),
    ("a.example.org", ".example.org"),
    ("a.example.org", "*.example.org"),
    ("example.org", "x, .example.org"),
    ("EXAMPLE.org.", "Example.Org"),
    ("example.org", "https://example.org/"),
    ("example.org", "example.org:443"),
    ("example.org", "*"),
    ("10.2.3.4", "10.0.0.0/8"),
    ("10.2.3.4", "localhost 10.2.3.4"),
    ("10.2.3.4", "10.2.3.4:443"),
    ("127.1", "127.0.0.0/8"),
    ("0x7f000001", "127.0.0.1"),
    ("fe80::1%eth0", "fe80::/10"),
    ("fd00::1", "[fd00::1]"),
    ("fd00::1", "[fd00::]/8"),
    ("fd00::1", "[fd00::1]:443"),
    ("fd00::1", "fd00:0::1"),
    ("::ffff:10.0.0.1", "10.0.0.0/8"),
    ("192.168.1.7", "192.168.*"),
    ("192.168.1.7", "localhost;192.168.1.*"),
    ("10.2.3.4", "10.0.0.0/255.0.0.0"),
    ("example.org", "'localhost,example.org'"),
    ("server", "<local>"),
    ("xn--mnchen-3ya.de", "münchen.de"),
    ("a.münchen.de", "xn--mnchen-3ya.de"),
]
PROXIED = [
    ("example.org", ""),
    ("badexample.org", "example.org"),
    ("example.org", "a.example.org"),
    ("example.org", "example.org:80"),
    ("example.org", "."),
    ("example.org", "10.0.0.0/8,::1/128,[::1]"),
    ("11.0.0.1", "10.0.0.0/8"),
    ("10.2.3.4", "10.2.3.4:80"),
    ("10.2.3.4", "2.3.4"),
    ("fd00::1", "[fd00::1]:80"),
    ("fd00::1", "fe80::/10,10.0.0.0/8"),
    ("192.169.1.7", "192.168.*"),
    ("192.168.example.org", "192.168.*"),
    ("a.example.org", "<local>"),
    ("10.2.3.4", "<local>;10.0.0.0/99,#,10,10.2.3.4-10.2.3.9"),
]


@pytest.mark.parametrize(
    ("host", "rules", "free"), [*((*each, True) for each in EXEMPT), *((*e, False) for e in PROXIED)]
)
def test_no_proxy(host: str, rules: str, free: bool) -> None:
    assert exempt(host, 443, rules) is free


@pytest.fixture
def unproxied(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No variable names a proxy."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.parametrize(
    ("url", "env", "proxy", "source"),
    [
        ("https://h/", {"https_proxy": "http://p:1", "ALL_PROXY": "http://q:1"}, "http://p:1", "https_proxy"),
        ("http://h/", {"https_proxy": "http://p:1"}, "", ""),
        ("http://h/", {"https_proxy": "http://p:1", "ALL_PROXY": "socks://q:1"}, "socks5://q:1", "ALL_PROXY"),
        ("wss://h/", {"HTTPS_PROXY": "p:1"}, "http://p:1", "HTTPS_PROXY"),
        ("http://h/", {"HTTP_PROXY": "http://p:1", "http_proxy": "http://q:1"}, "http://q:1", "http_proxy"),
        ("http://h/", {"all_proxy": "nonsense", "no_proxy": "h"}, "", ""),
        ("http://localhost/", {"all_proxy": "nonsense"}, "", ""),
        ("http://h/", {"all_proxy": "nonsense", "http_proxy": "https://p"}, "https://p", "http_proxy"),
    ],
)
def test_the_way_to_an_address(
    url: str, env: dict[str, str], proxy: str, source: str, unproxied: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        unproxied.setenv(name, value)
    found = proxy_for(url, BARE)
    assert (found and (found.url, found.source)) == ((proxy, source) if proxy else None)


@pytest.mark.parametrize("proxy", ["nonsense", "socks4://p:1", "gopher://p:1", "http://:1", "http://[", "http://p:x"])
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable_without_a_password(
    proxy: str, unproxied: pytest.MonkeyPatch
) -> None:
    unproxied.setenv("ALL_PROXY", proxy.replace("//", "//me:secret@") if "//p" in proxy else proxy)
    with pytest.raises(ConfigError, match="ALL_PROXY is no proxy") as caught:
        proxy_for("http://h/", BARE)
    assert "secret" not in str(caught.value)


# -- for real ----------------------------------------------------------------------------------------


@asynccontextmanager
async def socks_proxy(port: int) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A SOCKS5 proxy that leads wherever it is asked to the same port here; and the hosts it was asked for."""
    asked: list[bytes] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly((await reader.readexactly(2))[1])
        writer.write(b"\x05\x00")
        kind = (await reader.readexactly(4))[3]
        size = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
        asked.append(await reader.readexactly(size))
        await reader.readexactly(2)
        onward = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x05\x00\x00\x01" + bytes(6))
        async with asyncio.TaskGroup() as pumps:
            pumps.create_task(pump(reader, onward[1]))
            pumps.create_task(pump(onward[0], writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"socks://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


@pytest.mark.anyio
async def test_a_socks_proxy_of_the_environment_is_gone_through(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeServer() as server:
        server.on("/x", Reply.json(7))

        async def echo(socket: object) -> None:
            async for message in socket:  # type: ignore[attr-defined]
                await socket.send(message)  # type: ignore[attr-defined]

        server.on_socket("/echo", echo)
        async with socks_proxy(server.port) as (proxy, asked):
            monkeypatch.setenv("ALL_PROXY", proxy)
            backend = Backend("work", "openai", base_url="http://voice.invalid", timeout_s=5.0)
            async with HttpService(backend) as service:
                assert await service.json("GET", "/x") == 7
            async with connect(backend, "ws://voice.invalid/echo") as socket:
                await socket.send("hi")
                assert await socket.receive() == "hi"
    assert asked[0] == b"voice.invalid" and len(asked) == 2


@pytest.mark.anyio
async def test_what_socks_needs_is_told_with_the_variable_and_only_where_it_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("socksio", "python_socks", "python_socks.async_.asyncio"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    backend = Backend("work", "openai", base_url="http://voice.invalid", timeout_s=1.0)
    for ask in (_asked, _connected):
        with pytest.raises(ConfigError, match=r"SOCKS proxy \(ALL_PROXY\) .*voicecli\[socks\]"):
            await ask(backend)
    monkeypatch.setenv("NO_PROXY", "voice.invalid")
    with pytest.raises(UnreachableError, match="no host named"):
        await _asked(backend)


@pytest.mark.anyio
async def test_a_proxy_that_is_not_there_is_to_blame_and_not_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://me:secret@127.0.0.1:9")
    backend = Backend("work", "openai", base_url="http://voice.invalid", timeout_s=1.0)
    for ask in (_asked, _connected):
        with pytest.raises(UnreachableError, match=r"the proxy 127\.0\.0\.1:9 \(http_proxy\) failed") as caught:
            await ask(backend)
        assert "NO_PROXY" in caught.value.cure and "secret" not in str(caught.value)


async def _asked(backend: Backend) -> None:
    async with HttpService(backend) as service:
        await service.json("GET", "/x")


async def _connected(backend: Backend) -> None:
    async with connect(backend, "ws://voice.invalid/x"):
        pass


# -- whom TLS trusts ---------------------------------------------------------------------------------


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (trust.FILE, trust.FOLDERS, trust.LOG):
        monkeypatch.delenv(name, raising=False)
    trust.trusting.cache_clear()
    yield
    trust.trusting.cache_clear()


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("name", [trust.FILE, trust.FOLDERS, trust.LOG])
def test_a_variable_that_names_nothing_is_passed_over_and_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, str(tmp_path / "gone" / "file"))
    (note,) = trust.passed_over()
    assert note.startswith(f"{name} names nothing")
    assert trust.trusting().get_ca_certs()


@pytest.mark.usefixtures("fresh")
def test_keys_are_logged_where_they_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(trust.LOG, str(tmp_path / "keys"))
    assert not list(trust.passed_over())
    assert trust.trusting().keylog_filename == str(tmp_path / "keys")


@pytest.mark.usefixtures("fresh")
def test_no_certificates_are_an_error_that_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    monkeypatch.setenv(trust.FILE, str(tmp_path / "empty.pem"))
    with pytest.raises(ConfigError, match="SSL_CERT_FILE names no certificates"):
        trust.trusting()
    monkeypatch.delenv(trust.FILE)
    monkeypatch.setattr("certifi.where", lambda: str(tmp_path / "gone.pem"))
    with pytest.raises(ConfigError, match="no certificates to trust"):
        trust.trusting()
