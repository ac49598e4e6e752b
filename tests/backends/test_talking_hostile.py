"""Speech to speech with services that lie: an error of ours or an answer, soon, and the next connection works.

Belongs here: what a service may send that none should, over a real socket. Does not belong here: services that behave
(test_talking), single events at random (tests.fuzz).
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest

from tests.backends.test_talking import answer, say, sound, talking, words
from tests.fakes.server import Left, Socket
from tests.fakes.talking_server import TalkingServer
from voicecli.errors import ServiceError, UnreachableError, VoiceError
from voicecli.types.turns import Answer, AnswerWanted, Heard

pytestmark = pytest.mark.anyio
Event = dict[str, Any]
Attack = Callable[[Socket], AsyncIterator[Event]]
BEGUN: Event = {"type": "response.created", "response": {"id": "r1"}}
OVER: Event = {"type": "response.done", "response": {"id": "r1", "status": "completed"}}


def words_of(text: str, item: str = "i1", response: str = "r1") -> Event:
    return {
        "type": "response.output_audio_transcript.delta",
        "response_id": response,
        "item_id": item,
        "delta": text,
    }


def sound_of(pcm: bytes, item: str = "i1", response: str = "r1") -> Event:
    delta = base64.b64encode(pcm).decode()
    return {"type": "response.output_audio.delta", "response_id": response, "item_id": item, "delta": delta}


def understood(text: str, item: str) -> Event:
    return {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": item,
        "transcript": text,
    }


async def one_huge_delta(_socket: Socket) -> AsyncIterator[Event]:
    yield BEGUN
    yield sound_of(bytes(40_000_000))


async def sound_without_end(_socket: Socket) -> AsyncIterator[Event]:
    yield BEGUN
    while True:
        yield sound_of(bytes(2_000_000))


async def no_base64(_socket: Socket) -> AsyncIterator[Event]:
    yield BEGUN
    yield sound_of(b"\0\0") | {"delta": "AAA"}


async def session_updated_without_end(_socket: Socket) -> AsyncIterator[Event]:
    while True:
        await asyncio.sleep(0.01)
        yield {"type": "session.updated", "session": {}}


async def answers_begin_without_end(_socket: Socket) -> AsyncIterator[Event]:
    while True:
        await asyncio.sleep(0.01)
        yield BEGUN
        yield understood("again", "x")


async def close_in_the_middle(socket: Socket) -> AsyncIterator[Event]:
    yield BEGUN
    yield words_of("half a")
    socket.reset()


async def calls_without_end(_socket: Socket) -> AsyncIterator[Event]:
    yield BEGUN
    for number in range(2000):
        item = {"type": "function_call", "id": f"f{number}", "call_id": f"c{number}", "name": "", "arguments": "{"}
        yield {"type": "response.output_item.done", "response_id": "r1", "item": item}
    yield OVER


async def not_an_answer_at_all(_socket: Socket) -> AsyncIterator[Event]:
    yield {"type": "response.done", "response": ["no", "answer"]}
    yield {"type": "error", "error": "no object"}


FAIL: dict[Attack, type[VoiceError]] = {
    one_huge_delta: ServiceError,
    sound_without_end: ServiceError,
    no_base64: ServiceError,
    session_updated_without_end: UnreachableError,
    answers_begin_without_end: UnreachableError,
    close_in_the_middle: VoiceError,
    calls_without_end: ServiceError,
    not_an_answer_at_all: ServiceError,
}


async def out_of_order(_socket: Socket) -> AsyncIterator[Event]:
    """Sound before its answer, the end of one that never began, then the answer."""
    yield sound_of(b"\1\1" * 100, response="r0")
    yield {"type": "response.done", "response": {"id": "r0", "status": "completed"}}
    yield understood("nobody", "of no item")
    yield BEGUN
    yield words_of("not of r1", response="r7")
    yield words_of("right")
    yield sound_of(b"\1\1" * 4800)
    yield OVER


async def ids_that_repeat(_socket: Socket) -> AsyncIterator[Event]:
    """The answer's item has the id of the person's; commits that nobody asked for."""
    for _ in range(50):
        yield {"type": "input_audio_buffer.committed", "item_id": "i1"}
    yield BEGUN
    yield understood("stale", "i1")
    yield words_of("right")
    yield sound_of(b"\1\1" * 4800)
    yield words_of("", item="i1")
    yield OVER
    yield OVER


async def odd_pieces(_socket: Socket) -> AsyncIterator[Event]:
    """Samples cut in two, and fields of other types."""
    yield BEGUN
    yield words_of("right") | {"item_id": 7, "content_index": "x"}
    for _ in range(900):
        yield sound_of(b"\1")
    yield sound_of(b"\1" * 8700)
    yield OVER | {"response": {"id": "r1", "status": None, "output": [None, 3], "usage": {"input_tokens": "many"}}}


ANSWERED: tuple[Attack, ...] = (out_of_order, ids_that_repeat, odd_pieces)


def lying(attack: Attack) -> Callable[[Socket], Any]:
    """A service that begins as it should, and attacks as soon as an answer is wanted."""

    async def attacks(socket: Socket) -> None:
        async for event in attack(socket):
            await socket.send(json.dumps(event))

    async def talk(socket: Socket) -> None:
        await socket.send(json.dumps({"type": "session.created", "session": {"audio": {}}}))
        async with asyncio.TaskGroup() as tasks:
            with suppress(Left):
                async for message in socket:
                    kind = json.loads(message)["type"]
                    if kind == "session.update":
                        await socket.send(json.dumps({"type": "session.updated", "session": {}}))
                    if kind == "response.create":
                        attacking = tasks.create_task(attacks(socket))
            attacking.cancel()

    return talk


async def asked_of(attack: Attack, timeout_s: float) -> list[Answer]:
    with TalkingServer() as server:
        server.on_socket("/v1/lies", lying(attack))
        async with (
            talking(server, talk_url=f"{server.ws_url}/v1/lies", timeout_s=timeout_s) as talk,
            asyncio.timeout(20),
        ):
            pieces = await answer(talk.begin(print), AnswerWanted(typed="hello"))
            line = talk.lines.now
            assert line is not None and line.commits == []
            return pieces


@pytest.mark.parametrize("attack", FAIL, ids=lambda it: it.__name__)
async def test_a_lie_is_an_error_of_ours(attack: Attack) -> None:
    with pytest.raises(FAIL[attack]) as caught:
        await asked_of(attack, 0.25 if FAIL[attack] is UnreachableError else 10)
    assert caught.value.who and len(str(caught.value)) < 300


@pytest.mark.parametrize("attack", ANSWERED, ids=lambda it: it.__name__)
async def test_or_nothing_is_lost_by_it(attack: Attack) -> None:
    pieces = await asked_of(attack, 10)
    assert words(pieces) == "right"
    assert len(sound(pieces)) == pytest.approx(6400, abs=80)
    assert not [each for each in pieces if isinstance(each, Heard)], "nobody spoke"


async def test_words_that_come_after_a_truncation_change_nothing() -> None:
    with TalkingServer(chunk_s=0.01) as server:
        async with talking(server) as talk:
            turn = say(talk, "1234")
            async with turn.answer(AnswerWanted()) as pieces:
                async for _ in pieces:
                    pass
            turn.heard_until(100)
            turn.abandon()
            late = {"type": "response.output_audio_transcript.done", "item_id": server.sessions[0].items[-1].id}
            await server.sessions[0].send(**(late | {"kind": late.pop("type"), "transcript": "much more"}))
            assert words(await answer(talk.begin(print), AnswerWanted(typed="on"))) == "on"
    assert server.faults == []
