"""The openai SDK as a client of our local server: what OpenAI's own client can't read, nobody else should be given."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests import dtmf
from tests.fakes.forms import heard
from tests.fakes.openai_server import Habits, OpenAIServer
from tests.interop.tools import TOOLS, environment

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
