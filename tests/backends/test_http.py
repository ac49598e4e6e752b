"""The HTTP door, over a real server: what is sent, what is tried again, and which of our errors comes out."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import pytest

from tests.fakes.server import CUT, RESET, STALL, FakeServer, Gate, Reply, Request, Step
from tests.serving import serving
from voicecli.backends.transport import retry, trust
from voicecli.backends.transport.http import PLACEHOLDER_KEY, HttpService
from voicecli.errors import (
    ConfigError,
    InputError,
    ProtocolError,
    RateLimitedError,
    RefusedError,
    ServiceError,
    UnreachableError,
    VoiceError,
)
from voicecli.types import Backend, Secret

pytestmark = pytest.mark.anyio

server = serving(FakeServer)

KEY = "sk-marked-0123456789abcdef"


def service(url: str, **settings: Any) -> HttpService:
    defaults: dict[str, Any] = {
        "key": Secret(KEY),
        "key_source": "$WORK_KEY",
        "connect_timeout_s": 1.0,
        "timeout_s": 1.0,
    }
    return HttpService(Backend("work", "openai", base_url=url, **(defaults | settings)))


async def ask(server: FakeServer, path: str = "/x", **settings: Any) -> Any:
    async with service(server.url, **settings) as work:
        return await work.json("GET", path)


async def fails(server: FakeServer, kind: type[VoiceError], **settings: Any) -> VoiceError:
    """The error of exactly `kind` that a request meets; it never holds the key."""
    with pytest.raises(VoiceError) as caught:
        await ask(server, **settings)
    assert type(caught.value) is kind, caught.value
    assert KEY not in str(caught.value) + repr(caught.value)
    return caught.value


# -- what is sent --------------------------------------------------------------------------------


async def test_key_stands_in_one_header_only(server: FakeServer) -> None:
    server.on("/x", Reply.json([1]))
    assert await ask(server) == [1]
    (request,) = server.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert [name for name, value in request.headers.items() if KEY in value] == ["authorization"]
    assert request.headers["accept-encoding"] == "identity"


async def test_no_key_sends_a_placeholder_and_own_headers_win(server: FakeServer) -> None:
    server.on("/x", Reply.json([]))
    await ask(server, key=None)
    await ask(server, headers={"authorization": "Basic abc", "X-Team": "7"})
    assert server.requests[0].headers["authorization"] == f"Bearer {PLACEHOLDER_KEY}"
    assert server.requests[1].headers["authorization"] == "Basic abc"
    assert server.requests[1].headers["x-team"] == "7"


async def test_connection_is_kept_and_warmed(server: FakeServer) -> None:
    server.on("/x", Reply.json([]))
    async with service(server.url) as work:
        await work.warm()
        await work.json("GET", "/x")
        await work.json("POST", "/x", json={"a": 1})
    await server.eventually(lambda: server.open_connections == 0)
    assert server.connections == 1
    assert [request.method for request in server.requests] == ["HEAD", "GET", "POST"]


async def test_warming_a_dead_service_is_silent() -> None:
    async with service(f"http://127.0.0.1:{unused_port()}") as work:
        await work.warm()


async def test_loopback_ignores_the_environments_proxy(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port()}")
    server.on("/x", Reply.json("direct"))
    assert await ask(server) == "direct"


async def test_other_hosts_go_through_the_environments_proxy_and_a_set_one_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def proxied(request: Request) -> Reply:
        return Reply.json([request.path, request.headers["host"]])

    with FakeServer(proxied) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        async with service("http://voice.invalid/v1") as work:
            assert (await work.json("GET", "models"))[1] == "voice.invalid"
        async with service("http://127.0.0.1:9/v1", proxy=proxy.url) as work:
            assert (await work.json("GET", "models"))[1] == "127.0.0.1:9"


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:80", "ftp://h/v1", "http://", "http://h:99999/", "http://h\x1b[2J/", "http://[::1"]
)
def test_unusable_address_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        service(url)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("bad", ["ключ-0123456789", "sk-line\nbreak-0123", "sk-\x00abc"])
def test_key_that_no_header_can_carry_is_refused_unseen(bad: str) -> None:
    with pytest.raises(ConfigError, match=r"WORK_KEY") as caught:
        service("http://h", key=Secret(bad))
    assert bad not in str(caught.value)


async def test_unwritable_request_is_an_input_error() -> None:
    async with service("http://127.0.0.1:9") as work:
        for value in ("\ud800", float("nan"), {1, 2}):
            with pytest.raises(InputError):
                await work.json("POST", "/x", json={"text": value})


# -- failures by status ----------------------------------------------------------------------------

OPENAI = {"error": {"message": "That is wrong", "type": "invalid_request_error", "param": None, "code": None}}
QUOTA = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
STATUSES = [
    (401, OPENAI, RefusedError, "That is wrong (HTTP 401). Check the key from $WORK_KEY and what it may be used for"),
    (402, {"message": "pay"}, RefusedError, "pay"),
    (404, {"error": "no such model"}, ConfigError, "no such model"),
    (429, OPENAI, RateLimitedError, "That is wrong"),
    (429, QUOTA, RefusedError, "You exceeded your quota"),
    (500, {"error": {"message": {"reason": "nested"}}}, ServiceError, "nested"),
    (500, {}, ServiceError, "answered HTTP 500"),
    (503, {"errors": ["busy", "very"]}, ServiceError, "busy; very"),
]


@pytest.mark.parametrize(("status", "body", "kind", "words"), STATUSES)
async def test_status_becomes_our_error(
    server: FakeServer, status: int, body: Any, kind: type[VoiceError], words: str
) -> None:
    server.on("/x", Reply.json(body, status))
    error = await fails(server, kind)
    assert words in str(error) and error.status == status
    assert str(error).startswith(f"work (127.0.0.1:{server.port}): ")
    assert len(server.requests) == (3 if status >= 429 and body != QUOTA else 1)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ("plain words", "text/plain", "plain words"),
        ("<html><head><title>502 Bad &amp; Gone</title></head><body>x</body>", "text/html", "502 Bad & Gone"),
        ("<h1>Oops</h1><script>alert(1)</script>", "text/html", "Oops"),
        ("\x1b]0;title\x07\x1b[31mred\x1b[0m\r\nnext\x00", "text/plain", "red next"),
        (f"key {KEY} is not known", "text/plain", "key **** is not known"),
        ("x" * 5000, "text/plain", "x" * 299 + "… (HTTP 500)"),
        ("[" * 60_000, "application/json", "[["),
        ("<" * 60_000, "text/html", "<"),
    ],
)
async def test_error_text_is_made_fit_to_show(server: FakeServer, body: str, kind: str, words: str) -> None:
    server.on("/x", Reply.text(body, 500, kind))
    error = await fails(server, ServiceError)
    assert words in str(error)
    assert str(error).isprintable()


async def test_huge_and_endless_error_bodies_are_cut(server: FakeServer) -> None:
    async def endless() -> AsyncIterator[Step]:
        while True:
            yield b"no " * 10_000

    server.on("/x", Reply(endless, 400))
    assert "no no" in str(await fails(server, ServiceError))
    server.on("/x", Reply([b"half an expl", STALL], 400))
    assert "half an expl" in str(await fails(server, ServiceError, connect_timeout_s=0.2))


# -- failures of the transport ------------------------------------------------------------------------


def unused_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_silence_is_unreachable_and_tried_once_more(server: FakeServer) -> None:
    server.on("/x", Reply(first=[STALL]))
    error = await fails(server, UnreachableError, timeout_s=0.1)
    assert "sent nothing for 0.1 s" in str(error) and "timeout_s in [backends.work]" in error.cure
    assert len(server.requests) == 2


@pytest.mark.parametrize("act", [RESET, CUT])
async def test_lost_before_any_answer_is_tried_twice_more(server: FakeServer, act: Any) -> None:
    server.on("/x", Reply(first=[act]))
    await fails(server, UnreachableError)
    assert len(server.requests) == 3
    server.on("/x", Reply(first=[act]), Reply.json("at last"))
    assert await ask(server) == "at last"


@pytest.mark.parametrize("steps", [[b"{", RESET], [b"[1", CUT]])
async def test_lost_in_the_middle_is_a_service_error_and_not_tried_again(server: FakeServer, steps: list[Any]) -> None:
    server.on("/x", Reply(steps))
    error = await fails(server, ServiceError)
    assert "in the middle" in str(error)
    assert len(server.requests) == 1


async def test_lost_while_sending_has_words() -> None:
    with FakeServer(greet=[CUT]) as server:
        async with service(server.url) as work:
            with pytest.raises(UnreachableError) as caught:
                await work.json("POST", "/x", content=bytes(20_000_000))
    assert not caught.value.what.endswith(": ") and caught.value.what


@pytest.mark.parametrize(
    "body", [b"", b"nope", b"<html>hello", b'{"a":', b"[" * 100_000, b"\xff\xfe", b'{"n":' + b"9" * 9000 + b"}"]
)
async def test_answer_that_is_no_json(server: FakeServer, body: bytes) -> None:
    server.on("/x", Reply(body))
    assert "not JSON" in str(await fails(server, ProtocolError))


# -- trying again ----------------------------------------------------------------------------------


async def test_short_patience_is_granted(server: FakeServer) -> None:
    server.on(
        "/x", Reply.json(OPENAI, 429, retry_after="0.05"), Reply.json({}, 503, retry_after_ms="20"), Reply.json(7)
    )
    assert await ask(server) == 7


@pytest.mark.parametrize(
    "headers",
    [
        {"retry_after": "600"},
        {"retry_after": "Fri, 01 Jan 2100 00:00:00 GMT"},
        {"x_ratelimit_reset_requests": "6m0s", "x_ratelimit_remaining_requests": "0"},
    ],
)
async def test_long_patience_is_told(server: FakeServer, headers: dict[str, str]) -> None:
    server.on("/x", Reply.json(OPENAI, 429, **headers))
    error = await fails(server, RateLimitedError)
    assert len(server.requests) == 1
    assert error.retry_after and error.retry_after > 300


@pytest.mark.parametrize("headers", [{}, {"retry_after": "soon"}, {"x_ratelimit_reset_tokens": "soon"}])
async def test_who_names_no_time_is_asked_twice_more(server: FakeServer, headers: dict[str, str]) -> None:
    server.on("/x", Reply.json(OPENAI, 429, **headers))
    error = await fails(server, RateLimitedError)
    assert len(server.requests) == 3 and error.retry_after is None


async def test_quota_and_a_clear_no_are_final(server: FakeServer) -> None:
    server.on("/x", Reply.json(QUOTA, 429, retry_after="0"))
    await fails(server, RefusedError)
    server.on("/x", Reply.json(OPENAI, 429, retry_after="0", x_should_retry="false"))
    await fails(server, RateLimitedError)
    assert len(server.requests) == 2
    server.on("/x", Reply.json(OPENAI, 500, x_should_retry="true"), Reply.json(8))
    assert await ask(server) == 8


# -- redirects ---------------------------------------------------------------------------------------


async def test_redirect_on_the_same_host_keeps_method_and_body(server: FakeServer) -> None:
    server.on("/x", Reply(status=307, headers={"location": "/y?z=1"}))
    server.on("/y", Reply.json("moved"))
    async with service(server.url) as work:
        assert await work.json("POST", "/x", json={"a": 1}) == "moved"
    assert server.requests[1].method == "POST" and server.requests[1].json() == {"a": 1}


async def test_redirect_elsewhere_never_carries_the_key() -> None:
    with FakeServer() as elsewhere, FakeServer() as server:
        for target in (elsewhere.url, server.url.replace("http:", "https:"), "//evil.invalid/", "http://[", "mailto:x"):
            server.on("/x", Reply(status=302, headers={"location": target}))
            assert "redirects to" in str(await fails(server, ServiceError))
        server.on("/x", Reply(status=302, headers={"location": "/x"}))
        assert "circle" in str(await fails(server, ServiceError))
    assert elsewhere.requests == []


async def test_absolute_addresses_are_held_to_the_base() -> None:
    work = service("http://h:1/v1")
    assert work.url("http://h:1/other") == "http://h:1/other"
    assert work.url("/models") == work.url("models") == "http://h:1/v1/models"
    with pytest.raises(ServiceError, match="elsewhere"):
        work.url("http://other/x")


# -- streams ------------------------------------------------------------------------------------------


async def test_pieces_arrive_as_they_are_sent_and_leaving_hangs_up(server: FakeServer) -> None:
    gate = Gate()
    server.on("/x", Reply([b"one", gate, b"two", STALL], headers={"content-type": "Audio/PCM; rate=1"}))
    async with service(server.url) as work:
        async with work.stream("POST", "/x", content=b"abc") as reply:
            assert (reply.status, reply.content_type) == (200, "audio/pcm")
            pieces = reply.chunks()
            assert await anext(pieces) == b"one"
            gate.open()
            assert await anext(pieces) == b"two"
            left = time.monotonic()
        assert (await server.hung_up("/x")).at - left < 0.5

    assert server.requests[0].body == b"abc"


async def test_draining_an_endless_stream_does_not_wait(server: FakeServer) -> None:
    server.on("/x", Reply.sse([b"data: [DONE]\n\n", STALL]))
    async with service(server.url) as work, work.stream("GET", "/x") as reply:
        began = time.monotonic()
        await anext(reply.events())
        await reply.drain()
        assert time.monotonic() - began < 3


async def test_limits_hold(server: FakeServer) -> None:
    server.on("/big", Reply(b"1" * 5000))
    server.on("/line", Reply([b"x" * 6000, STALL]))
    async with service(server.url) as work:
        with pytest.raises(ProtocolError, match="more than 4096"):
            await work.json("GET", "/big", limit=4096)
        with pytest.raises(ProtocolError, match="line of more than 4096") as caught:
            async with work.stream("GET", "/line") as reply:
                await anext(reply.lines(4096))
        assert caught.value.who == work.who


async def test_compressed_answers_are_read_all_the_same(server: FakeServer) -> None:
    data = json.dumps(list(range(100_000))).encode()
    packed = gzip.compress(data)
    server.on("/x", Reply([packed[:1000], packed[1000:]], headers={"content-encoding": "gzip"}))
    assert await ask(server) == list(range(100_000))
    server.on("/x", Reply(b"no gzip", headers={"content-encoding": "gzip"}))
    assert "unpacked" in str(await fails(server, ProtocolError))


async def test_plain_http_makes_no_expensive_tls_context() -> None:
    trust.trusting.cache_clear()
    async with service("http://127.0.0.1:9"):
        pass
    assert trust.trusting.cache_info().misses == 0


# -- time, floods, and what is logged ------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The total deadline of a request that names no verb: as long as the wait for the next bytes."""
    monkeypatch.setattr(retry, "RULES", {"whole": retry.Rule(retry.ANY, patience=1.0)})


async def _for_ever(piece: bytes, first: bytes = b"") -> AsyncIterator[Step]:
    yield first
    while True:
        yield piece
        yield 0.02


DRIPS = {
    "head": Reply(lambda: _for_ever(b"x-more: 1\r\n", b"HTTP/1.1 200 OK\r\n"), raw=True),
    "interim answers": Reply(lambda: _for_ever(b"HTTP/1.1 102 Processing\r\n\r\n"), raw=True),
    "body": Reply(lambda: _for_ever(b" "), 200, {"content-type": "application/json"}),
    "error": Reply(lambda: _for_ever(b"no"), 400),
}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("where", DRIPS)
async def test_what_drips_for_ever_is_cut(server: FakeServer, where: str) -> None:
    server.on("/x", DRIPS[where])
    began = time.monotonic()
    error = await fails(
        server,
        ServiceError if where == "error" else UnreachableError,
        timeout_s=0.4,
        connect_timeout_s=0.4,
    )
    assert time.monotonic() - began < 3
    await server.eventually(lambda: server.open_connections == 0)
    assert where == "error" or ("did not come to an end in time" in str(error) and "timeout_s" in error.cure)


async def test_every_attempt_is_logged_without_what_nobody_may_see(
    server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="voicecli")
    server.on("/x", Reply.json(OPENAI, 429, retry_after="0.01"), Reply.text(f"no {KEY}", 503), Reply.json(7))
    async with service(server.url) as work:
        assert await work.json("GET", "/x", params={"token": "hush-hush"}) == 7
    first, second, third = caplog.messages
    assert "GET" in first and "/x, attempt 1, 0." in first and "HTTP 429" in first and "again in 0." in first
    assert "attempt 2" in second and "no ****" in second and "again in" in second
    assert "attempt 3" in third and third.endswith("HTTP 200")
    assert KEY not in caplog.text and "hush" not in caplog.text


async def test_an_act_is_not_sent_again_where_it_may_have_been_done() -> None:
    for reply in (Reply(first=[RESET]), Reply.json(OPENAI, 500), Reply.json(OPENAI, 409)):
        with FakeServer() as server:
            server.on("/x", reply)
            async with service(server.url) as work:
                with pytest.raises(VoiceError):
                    await work.json("POST", "/x", verb="learn")
            assert len(server.requests) == 1
    with FakeServer() as server:
        server.on("/x", Reply.json(OPENAI, 429), Reply.json("learnt"))
        async with service(server.url) as work:
            assert await work.json("POST", "/x", verb="learn") == "learnt"


@pytest.mark.parametrize("proxy", ["socks4://127.0.0.1:1", "nonsense"])
async def test_unusable_proxy_is_a_configuration_error(proxy: str) -> None:
    with pytest.raises(ConfigError, match="proxy"):
        async with service("http://127.0.0.1:9", proxy=proxy):
            pass
