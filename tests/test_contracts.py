"""One suite over every adapter: order, promptness, leaving, cancelling, errors, secrets. See tests/contracts.py."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any

import pytest

from tests.contracts import CELLS, IMPATIENT, KEY, Cell
from tests.fakes.server import CUT, RESET, STALL, FakeServer, Gate, Left, Reply
from voicecli import wiring
from voicecli.backends.family import options_of
from voicecli.backends.registry import FAMILIES
from voicecli.errors import (
    RateLimitedError,
    RefusedError,
    ServiceError,
    UnreachableError,
    UsageError,
    VoiceError,
)
from voicecli.types import (
    ALL_VERBS,
    AudioClip,
    SpeechRequest,
)

pytestmark = pytest.mark.anyio

VERBS = ALL_VERBS
REMOTE = [cell for cell in CELLS if cell.paths]
HTTP = [cell for cell in REMOTE if not cell.socket]
STREAMED = [cell for cell in CELLS if cell.slow]
WORDS = "the flux capacitor is empty"


@asynccontextmanager
async def opened(cell: Cell, running: Any, **settings: Any) -> AsyncIterator[Any]:
    backend = cell.backend(running, **settings)
    async with cell.opened(backend) as adapter:
        yield adapter


async def answer(cell: Cell, running: Any, **settings: Any) -> list[Any]:
    async with opened(cell, running, **settings) as adapter, cell.call(adapter) as items:
        return [item async for item in items]


async def failure(cell: Cell, running: Any, **settings: Any) -> VoiceError:
    """The error of a call, as a person would see it: named, printable, without the key, in time."""
    began = time.monotonic()
    with pytest.raises(VoiceError) as caught:
        await answer(cell, running, **(IMPATIENT | settings))
    error = caught.value
    assert time.monotonic() - began < 3
    assert str(error).startswith(error.who) and cell.backend(running).name in error.who
    assert str(error).isprintable() and len(str(error)) < 700
    key = cell.backend(running).key
    assert not key or key.reveal() not in repr(error) + "".join(traceback.format_exception(error))
    await nothing_left()
    return error


async def nothing_left() -> None:
    """No task is left but the test's own and its runner's."""
    mine = asyncio.current_task()

    def strays() -> list[Any]:
        return [each for each in asyncio.all_tasks() if each is not mine and "TestRunner" not in repr(each.get_coro())]

    for _ in range(20):
        if not strays():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(strays())


def everywhere(cell: Cell, server: FakeServer, reply: Reply) -> None:
    """Answer every path of the cell with `reply`."""
    for path in cell.paths:
        server.on(path, reply)


def rejecting(cell: Cell, server: FakeServer, status: int, text: str) -> None:
    async def talk(socket: Any) -> None:
        await socket.reject(status, text)

    for path in cell.paths:
        server.on_socket(path, talk)


# -- what works --------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS, ids=str)
async def test_the_strict_server_is_answered_right(cell: Cell) -> None:
    with cell.serve() as running:
        items = await answer(cell, running, timeout_s=5.0)
        assert cell.right(items), items
    await nothing_left()


@pytest.mark.parametrize("cell", STREAMED, ids=str)
async def test_the_first_comes_before_the_last_is_sent(cell: Cell) -> None:
    gate = Gate()
    assert cell.slow
    with cell.serve() as running:
        async with (
            opened(cell, running, timeout_s=5.0) as adapter,
            cell.slow(adapter, cell.wire(running), gate) as items,
        ):
            async with asyncio.timeout(20):
                await anext(items)
            gate.open()


@pytest.mark.parametrize("cell", STREAMED, ids=str)
async def test_leaving_early_closes_the_connection_soon(cell: Cell) -> None:
    assert cell.slow
    with cell.serve() as running:
        server = cell.wire(running)
        async with opened(cell, running, timeout_s=5.0) as adapter:
            async with cell.slow(adapter, server, Gate()) as items:
                await anext(items)
                left = time.monotonic()
            assert time.monotonic() - left < 3
            await server.eventually(lambda: server.busy == 0)
            await nothing_left()


@pytest.mark.parametrize("cell", STREAMED, ids=str)
async def test_an_error_of_the_caller_stays_its_own(cell: Cell) -> None:
    assert cell.slow
    with cell.serve() as running:
        async with opened(cell, running, timeout_s=5.0) as adapter:
            with pytest.raises(KeyError, match="mine"):
                async with cell.slow(adapter, cell.wire(running), Gate()) as items:
                    await anext(items)
                    raise KeyError("mine")
    await nothing_left()


@pytest.mark.parametrize("cell", REMOTE, ids=str)
async def test_cancel_closes_the_connection_and_leaves_no_task(cell: Cell) -> None:
    """Cancelled while the service says nothing at all."""

    async def mute(socket: Any) -> None:
        with contextlib.suppress(Left):
            await socket.accept()
            async for _ in socket:
                pass

    with cell.serve() as running:
        server = cell.wire(running)
        everywhere(cell, server, Reply(first=[STALL]))
        for path in cell.paths:
            server.on_socket(path, mute)
        async with opened(cell, running, timeout_s=30.0) as adapter:

            async def ask() -> None:
                async with cell.call(adapter) as items:
                    async for _ in items:
                        pass

            await server.cancels(ask())
            await server.eventually(lambda: server.busy == 0)
            await nothing_left()


# -- what fails --------------------------------------------------------------------------------------

OPENAIS = {"error": {"message": WORDS, "type": "some_error", "param": None, "code": None}}
QUOTA = {"error": {"message": WORDS, "type": "insufficient_quota", "code": "insufficient_quota"}}
FASTAPI = {"detail": [{"loc": ["body", "model"], "msg": WORDS}]}
STATUSES: dict[str, tuple[int, Any, type[VoiceError]]] = {
    "400": (400, OPENAIS, ServiceError),
    "401": (401, OPENAIS, RefusedError),
    "403": (403, {"error": WORDS}, RefusedError),
    "413": (413, {"detail": WORDS}, ServiceError),
    "422": (422, FASTAPI, ServiceError),
    "429": (429, OPENAIS, RateLimitedError),
    "429 quota": (429, QUOTA, RefusedError),
    "500": (500, {"error": {"message": f"{WORDS}, {KEY}\x1b[31m", "code": 500}}, ServiceError),
    "503": (503, OPENAIS, ServiceError),
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("cell", REMOTE, ids=str)
async def test_a_status_becomes_our_error_in_the_services_words(cell: Cell, status: str) -> None:
    code, body, kind = STATUSES[status]
    if cell.socket and code in (400, 404, 413, 422):
        code = 500  # what a handshake is refused with
    reply = Reply.json(body, code)
    with cell.serve() as running:
        everywhere(cell, cell.wire(running), reply)
        rejecting(cell, cell.wire(running), code, bytes(reply.body).decode())  # type: ignore[arg-type]
        error = await failure(cell, running)
    assert type(error) is kind, error
    assert WORDS in str(error) and error.status == code


STAND_IN = {("openai", "voices"), ("openai", "health")}
"""Lists that a service need not have: the published names take their place, and it is well all the same."""


@pytest.mark.parametrize("cell", REMOTE, ids=str)
async def test_a_missing_address_is_a_service_error(cell: Cell) -> None:
    with cell.serve() as running:
        everywhere(cell, cell.wire(running), Reply.text("<title>404 Not Found</title>", 404, "text/html"))
        rejecting(cell, cell.wire(running), 404, "404 Not Found")
        if (cell.family, cell.verb) in STAND_IN:
            assert await answer(cell, running)
            return
        error = await failure(cell, running)
    assert type(error) is ServiceError and "404" in str(error) and error.cure


@pytest.mark.parametrize("cell", REMOTE, ids=str)
async def test_nothing_there_is_unreachable(cell: Cell) -> None:
    with cell.serve() as running:
        backend = cell.backend(running)
    with pytest.raises(UnreachableError) as caught:
        async with (
            cell.opened(backend) as adapter,
            cell.call(adapter) as items,
        ):
            async for _ in items:
                pass
    assert caught.value.cure and backend.name in caught.value.who


@pytest.mark.parametrize("cell", HTTP, ids=str)
async def test_silence_is_unreachable_in_time(cell: Cell) -> None:
    with cell.serve() as running:
        everywhere(cell, cell.wire(running), Reply(first=[STALL]))
        error = await failure(cell, running)
    assert type(error) is UnreachableError and "0.3 s" in str(error)


@pytest.mark.parametrize("cell", HTTP, ids=str)
async def test_an_answer_that_is_cut_is_a_service_error(cell: Cell) -> None:
    for act in (RESET, CUT):
        with cell.serve() as running:
            everywhere(cell, cell.wire(running), Reply([b"{", act], 200, {"content-type": "application/json"}))
            error = await failure(cell, running)
        assert isinstance(error, ServiceError), error


NONSENSE = {
    "nothing": b"",
    "cut": b"{",
    "list": b"[]",
    "object": b"{}",
    "null": b"null",
    "binary": b"\xff\x00",
    "error": json.dumps(OPENAIS).encode(),
}


@pytest.mark.parametrize("body", NONSENSE)
@pytest.mark.parametrize("cell", HTTP, ids=str)
async def test_nonsense_is_a_service_error(cell: Cell, body: str) -> None:
    with cell.serve() as running:
        everywhere(cell, cell.wire(running), Reply(NONSENSE[body], 200, {"content-type": "application/json"}))
        if body in cell.means:
            assert await answer(cell, running)
            return
        error = await failure(cell, running)
    assert isinstance(error, ServiceError), error
    assert body != "error" or WORDS in str(error)


# -- what is refused ---------------------------------------------------------------------------------

SAMPLES: dict[str, Any] = dict.fromkeys(("words", "diarize", "translate"), True) | {
    "temperature": 0.5,
    "hotwords": ("a",),
    "max_tokens": 5,
    "top_p": 0.5,
    "n": 2,
    "seed": 1,
    "stop": ("x",),
    "speed": 1.5,
    "pitch": 1.0,
    "reference": AudioClip(b"x"),
    "segments": True,
}
"""A value that is set for every option; the others are texts."""

OPTIONS: dict[str, Any] = {
    verb: SpeechRequest("x") if kind is SpeechRequest else kind() for verb in ALL_VERBS if (kind := options_of(verb))
}


@pytest.mark.parametrize("verb", OPTIONS)
@pytest.mark.parametrize("name", FAMILIES)
def test_options_that_a_family_lacks_are_refused_by_name(name: str, verb: Any) -> None:
    from dataclasses import replace

    family = FAMILIES[name].at_best
    if not wiring.able(family, verb):
        return
    for field in (each.name for each in fields(OPTIONS[verb]) if each.name != "text"):
        options = replace(OPTIONS[verb], **{field: SAMPLES.get(field, "x")})
        if field in wiring.takes(family, verb):
            wiring.check_options(family, verb, options)
        else:
            with pytest.raises(UsageError) as caught:
                wiring.check_options(family, verb, options)
            others = [f.name for f in FAMILIES.values() if field in wiring.takes(f.at_best, verb)]
            assert all(other in str(caught.value) for other in others)


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if not family.at_best.offline])
def test_no_family_skips_the_suite(name: str) -> None:
    offered = {verb for verb in VERBS if FAMILIES[name].at_best.can(verb)}
    assert offered == {cell.verb for cell in CELLS if cell.family == name}
