"""Several addresses of one service: which is asked, what is remembered, and when one that failed is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.backends.qiniu.conftest import Serve
from tests.backends.qiniu.test_live import OPTIONS, backend, dead_port, microphone, sound
from tests.fakes.qiniu_server import CHAT_MODEL, Manner, QiniuServer
from tests.faults.inject import deaf_port
from voicecli.backends.qiniu import family as qiniu
from voicecli.backends.qiniu.adapters import QiniuEars, QiniuVoices, Thinker
from voicecli.backends.qiniu.failover import Addresses
from voicecli.backends.qiniu.speech import QiniuSpeaker
from voicecli.errors import ServiceError, UnreachableError
from voicecli.types import ChatMessage, ChatOptions, SpeechRequest

pytestmark = pytest.mark.anyio

DOWN, UP = Manner(handshake=(503, "maintenance")), Manner()


async def listed(addresses: Addresses) -> None:
    assert await QiniuVoices(addresses).voices()


async def answered(addresses: Addresses) -> None:
    async with Thinker(addresses).chat([ChatMessage("user", "After 1?")], ChatOptions(CHAT_MODEL)) as deltas:
        assert "2" in "".join([each.text async for each in deltas])


async def heard(addresses: Addresses) -> None:
    async with QiniuEars(addresses).transcribe_live(microphone(sound("12")), OPTIONS) as transcripts:
        assert [each async for each in transcripts][-1].text == "12"


async def spoken(addresses: Addresses) -> None:
    async with QiniuSpeaker(addresses).speak(SpeechRequest("1")) as chunks:
        assert [each async for each in chunks]


WAYS: list[Callable[[Addresses], Awaitable[None]]] = [listed, answered, heard, spoken]


class Asked:
    """How often each server was asked since the last look."""

    def __init__(self, *servers: QiniuServer) -> None:
        self.servers, self.before = servers, [0] * len(servers)

    def __call__(self) -> list[int]:
        now = [len(server.requests) for server in self.servers]
        since = [new - old for new, old in zip(now, self.before, strict=True)]
        self.before = now
        return since


@pytest.mark.parametrize("ask", WAYS, ids=lambda each: each.__name__)
async def test_what_works_is_remembered_and_what_failed_is_asked_again_when_that_fails(
    serve: Serve, ask: Callable[[Addresses], Awaitable[None]]
) -> None:
    first, second = serve(DOWN), serve(UP)
    asked = Asked(first, second)
    async with Addresses(backend(first.base, second.base)) as addresses:
        await ask(addresses)
        assert asked() == [1, 1]
        first.manner = UP
        for _ in range(2):
            await ask(addresses)
        assert asked() == [0, 2], "the one that works is left without need"
        second.manner = DOWN
        await ask(addresses)
        assert asked() == [1, 1], "the one that had failed was not asked again"
        second.manner = UP
        await ask(addresses)
        assert asked() == [1, 0]


async def test_one_request_finds_out_for_all_that_follow(serve: Serve) -> None:
    """Whatever it was: an address is down for every verb."""
    first, second = serve(DOWN), serve(UP)
    asked = Asked(first, second)
    async with Addresses(backend(first.base, second.base)) as addresses:
        for ask in WAYS:
            await ask(addresses)
    assert asked() == [1, len(WAYS)]


async def test_an_address_without_an_answer_costs_its_wait_once(serve: Serve) -> None:
    server = serve(UP)
    with deaf_port() as port:
        bases = (f"http://127.0.0.1:{port}/v1", server.base)
        async with Addresses(backend(*bases, connect_timeout_s=1.5)) as addresses:
            await listed(addresses)
            async with asyncio.timeout(1.4):
                await listed(addresses)


async def test_when_all_fail_each_is_asked_once_and_the_next_request_begins_anew(serve: Serve) -> None:
    servers = [serve(Manner(handshake=(status, f"down {status}"))) for status in (500, 502, 503)]
    asked = Asked(*servers)
    async with Addresses(backend(*(each.base for each in servers))) as addresses:
        for _ in range(2):
            with pytest.raises(ServiceError, match="down 503"):
                await listed(addresses)
            assert asked() == [1, 1, 1]
        servers[1].manner = UP
        await listed(addresses)
        assert asked() == [1, 1, 0]


async def test_who_is_asked_twice_in_one_process_pays_once(serve: Serve) -> None:
    """Through the family's own door, as a command opens it."""
    down, server = serve(DOWN), serve(UP)
    async with qiniu.mouth(backend(down.base, server.base)) as mouth:
        for _ in range(3):
            async with mouth.speak(SpeechRequest("1")) as chunks:
                assert [each async for each in chunks]
    assert len(down.requests) == 1 and len(server.requests) == 3


async def test_two_dead_ends_are_told_as_unreachable() -> None:
    bases = [f"http://127.0.0.1:{dead_port()}/v1" for _ in range(2)]
    async with Addresses(backend(*bases)) as addresses:
        with pytest.raises(UnreachableError, match="nothing listens there"):
            await listed(addresses)
