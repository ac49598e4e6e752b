"""The openai SDK as a client of our local server: what OpenAI's own client can't read, nobody else should be given."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests import dtmf
from tests.backends.test_talking import HISTORY, TOOL, answer, say, talking
from tests.fakes.forms import heard
from tests.fakes.openai_server import Habits, OpenAIServer
from tests.fakes.pictures import png
from tests.fakes.talking_server import ALL, COMMON, KEEPS, TalkingServer
from tests.interop.tools import TOOLS, environment
from voicecli.types import Picture, ToolCall
from voicecli.types.turns import AnswerWanted, Sound

DIGITS, NEXT = "4071993825", "5182004936"
CLIENT = Path(__file__).parent / "sdk_client.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("sdk")
    for name, rate in (("digits.wav", 16_000), ("digits24.wav", 24_000)):
        soundfile.write(found / name, dtmf.encode(DIGITS, rate), rate, subtype="PCM_16")
    return found


CALLS = [["draw", '{"what": "a pig"}'], ["look", '{"what": "the pig"}']]


def draws(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(name, given) for name, given in CALLS] if messages[-1]["content"] == "Draw." else []


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, Any]:
    """What the SDK made of every answer."""
    with OpenAIServer(Habits(key="sk-right", calls=draws)) as server:
        command = [str(TOOLS / "sdk" / "bin" / "python"), str(CLIENT), server.base_url, str(folder)]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_chat_whole_streamed_and_cut(told: dict[str, Any]) -> None:
    chat = told["chat"]
    assert chat["whole"] == [chat["streamed"]] * 2
    assert NEXT in chat["streamed"]
    assert (chat["reason"], chat["last"], chat["cut"], chat["usage"]) == ("stop", "stop", "length", True)


def test_calls_of_tools_whole_and_streamed(told: dict[str, Any]) -> None:
    assert told["tools"] == {
        "whole": CALLS,
        "streamed": CALLS,
        "reasons": ["tool_calls", "tool_calls"],
        "answer": "2.",
    }


def test_transcriptions_in_every_shape(told: dict[str, Any]) -> None:
    found = told["transcriptions"]
    assert found.pop("segments") == 1
    assert found == dict.fromkeys(("json", "text", "verbose", "words", "streamed", "done"), DIGITS)


def test_speech_in_every_format(told: dict[str, Any], folder: Path) -> None:
    for form in told["speech"]:
        data = (folder / f"speech.{form}").read_bytes()
        text = dtmf.decode(np.frombuffer(data, "<i2"), 24_000) if form == "pcm" else heard(data)
        assert text == DIGITS, form


def test_models(told: dict[str, Any]) -> None:
    assert told["models"] == list(Habits().models)


def test_errors_have_the_names_that_the_sdk_knows(told: dict[str, Any]) -> None:
    assert told["errors"] == [
        "AuthenticationError authentication_error",
        "BadRequestError invalid_request_error",
        "BadRequestError invalid_request_error",
        "NotFoundError invalid_request_error",
    ]


def test_a_realtime_session(told: dict[str, Any]) -> None:
    assert told["realtime"]["text"] == DIGITS
    assert DIGITS.startswith(told["realtime"]["deltas"])


async def sent_by_speech_to_speech() -> list[dict[str, Any]]:
    """Spoken, typed, said for us, interrupted and withdrawn turns, calls and results, a picture, notes."""
    with TalkingServer(chunk_s=0.01) as server:
        async with talking(server, HISTORY, (TOOL,)) as talk:
            await answer(say(talk, "189"))
            found = await answer(talk.begin(print), AnswerWanted(typed="call look"))
            results = tuple((each, "a pig") for each in found if isinstance(each, ToolCall))
            await answer(talk.begin(print), AnswerWanted(results=results))
            await answer(talk.begin(print), AnswerWanted(says="It rings.", tools=False))
            talk.show([Picture(png("7"), "image/png")])
            await answer(talk.begin(print), AnswerWanted(typed="what is it", instructions="Be brief.\n\n<note>"))
            talk.show([])
            for heard in (0, 4000):
                turn = talk.begin(print)
                async with turn.answer(AnswerWanted(typed="12345678")) as pieces:
                    await anext(each async for each in pieces if isinstance(each, Sound) and each.pcm)
                    turn.heard_until(heard)
                turn.abandon()
                await server.eventually(lambda: not server.sessions[0].answering, 5)
            turn = talk.begin(print)
            turn.hear(bytes(6400))
            turn.abandon()
            await answer(say(talk, "4"))
    return [each for session in server.sessions for each in session.log]


def test_every_frame_of_speech_to_speech_is_one_of_theirs() -> None:
    """By OpenAI's own types, strictly, with no field that they do not know."""
    frames = asyncio.run(sent_by_speech_to_speech())
    assert {each["type"] for each in frames} == COMMON | ALL | KEEPS
    command = [str(TOOLS / "sdk" / "bin" / "python"), str(CLIENT.with_name("realtime_frames.py"))]
    text = "\n".join(map(json.dumps, [*frames, {"type": "response.cancel", "strange": 1}]))
    done = subprocess.run(command, input=text, env=environment(), capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("response.cancel.strange is unknown\n", "")
