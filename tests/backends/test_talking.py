"""Speech to speech against a strict service of every dialect: turns, interruptions, lost connections, tools."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests import dtmf
from tests.fakes.pictures import png
from tests.fakes.talking_server import KNOWS, Session, TalkingServer
from tests.serving import serving
from voicecli.audio.playout import Playout
from voicecli.backends.openai.talking.dialects import DIALECTS, address, dialect_of, told_by
from voicecli.backends.openai.talking.protocol import AnswerBegun, Complained, TalkProtocol, Void
from voicecli.backends.openai.talking.session import SpeechToSpeech, TalkConversation
from voicecli.backends.openai.talking.turns import SpokenTurn
from voicecli.backends.openai.talking.wishes import SAY
from voicecli.dialogue.mouth import Mouth
from voicecli.errors import ConfigError, RefusedError, ServiceError, UnreachableError, UsageError, VoiceError
from voicecli.types import Backend, ChatMessage, Picture, TalkOptions, ToolCall, ToolSpec, Usage
from voicecli.types.turns import Answer, AnswerWanted, Heard, Sound, Text

pytestmark = pytest.mark.anyio

server = serving(TalkingServer)
RATE = 16_000
RATE_OUT, WORD = 24_000, 3360
"""A word of the service's, in samples of its own."""
INTERRUPTIONS = 24
BY_SERVICE = {"xai", "huggingface"}
TOOL = ToolSpec("look", "Look.", {"type": "object", "properties": {}})
HISTORY = [ChatMessage("system", "Be brief."), ChatMessage("user", "one"), ChatMessage("assistant", "two…")]


@asynccontextmanager
async def talking(
    server: TalkingServer, history: Sequence[ChatMessage] = (), tools: tuple[ToolSpec, ...] = (), **settings: Any
) -> AsyncIterator[TalkConversation]:
    known: dict[str, Any] = {"talk_url": server.talk_url, "talk_model": "m", "timeout_s": 3.0}
    backend = Backend("one", "openai", **({"talk_dialect": server.dialect} | known | settings))
    options = TalkOptions(tools=tools, turns="service" if server.dialect in BY_SERVICE else "client")
    async with SpeechToSpeech(backend).converse(options, RATE, lambda: history) as talk:
        await talk.warm()
        yield talk


def say(talk: TalkConversation, digits: str, partial: Callable[[str], None] = lambda _text: None) -> SpokenTurn:
    """A turn of these digits, as frames of 20 ms."""
    turn, pcm = talk.begin(partial), dtmf.encode(digits, RATE).tobytes()
    for at in range(0, len(pcm), 640):
        turn.hear(pcm[at : at + 640])
    turn.pause()
    return turn


async def answer(turn: SpokenTurn, asked: AnswerWanted | None = None) -> list[Answer]:
    async with turn.answer(asked or AnswerWanted()) as pieces:
        return [each async for each in pieces]


def words(pieces: Sequence[Answer]) -> str:
    return "".join(each.text for each in pieces if isinstance(each, Text)).strip()


def sound(pieces: Sequence[Answer]) -> bytes:
    return b"".join(each.pcm for each in pieces if isinstance(each, Sound))


def digits(pieces: Sequence[Answer]) -> str:
    import numpy as np

    return dtmf.decode(np.frombuffer(sound(pieces), "<i2"), RATE)


def roles(session: Session) -> list[tuple[str, str]]:
    return [(each.role, " ".join(each.words)) for each in session.items]


@pytest.mark.parametrize("dialect", KNOWS)
async def test_turns_in_every_dialect(dialect: str) -> None:
    """Two turns that are heard, one that is typed; nothing that the service does not know is ever sent."""
    with TalkingServer(dialect=dialect) as server:
        async with talking(server, HISTORY) as talk:
            for number in ("189", "40"):
                turn = say(talk, number)
                pieces = await answer(turn)
                turn.abandon()
                wanted = [str((int(each) + 1) % 10) for each in number]
                assert words(pieces).split() == wanted and digits(pieces) == "".join(wanted)
                assert [each.text for each in pieces if isinstance(each, Heard)][-1] == number
                assert Usage(10, 5) in pieces
            assert words(await answer(talk.begin(print), AnswerWanted(typed="good morning"))) == "good morning"
            assert words(await answer(talk.begin(print), AnswerWanted(says="It rings.", tools=False))) == "It rings."
        (session,) = server.sessions
    assert server.faults == [] and session.settings["instructions"] == "Be brief."
    assert roles(session)[:2] == [("user", "one"), ("assistant", "two…")]
    assert ("user", "189") in roles(session) and ("assistant", "2 9 0") in roles(session)


@pytest.mark.parametrize("ahead", [False, True])
async def test_what_is_remembered_is_what_was_heard_when_interrupted(ahead: bool) -> None:
    await interrupted(INTERRUPTIONS, ahead=ahead)


async def asking(talk: TalkConversation, number: str, chance: random.Random) -> tuple[SpokenTurn, AnswerWanted]:
    """A turn of these digits: typed, or spoken after a draft that was withdrawn somewhere, or whole."""
    if chance.random() < 0.6:
        return talk.begin(print), AnswerWanted(typed=number)
    turn, left = say(talk, "55"), chance.randrange(1, 9)
    async with turn.answer(AnswerWanted()) as pieces:
        while left and await anext(pieces, None) is not None:
            left -= 1
    turn.hear(dtmf.encode(number, RATE).tobytes())
    return turn, AnswerWanted()


async def interrupted(times: int, *, ahead: bool) -> None:
    """We and the service cut at the same word; where all words come before the sound, at most one word apart."""
    chance = random.Random(18)
    with TalkingServer(first_s=0, chunk_s=0.0005, ahead=ahead) as server:
        async with talking(server) as talk:
            for _ in range(times):
                number = "".join(chance.choices("123456789", k=8))
                turn, asked = await asking(talk, number, chance)
                wanted, mouth, played = chance.randrange(1, 16), Mouth(Playout(RATE), lambda: 0.0), 0
                async with turn.answer(asked) as pieces:
                    async for each in pieces:
                        if isinstance(each, Sound):
                            mouth.say(each)
                            played += len(each.pcm) // 2
                            if (wanted := wanted - bool(each.pcm)) < 0:
                                break
                    cut = chance.randrange(1, played + 1)
                    mouth.lane.played = cut
                    turn.heard_until(cut)
                turn.abandon()
                (session,) = server.sessions
                await server.eventually(lambda: not server.sessions[0].answering, 5)
                await server.eventually(lambda: server.sessions[0].log[-1]["type"].endswith("truncate"), 5)
                said = session.items[-1]
                ours, all_words = mouth.heard().split(), [str((int(each) + 1) % 10) for each in number]
                assert ours == all_words[: len(ours)]
                begun = cut * RATE_OUT // RATE // WORD
                assert begun - ahead <= len(ours) <= begun + 1 + ahead, (ours, said.words, cut)
                assert said.words == all_words[: len(said.words)] and begun - 1 <= len(said.words) <= begun
    assert server.faults == []


async def test_a_withdrawn_answer_leaves_no_trace_and_is_over_before_the_next() -> None:
    with TalkingServer(chunk_s=0.02) as server:
        async with talking(server) as talk:
            turn = say(talk, "123")
            async with turn.answer(AnswerWanted()) as pieces:
                async for each in pieces:
                    if isinstance(each, Sound):
                        break
            turn.hear(dtmf.encode("45", RATE).tobytes())
            assert words(await answer(turn)) == "5 6"  # the service answers to its newest item
            turn.abandon()
            taken_back = say(talk, "77")
            await answer(taken_back)
            taken_back.heard_until(0)
            taken_back.abandon()
            dropped = say(talk, "99")
            assert (await dropped.words()).text == "99"
            dropped.abandon()
            await answer(talk.begin(print), AnswerWanted(typed="on", prefix="so"))
    session = server.sessions[0]
    assert roles(session) == [
        ("user", "123"),
        ("user", "45"),
        ("assistant", "5 6"),
        ("user", "so"),
        ("user", "on"),
        ("assistant", "on"),
    ]
    assert server.faults == []


@pytest.mark.parametrize("whole", [False, True])
async def test_an_interruption_cuts_the_answer_that_sounded_not_one_that_was_withdrawn(whole: bool) -> None:
    """A draft is withdrawn, in the making or whole; of the answer after it the person hears two words and a half."""
    with TalkingServer(chunk_s=0 if whole else 0.02) as server:
        async with talking(server) as talk:
            turn = say(talk, "1234567")
            async with turn.answer(AnswerWanted()) as pieces:
                async for each in pieces:
                    if isinstance(each, Sound) and each.pcm and not whole:
                        break
            turn.hear(dtmf.encode("111111", RATE).tobytes())
            assert words(await answer(turn)) == "2 2 2 2 2 2"
            turn.heard_until(WORD * RATE // RATE_OUT * 5 // 2)
            turn.abandon()
            assert words(await answer(talk.begin(print), AnswerWanted(typed="on"))) == "on"
    heard = [each for each in roles(server.sessions[0]) if each[0] == "assistant"]
    assert heard == [("assistant", "2 2"), ("assistant", "on")]
    assert server.faults == []


@pytest.mark.parametrize("drops", [2, 4, 12, 20, 23])
async def test_a_lost_connection_costs_no_turn(drops: int) -> None:
    """Wherever it breaks before the answer: the new one is told what was said, and the turn is sent again."""
    with TalkingServer(first_s=0.05, drops=[drops]) as server:
        async with talking(server, HISTORY) as talk:
            assert words(await answer(say(talk, "5555"))) == "6 6 6 6"
            assert words(await answer(say(talk, "12"))) == "2 3"
    assert len(server.sessions) == 2 and server.faults == []
    kept = [each for each in roles(server.sessions[-1]) if each[0] == "user"]
    assert kept[0] == ("user", "one") and kept[-1] == ("user", "12")


async def test_what_breaks_off_while_it_is_said_is_an_error() -> None:
    with TalkingServer(chunk_s=0.05) as server:
        async with talking(server) as talk:
            pieces: list[Answer] = []
            with pytest.raises(ServiceError, match="one"):
                async with say(talk, "123456").answer(AnswerWanted()) as stream:
                    async for each in stream:
                        pieces.append(each)
                        if len(pieces) == 4:
                            server.sessions[0].breaks = True
            assert words(pieces)
            assert words(await answer(say(talk, "12"))) == "2 3"


async def test_a_session_is_renewed_before_its_end(server: TalkingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async with talking(server, HISTORY) as talk:
        await answer(say(talk, "12"))
        line = talk.lines.now
        assert line is not None
        line.opened_at -= 3400
        await talk.warm()
        assert words(await answer(say(talk, "34"))) == "4 5"
    assert len(server.sessions) == 2 and roles(server.sessions[1])[0] == ("user", "one")


@pytest.mark.parametrize("dialect", ["openai", "qwen-omni"])
async def test_calls_of_tools_and_their_results(dialect: str) -> None:
    with TalkingServer(dialect=dialect) as server:
        async with talking(server, tools=(TOOL,)) as talk:
            turn, wanted = talk.begin(print), AnswerWanted(typed="call look")
            (call,) = [each for each in await answer(turn, wanted) if isinstance(each, ToolCall)]
            assert call.name == "look" and call.arguments == "{}"
            assert words(await answer(turn, replace(wanted, results=((call, "a pig"),)))) == "done a pig"
            strange = ToolCall("call_of_another_line", "look")
            assert words(await answer(talk.begin(print), AnswerWanted(results=((strange, "it"),)))) == "done it"
    assert server.faults == []


async def test_a_picture_goes_with_what_is_said_next_over_another_connection_too() -> None:
    picture = Picture(png("778"), "image/png")
    with TalkingServer(drops=[1]) as server:
        async with talking(server) as talk:
            talk.show([picture])
            assert words(await answer(say(talk, "12"))) == "7 7 8"
            talk.show([])
            assert words(await answer(talk.begin(print), AnswerWanted(typed="40"))) == "5 1"
    assert [[each.role for each in one.items if each.role != "assistant"] for one in server.sessions][-1] == [
        "picture",
        "user",
        "user",
    ]
    assert len(server.sessions) == 2 and server.faults == []


@pytest.mark.parametrize(
    ("settings", "told"), [({"talk_dialect": "qwen-omni"}, "talk_dialect is qwen-omni"), ({}, "may not take")]
)
async def test_who_takes_no_pictures_says_so(settings: dict[str, Any], told: str) -> None:
    backend = Backend("one", "openai", talk_url="ws://127.0.0.1:1/v1/realtime", **settings)
    async with SpeechToSpeech(backend).converse(TalkOptions(), RATE, list) as talk:
        with pytest.raises(UsageError, match=told):
            talk.show([Picture(b"", "image/png")])
        talk.show([])


async def test_what_is_understood_while_one_speaks_is_told() -> None:
    with TalkingServer(dialect="xai") as server:
        told: list[str] = []
        async with talking(server) as talk:
            await answer(say(talk, "123", told.append))
    assert told == ["1"]


async def test_failures_are_ours(server: TalkingServer) -> None:
    xai = Backend("one", "openai", talk_url="wss://api.x.ai/v1/realtime")
    for backend, told in ((Backend("one", "openai"), "talk_url"), (xai, "ends your turns by itself")):
        with pytest.raises(ConfigError, match=told):
            async with SpeechToSpeech(backend).converse(TalkOptions(), RATE, list):
                pass
    server.on_socket("/v1/refuses", lambda socket: socket.reject(401, "no"))
    async with talking(server, talk_url=f"{server.ws_url}/v1/refuses") as talk:
        with pytest.raises(RefusedError):
            await answer(say(talk, "1"))

    async def silent(socket: Any) -> None:
        async for _ in socket:
            pass

    server.on_socket("/v1/silent", silent)
    async with talking(server, talk_url=f"{server.ws_url}/v1/silent", timeout_s=0.2) as talk:
        turn = talk.begin(print)
        with pytest.raises(UnreachableError, match=r"nothing of an answer for 0\.2 s"):
            async with asyncio.timeout(30):
                await answer(turn, AnswerWanted(typed="hello"))


# -- without a socket ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"talk_url": "wss://api.openai.com/v1/realtime"}, "openai"),
        ({"talk_url": "wss://mine.openai.azure.com/openai/v1/realtime"}, "azure"),
        ({"talk_url": "wss://api.x.ai/v1/realtime"}, "xai"),
        ({"talk_url": "wss://dashscope.aliyuncs.com/api-ws/v1/realtime", "talk_model": "qwen3.5-omni-x"}, "qwen-omni"),
        ({"talk_url": "wss://dashscope.aliyuncs.com/x", "talk_model": "qwen-audio-3.0-realtime"}, "qwen-audio"),
        ({"talk_url": "ws://127.0.0.1:8000/v1/realtime", "talk_dialect": "speaches"}, "speaches"),
        ({"talk_url": "ws://127.0.0.1:8000/v1/realtime"}, None),
    ],
)
def test_a_dialect_is_told_by_the_settings(settings: dict[str, Any], name: str | None) -> None:
    assert dialect_of(Backend("one", "openai", **settings)) == (DIALECTS[name] if name else None)


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ({"type": "session.created", "session": {"audio": {}}}, "openai"),
        ({"type": "session.created", "session": {"modalities": ["audio"]}}, "beta"),
        ({"type": "conversation.created"}, "xai"),
        ({}, "openai"),
    ],
)
def test_or_by_the_first_event(event: dict[str, Any], name: str) -> None:
    assert told_by(event).name == name


def test_an_address_names_the_model_once() -> None:
    assert address("wss://a/realtime", "m 1") == "wss://a/realtime?model=m+1"
    assert address("wss://a/realtime?api=2", "m") == "wss://a/realtime?api=2&model=m"
    assert address("wss://a/realtime?model=x", "m") == "wss://a/realtime?model=x"


def test_an_answer_that_is_withdrawn_before_it_begins_is_cancelled_all_the_same() -> None:
    protocol = TalkProtocol(DIALECTS["openai"], lambda complaint: VoiceError(complaint.words))
    protocol.respond()
    assert list(protocol.cancel(void=True)) == [], "there is nothing yet that could be cancelled"
    event: dict[str, Any]
    for event, news in (
        ({"type": "response.created", "response": {"id": "r1"}}, [AnswerBegun()]),
        ({"type": "response.output_item.added", "response_id": "r1", "item": {"id": "i1", "type": "message"}}, []),
        ({"type": "response.output_audio_transcript.delta", "response_id": "r1", "item_id": "i1", "delta": "No"}, []),
        ({"type": "response.done", "response": {"id": "r1", "status": "cancelled"}}, [Void(("i1",))]),
    ):
        assert protocol.receive(json.dumps(event)) == news
        if news == [AnswerBegun()]:
            assert [json.loads(each)["type"] for each in protocol.cancel(void=True)] == ["response.cancel"]
    assert list(protocol.cancel()) == []
    protocol.respond()
    (news_of_it,) = protocol.receive('{"type": "error", "error": {"code": "no", "message": "no"}}')
    assert isinstance(news_of_it, Complained) and protocol.answer is None, "nothing is waited for"


def test_what_is_to_be_said_is_said_word_for_word() -> None:
    protocol = TalkProtocol(DIALECTS["openai"], lambda complaint: VoiceError(complaint.words))
    assert f'"{SAY[:20]}' in protocol.respond("Now!") and '"tool_choice": "none"' in protocol.respond("Now!")
