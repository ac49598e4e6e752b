"""Results at addresses: where from they are fetched, with what, and how much; and what is not followed."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from tests.fakes.pictures import mp4, png
from tests.fakes.server import FakeServer, Reply
from tests.serving import serving
from voicecli.backends.gov_settings import GovSettings
from voicecli.backends.transport import results
from voicecli.backends.transport.http import HttpService
from voicecli.backends.transport.results import PICTURE, VIDEO, decoded, fetched
from voicecli.errors import ProtocolError, ServiceError, UnreachableError, VoiceError
from voicecli.types import Backend, Secret

pytestmark = pytest.mark.anyio

KEY = "sk-results-0123456789-never-elsewhere"
DATA = png("4071993825")


service = serving(FakeServer)


store = serving(FakeServer)


def backend(base: str, **settings: Any) -> Backend:
    fixed: dict[str, Any] = {"base_url": base, "key": Secret(KEY), "headers": {"X-Team": "speech"}, "timeout_s": 2.0}
    return GovSettings("city", "gov", **(fixed | settings))


async def fetch(base: str, address: Any, what: str = PICTURE, **settings: Any) -> tuple[bytes, set[str]]:
    async with (
        HttpService(backend(base, **settings), base) as service,
        fetched(service, address, what) as chunks,
    ):
        found = [each async for each in chunks]
    return b"".join(each.data for each in found), {each.kind for each in found}


async def failure(base: str, address: Any, what: str = PICTURE, **settings: Any) -> VoiceError:
    with pytest.raises(VoiceError) as caught:
        await fetch(base, address, what, **settings)
    error = caught.value
    assert error.who.startswith("city") and str(error).isprintable() and len(str(error)) < 700
    assert KEY not in str(error)
    return error


# -- where from ------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["static/a.png", "./static/a.png", "{url}/api/static/a.png"])
async def test_below_the_base_the_key_goes_along(service: FakeServer, address: str) -> None:
    service.on("/api/static/a.png", Reply(DATA))
    assert await fetch(f"{service.url}/api", address.format(url=service.url)) == (DATA, {"image/png"})
    (request,) = service.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_an_address_from_the_root_leaves_the_bases_path(service: FakeServer) -> None:
    service.on("/static/a.png", Reply(DATA))
    assert (await fetch(f"{service.url}/api", "/static/a.png"))[0] == DATA


async def test_another_host_gets_neither_key_nor_headers(service: FakeServer, store: FakeServer) -> None:
    store.on("/sd/a.png", Reply(DATA, 200, {"content-type": "application/octet-stream"}))
    address = f"{store.url}/sd/a.png?response-content-type=image%2F%2A&X-Amz-Signature=abc&next=http://x/y"
    assert await fetch(service.url, address) == (DATA, {"image/png"})
    (request,) = store.requests
    assert not {"authorization", "x-team"} & set(request.headers)
    assert request.query["response-content-type"] == ["image/*"] and request.query["next"] == ["http://x/y"]
    assert service.requests == []


async def test_the_service_itself_may_not_redirect_elsewhere(service: FakeServer, store: FakeServer) -> None:
    """That request had the key with it."""
    service.on("/a.png", Reply(b"", 302, {"location": f"{store.url}/b.png"}))
    store.on("/b.png", Reply(DATA))
    assert "not followed" in str(await failure(service.url, "a.png"))
    assert store.requests == []


@pytest.mark.parametrize(
    "target", ["https://127.0.0.1:9/a", "file:///etc/passwd", "ftp://127.0.0.1/a", "http://u:p@127.0.0.1/", "http://["]
)
async def test_a_redirect_to_another_scheme_is_refused(service: FakeServer, store: FakeServer, target: str) -> None:
    store.on("/a.png", Reply(b"", 302, {"location": target}))
    error = await failure(service.url, f"{store.url}/a.png")
    assert isinstance(error, ServiceError) and "not followed" in str(error)


@pytest.mark.parametrize(
    "address",
    [None, "", "  ", 7, ["a"], {"url": "x"}, "file:///etc/passwd", "ftp://x/y", "data:image/png;base64,AAAA",
     "http://user:secret@127.0.0.1/a", "http://[/a", "http://127.0.0.1:99999/a", "javascript:1", "a\x1b[31m"],
)  # fmt: skip
async def test_what_is_no_address_is_not_followed(service: FakeServer, address: Any) -> None:
    assert type(await failure(service.url, address)) is ProtocolError
    assert service.requests == []


# -- how much, and what ----------------------------------------------------------------------------


async def test_too_much_is_refused_before_it_is_read(service: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(results._LIMITS, PICTURE, 20)
    service.on("/told.png", Reply(DATA))
    service.on("/untold.png", Reply([DATA[:16], DATA[16:]]))
    for path in ("told.png", "untold.png"):
        error = await failure(service.url, path)
        assert type(error) is ProtocolError and "more than 20 bytes" in str(error)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "sent an empty picture"),
        (b'{"error": {"message": "expired, sorry"}}', "expired, sorry"),
        (b"<html><title>Not here</title></html>", "no picture: 'Not here'"),
        (b"RIFF\x10\0\0\0WAVEfmt \0\0\0\0", "no picture"),
        (mp4("12"), "no picture"),
        (b"\x89PNG", "no picture"),
    ],
)
async def test_what_is_no_picture_is_an_error(service: FakeServer, body: bytes, told: str) -> None:
    service.on("/a.png", Reply(body, 200, {"content-type": "image/png"}))
    error = await failure(service.url, "a.png")
    assert isinstance(error, ServiceError) and told in str(error)


async def test_a_video_comes_in_pieces_cut_anywhere(service: FakeServer) -> None:
    data = mp4("4071993825")
    service.on("/a.mp4", Reply([data[n : n + 1] for n in range(len(data))]))
    assert await fetch(service.url, "a.mp4", VIDEO) == (data, {"video/mp4"})
    service.on("/b.mp4", Reply(DATA))
    assert "no video" in str(await failure(service.url, "b.mp4", VIDEO))


@pytest.mark.parametrize("status", [401, 403])
async def test_an_expired_address_does_not_blame_the_key(service: FakeServer, store: FakeServer, status: int) -> None:
    store.on("/a.png", Reply.text("<Error><Code>AccessDenied</Code></Error>", status, "application/xml"))
    error = await failure(service.url, f"{store.url}/a.png")
    assert type(error) is ServiceError and "cannot be fetched" in str(error) and "key" not in str(error)


async def test_a_store_that_is_not_there_is_unreachable(service: FakeServer, store: FakeServer) -> None:
    with FakeServer() as gone:
        address = f"{gone.url}/a.png"
    assert type(await failure(service.url, address)) is UnreachableError


def test_base64_is_decoded_strictly() -> None:
    service = HttpService(backend("http://127.0.0.1:9"), "http://127.0.0.1:9")
    assert decoded(service, b64encode(DATA).decode()).data == DATA
    for text in ("&&&", "AAA", b64encode(b"no picture at all").decode(), 7, None):
        with pytest.raises(ServiceError):
            decoded(service, text)
