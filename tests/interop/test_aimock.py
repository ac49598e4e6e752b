"""aimock, somebody else's imitation of OpenAI's service, against our adapters: what it says, and all that it breaks.

Its answers are written here as its fixtures; its chaos is switched on by headers, which `[backends.x.headers]`
sends as a person's would. Its journal tells what it was sent.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from tests import dtmf
from tests.conftest import Voice
from tests.contracts import frames
from tests.fakes.forms import heard, spoken
from tests.interop.tools import TOOLS, free_port, running
from voicecli.backends.openai.adapter import open_openai
from voicecli.backends.openai.talking.session import SpeechToSpeech
from voicecli.errors import (
    ConfigError,
    ProtocolError,
    RateLimitedError,
    RefusedError,
    ServiceError,
    UnreachableError,
    VoiceError,
)
from voicecli.types import (
    AudioClip,
    Backend,
    ChatMessage,
    ChatOptions,
    Secret,
    SpeechRequest,
    TalkOptions,
    ToolCall,
    ToolSpec,
    TranscribeOptions,
)
from voicecli.types.turns import AnswerWanted, Text

pytestmark = pytest.mark.anyio

KEY = "sk-aimock"
AUTHORISED = {"Authorization": f"Bearer {KEY}"}
DIGITS = "4071993825"
ANSWER = "The next ones are 5182004936. 好的。"
WORDS = "the flux capacitor is empty"


def _error(status: int, **error: str) -> dict[str, Any]:
    return {"error": {"message": WORDS, "type": "server_error"} | error, "status": status}


def _fixture(response: dict[str, Any], match: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"match": match, "response": response, **more}


def mp3() -> bytes:
    out = io.BytesIO()
    soundfile.write(out, dtmf.encode(DIGITS, 24_000), 24_000, format="MP3")
    return out.getvalue()


ERRORS: dict[str, tuple[dict[str, Any], type[VoiceError]]] = {
    "rate": (
        _error(429, type="rate_limit_error", code="rate_limit_exceeded") | {"retryAfter": 30},
        RateLimitedError,
    ),
    "quota": (_error(429, type="insufficient_quota", code="insufficient_quota"), RefusedError),
    "key": (_error(401, type="authentication_error", code="invalid_api_key"), RefusedError),
    "forbidden": (_error(403, type="permission_error"), RefusedError),
    "missing": (_error(404, type="invalid_request_error", code="model_not_found"), ConfigError),
    "wrong": (_error(400, type="invalid_request_error"), ServiceError),
    "broken": (_error(500), ServiceError),
    "busy": (_error(503), ServiceError),
}
TIMED = {
    "text": DIGITS,
    "language": "english",
    "duration": 1.4,
    "words": [{"word": DIGITS, "start": 0.0, "end": 1.4}],
    "segments": [{"id": 0, "text": DIGITS, "start": 0.0, "end": 1.4}],
}
CALLS = [("draw", {"what": "a pig"}), ("look", {"what": "猪" * 20})]
TOOLS_OFFERED = tuple(
    ToolSpec(name, "does", {"type": "object", "properties": {"what": {"type": "string"}}}) for name, _ in CALLS
)
FIXTURES = [
    _fixture({"content": ANSWER}, {"toolCallId": "call_look"}),
    _fixture(
        {"toolCalls": [{"name": name, "arguments": json.dumps(given), "id": f"call_{name}"} for name, given in CALLS]},
        {"userMessage": "draw"},
        chunkSize=3,
    ),
    _fixture({"content": ANSWER}, {"userMessage": "count"}, chunkSize=3),
    _fixture({"content": "Ten.", "reasoning": "They are ten."}, {"userMessage": "think"}),
    _fixture({"content": ANSWER}, {"userMessage": "shorten"}, chunkSize=3, latency=20, truncateAfterChunks=4),
    _fixture({"content": ANSWER}, {"userMessage": "vanish"}, chunkSize=3, latency=50, disconnectAfterMs=200),
    _fixture({"content": ANSWER, "finishReason": "length"}, {"userMessage": "too long"}),
    *(_fixture(response, {"userMessage": f"fail {name}"}) for name, (response, _) in ERRORS.items()),
    _fixture(
        {"audio": base64.b64encode(dtmf.encode(DIGITS, 24_000).tobytes()).decode(), "format": "pcm"},
        {"endpoint": "speech", "userMessage": "samples"},
    ),
    _fixture(
        {"audio": base64.b64encode(mp3()).decode(), "format": "mp3"}, {"endpoint": "speech", "userMessage": "mp3"}
    ),
    _fixture(_error(500), {"endpoint": "speech", "userMessage": "broken"}),
    _fixture({"transcription": {"text": DIGITS}}, {"endpoint": "transcription", "model": "digits"}, chunkSize=2),
    _fixture(
        {"transcription": {"text": DIGITS}},
        {"endpoint": "transcription", "model": "gpt-4o-mini-transcribe"},
        chunkSize=2,
    ),
    _fixture({"transcription": TIMED}, {"endpoint": "transcription", "model": "timed"}),
    _fixture(_error(400), {"endpoint": "transcription", "model": "broken"}),
    _fixture(
        {"transcription": {"text": DIGITS}},
        {"endpoint": "realtime-transcription", "model": "gpt-4o-transcribe"},
        chunkSize=2,
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("aimock")
    (folder / "fixtures.json").write_text(json.dumps({"fixtures": FIXTURES}))
    program = TOOLS / "aimock/node_modules/@copilotkit/aimock/dist/cli.js"
    port = free_port()
    command = ["node", str(program), "--port", str(port), "--fixtures", "fixtures.json", "--validate-on-load"]
    env = {"AIMOCK_API_KEYS": KEY}
    with running(command, f"http://127.0.0.1:{port}/health", folder / "log", env) as url:
        yield url


def backend(url: str, **settings: Any) -> Backend:
    fixed: dict[str, Any] = {
        "base_url": f"{url}/v1",
        "live_url": f"{url.replace('http', 'ws')}/v1/realtime?intent=transcription",
        "key": Secret(KEY),
        "chat_model": "gpt-4o-mini",
        "transcribe_model": "digits",
        "speak_model": "tts-1",
        "voice": "alloy",
        "timeout_s": 5.0,
    }
    return Backend("work", "openai", **(fixed | settings))


def opened(url: str, **settings: Any) -> Any:
    return open_openai(backend(url, **settings))


async def ask(url: str, question: str, options: ChatOptions | None = None, **settings: Any) -> list[Any]:
    messages = [ChatMessage("system", "Be brief."), ChatMessage("user", question)]
    async with opened(url, **settings) as model, model.chat(messages, options or ChatOptions()) as deltas:
        return [delta async for delta in deltas]


def chaos(**rates: float) -> dict[str, Any]:
    return {"headers": {f"X-AIMock-Chaos-{name.title()}": str(rate) for name, rate in rates.items()}}


def said(deltas: list[Any]) -> str:
    return "".join(delta.text for delta in deltas)


def sent(url: str, path: str) -> dict[str, Any]:
    """The newest request for `path` that the journal holds."""
    entries = httpx.get(f"{url}/__aimock/journal", params={"path": path}, headers=AUTHORISED, trust_env=False).json()
    found: dict[str, Any] = [each for each in entries if each["path"].startswith(path)][-1]
    return found


# -- what works ------------------------------------------------------------------------------------


async def test_an_answer_streams_in_order_and_every_option_arrives(server: str) -> None:
    options = ChatOptions(temperature=0.5, top_p=0.9, seed=7, stop=("x", "y"), max_tokens=99)
    deltas = await ask(server, "count", options)
    assert said(deltas) == ANSWER and len(deltas) > 5
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == ["stop"]
    body = sent(server, "/v1/chat/completions")["body"]
    wanted = {"temperature": 0.5, "top_p": 0.9, "seed": 7, "stop": ["x", "y"], "max_tokens": 99, "stream": True}
    assert wanted.items() <= body.items()
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


async def test_calls_of_tools_stream_in_pieces_and_their_results_are_answered(server: str) -> None:
    calls = (await ask(server, "draw", ChatOptions(tools=TOOLS_OFFERED)))[-1].calls
    assert [(each.name, json.loads(each.arguments)) for each in calls] == CALLS
    results = [ChatMessage("tool", f"{each.name} is done", call_id=each.id) for each in calls]
    talk = [ChatMessage("user", "draw"), ChatMessage("assistant", "", calls), *results]
    async with opened(server) as model, model.chat(talk, ChatOptions(tools=TOOLS_OFFERED)) as deltas:
        assert said([delta async for delta in deltas]) == ANSWER


async def test_reasoning_is_told_apart_and_length_is_known(server: str) -> None:
    deltas = await ask(server, "think")
    assert said(deltas) == "Ten." and "".join(delta.reasoning for delta in deltas) == "They are ten."
    assert "length" in [delta.finish_reason for delta in await ask(server, "too long")]


@pytest.mark.parametrize("kind", ["samples", "mp3"])
async def test_speech_is_heard_to_its_last_digit(server: str, kind: str) -> None:
    wished = None if kind == "samples" else kind
    async with opened(server) as voice, voice.speak(SpeechRequest(kind, format=wished)) as chunks:
        found = [chunk async for chunk in chunks]
    sound = b"".join(chunk.data for chunk in found)
    if kind == "samples":
        assert found[0].encoding.rate == 24_000
        assert dtmf.decode(np.frombuffer(sound, "<i2"), 24_000) == DIGITS
    else:
        assert found[0].encoding == "mp3" and heard(sound) == DIGITS


async def test_transcripts_stream_and_carry_times(server: str) -> None:
    clip = AudioClip(spoken(DIGITS, "wav", 16_000))
    streams = TranscribeOptions(model="gpt-4o-mini-transcribe")
    async with opened(server) as ears, ears.transcribe(clip, streams) as transcripts:
        texts = [transcript async for transcript in transcripts]
    assert len(texts) > 2 and texts[-1].final and texts[-1].text == DIGITS
    options = TranscribeOptions(model="timed", words=True)
    async with opened(server) as ears, ears.transcribe(clip, options) as transcripts:
        last = [transcript async for transcript in transcripts][-1]
    assert (last.text, last.language, last.words[0].end, last.segments[0].text) == (DIGITS, "en", 1.4, DIGITS)


async def test_a_realtime_session_gives_deltas_and_the_whole(server: str) -> None:
    settings = {"transcribe_model": "gpt-4o-transcribe"}
    async with opened(server, **settings) as ears, ears.transcribe_live(frames(), TranscribeOptions()) as transcripts:
        texts = [transcript async for transcript in transcripts]
    assert all(DIGITS.startswith(each.text) for each in texts)
    assert texts[-1].final and texts[-1].text == DIGITS


async def test_speech_to_speech(server: str) -> None:
    """A hundred turns on one connection: words, calls and their results, answers that are withdrawn."""
    settings: dict[str, Any] = {"talk_url": f"{server.replace('http', 'ws')}/v1/realtime", "talk_model": "gpt-realtime"}
    options, result = (
        TalkOptions(tools=TOOLS_OFFERED),
        AnswerWanted(results=((ToolCall("call_look", "look"), "a pig"),)),
    )

    async def answer(talk: Any, asked: AnswerWanted, most: int = 10_000) -> list[Any]:
        found: list[Any] = []
        async with asyncio.timeout(20), talk.begin(print).answer(asked) as pieces:
            async for each in pieces:
                found.append(each)
                if len(found) == most:
                    break
        return found

    async with SpeechToSpeech(backend(server, **settings)).converse(options, 16_000, list) as talk:
        for _ in range(25):
            assert (
                "".join(each.text for each in await answer(talk, AnswerWanted(typed="count")) if isinstance(each, Text))
                == ANSWER
            )
            calls = [each for each in await answer(talk, AnswerWanted(typed="draw")) if isinstance(each, ToolCall)]
            assert [(each.name, json.loads(each.arguments)) for each in calls] == CALLS
            assert "".join(each.text for each in await answer(talk, result) if isinstance(each, Text)) == ANSWER
            await answer(talk, AnswerWanted(typed="count"), most=2)


async def test_models_and_health(server: str) -> None:
    async with opened(server) as catalog:
        assert await catalog.models()
        assert (await catalog.check()).models


# -- what breaks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ERRORS)
async def test_an_error_becomes_ours_in_its_own_words(server: str, name: str) -> None:
    with pytest.raises(VoiceError) as caught:
        await ask(server, f"fail {name}")
    assert type(caught.value) is ERRORS[name][1]
    assert WORDS in str(caught.value) and KEY not in str(caught.value)
    assert name != "rate" or caught.value.retry_after == 30


@pytest.mark.parametrize("question", ["shorten", "vanish"])
async def test_an_answer_that_breaks_off_raises_after_what_arrived(server: str, question: str) -> None:
    arrived = ""
    with pytest.raises(ServiceError):
        async with opened(server) as model, model.chat([ChatMessage("user", question)], ChatOptions()) as deltas:
            async for delta in deltas:
                arrived += delta.text
    assert arrived and ANSWER.startswith(arrived)


CHAOS: dict[str, tuple[dict[str, float], tuple[type[VoiceError], ...]]] = {
    "drop": ({"drop": 1}, (ServiceError,)),
    "malformed": ({"malformed": 1}, (ProtocolError,)),
    "disconnect": ({"disconnect": 1}, (UnreachableError, ServiceError)),
    "ratelimit": ({"ratelimit": 1}, (RateLimitedError,)),
    "latency": ({"latency": 3000}, (UnreachableError,)),
}


@pytest.mark.parametrize("kind", CHAOS)
@pytest.mark.parametrize("verb", ["chat", "speak", "transcribe"])
async def test_chaos_is_one_of_our_errors_in_every_verb(server: str, verb: str, kind: str) -> None:
    rates, errors = CHAOS[kind]
    calls: dict[str, Any] = {
        "chat": lambda it: it.chat([ChatMessage("user", "count")], ChatOptions()),
        "speak": lambda it: it.speak(SpeechRequest("samples")),
        "transcribe": lambda it: it.transcribe(AudioClip(spoken(DIGITS, "wav", 16_000)), TranscribeOptions()),
    }
    with pytest.raises(errors) as caught:
        async with opened(server, timeout_s=0.5, **chaos(**rates)) as adapter, calls[verb](adapter) as items:
            async for _ in items:
                pass
    assert str(caught.value).startswith("work (127.0.0.1")


async def test_a_wrong_key_is_refused(server: str) -> None:
    with pytest.raises(RefusedError) as caught:
        await ask(server, "count", key=Secret("sk-wrong-key"))
    assert "sk-wrong-key" not in str(caught.value)


# -- through the command line ----------------------------------------------------------------------


def test_every_verb_through_the_command_line(server: str, voice: Voice, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        f"""
        [use]
        chat = "work"
        speak = "work"
        transcribe = "work"
        [backends.work]
        family = "openai"
        base_url = "{server}/v1"
        api_key_env = "AIMOCK_KEY"
        chat_model = "gpt-4o-mini"
        speak_model = "tts-1"
        transcribe_model = "digits"
        voice = "alloy"
        """
    )
    env = {"VOICE_CONFIG": str(tmp_path / "config.toml"), "AIMOCK_KEY": KEY}
    (tmp_path / "digits.wav").write_bytes(spoken(DIGITS, "wav", 16_000))
    assert voice("chat", "count", env=env).stdout.decode() == ANSWER + "\n"
    assert voice("transcribe", str(tmp_path / "digits.wav"), env=env).stdout.decode() == DIGITS + "\n"
    assert voice("speak", "samples", "-o", str(tmp_path / "a.wav"), env=env).returncode == 0
    assert heard((tmp_path / "a.wav").read_bytes()) == DIGITS
    run = voice("chat", "too long", env=env)
    assert run.returncode == 0 and b"length limit" in run.stderr
    run = voice("chat", "fail rate", env=env)
    assert run.returncode == 6 and WORDS.encode() in run.stderr and b"Traceback" not in run.stderr
    assert voice("doctor", "-b", "work", env=env).returncode == 0
