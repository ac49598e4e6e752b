"""OpenAI's shapes, asked by its own client and by hand; attacks."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import signal
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile as sf

from tests import dtmf
from tests.fakes.server import Gate, Reply
from tests.server.conftest import Served, serving
from tests.usecases.here import Listener
from tests.waiting import until
from voicecli.audio import foreign
from voicecli.backends.family import Capabilities, Family
from voicecli.backends.registry import FAMILIES
from voicecli.config import load
from voicecli.ports import ChatModel
from voicecli.server.listening import GRACE_S
from voicecli.server.pool import Pool
from voicecli.types import Backend
from voicecli.wiring.services import Services

QUESTION: dict[str, Any] = {"model": "default", "messages": [{"role": "user", "content": "189"}]}


def test_a_conversation_is_answered(client: httpx.Client) -> None:
    found = client.post("/v1/chat/completions", json=QUESTION | {"nobody": "knows", "tools": None}).json()
    assert found["choices"][0]["message"] == {"role": "assistant", "content": "290."}
    assert found["choices"][0]["finish_reason"] == "stop"
    assert found["usage"]["total_tokens"] > 0


@pytest.mark.parametrize("said", ["", None, [], [{"type": "text", "text": ""}]])
def test_what_a_client_has_of_an_answer_or_a_tool_that_said_nothing_is_taken(
    client: httpx.Client, said: object
) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    before = [
        {"role": "user", "content": "1"},
        {"role": "assistant", "content": said},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": said},
    ]
    found = client.post("/v1/chat/completions", json={"messages": [*before, *QUESTION["messages"]]})
    nothing = client.post("/v1/chat/completions", json={"messages": [before[1]]})
    assert (found.status_code, nothing.status_code) == (200, 400)
    assert found.json()["choices"][0]["message"]["content"] == "290."


def test_what_fails_in_a_body_that_is_made_has_its_number_too(client: httpx.Client) -> None:
    found = client.post("/v1/audio/speech", json={"input": "🙂"})
    assert (found.status_code, len(found.headers["x-request-id"])) == (400, 32)


def test_an_answer_is_streamed(client: httpx.Client) -> None:
    asked = QUESTION | {"stream": True, "stream_options": {"include_usage": True}}
    lines = [each for each in client.post("/v1/chat/completions", json=asked).text.split("\n\n") if each]
    assert lines[-1] == "data: [DONE]"
    events = [json.loads(each.removeprefix("data: ")) for each in lines[:-1]]
    assert "".join(each["choices"][0]["delta"].get("content", "") for each in events if each["choices"]) == "290."
    assert events[-1]["usage"]["total_tokens"] > 0
    assert len({each["id"] for each in events}) == 1


@pytest.mark.parametrize("kind", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_a_text_is_spoken(client: httpx.Client, tmp_path: Path, kind: str) -> None:
    asked: dict[str, Any] = {"input": "One 4. Two 7. Three 2.", "voice": "alloy", "model": "tts-1"}
    asked |= {"stream_format": None, "instructions": None, "speed": None, "response_format": kind}
    found = client.post("/v1/audio/speech", json=asked)
    assert found.status_code == 200, found.text
    if kind == "aac":
        path = tmp_path / "a.aac"
        path.write_bytes(found.content)
        heard = np.frombuffer(b"".join(foreign.blocks(path)), np.int16)
        assert dtmf.decode(heard.astype(np.float32) / 32768, 16_000) == "472"
    else:
        assert digits_in(found.content, kind) == "472"


def test_speech_is_streamed_as_events(client: httpx.Client) -> None:
    found = client.post("/v1/audio/speech", json={"input": "472", "stream_format": "sse"}).text
    events = [json.loads(each.removeprefix("data: ")) for each in found.split("\n\n") if each]
    assert events[-1]["type"] == "speech.audio.done"
    sound = b"".join(base64.b64decode(each["audio"]) for each in events[:-1])
    assert digits_in(sound, "mp3") == "472"


def digits_in(data: bytes, kind: str) -> str:
    """The digits that are heard in a file; a lost or clipped one is a `?`."""
    if kind == "pcm":
        samples, rate = np.frombuffer(data, np.int16).astype(np.float32) / 32768, 24_000
    else:
        samples, rate = sf.read(io.BytesIO(data), dtype="float32")
    return dtmf.decode(samples, rate)


@pytest.mark.parametrize("path", ["/v1/tts?text=472", "/synthesize"])
def test_the_documents_own_shapes_of_speech(client: httpx.Client, path: str) -> None:
    form = {"text": "472", "style": "style2", "temperature": "0.6", "top_p": "0.9"}
    found = client.post(path, data=form) if path == "/synthesize" else client.get(path)
    assert digits_in(found.content, "wav") == "472"


def recording(digits: str) -> bytes:
    """A WAV in which the digits are heard."""
    file = io.BytesIO()
    sf.write(file, dtmf.encode(digits), 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


@pytest.mark.parametrize(
    ("form", "has"),
    [
        ({}, '"text":"472"'),
        ({"response_format": "text"}, "472\n"),
        ({"response_format": "srt"}, "1\n00:00:0"),
        ({"response_format": "vtt"}, "WEBVTT"),
        ({"response_format": "verbose_json", "timestamp_granularities[]": "word"}, '"task":"transcribe"'),
        ({"stream": "true"}, '"type":"transcript.text.done","text":"472"'),
        ({"language": "en", "model": "whisper-1", "prompt": "digits", "temperature": "0"}, '"text":"472"'),
    ],
)
def test_a_recording_is_heard(client: httpx.Client, form: dict[str, str], has: str) -> None:
    sent = {"file": ("a.wav", recording("472"))}
    found = client.post("/v1/audio/transcriptions", data=form, files=sent)
    assert found.status_code == 200, found.text
    assert has in found.text


@pytest.mark.parametrize("path", ["/asr", "/asr/stream", "/v1/asr"])
def test_the_documents_own_shapes_of_recognition(client: httpx.Client, path: str) -> None:
    sound = recording("472")
    if path == "/v1/asr":
        found = client.post(path, content=sound, headers={"content-type": "application/octet-stream"})
    else:
        found = client.post(path, files={"file": ("test.wav", sound)})
    key = {"/asr": "text", "/asr/stream": "partial_text", "/v1/asr": "result"}[path]
    assert found.json()[key] == "472"


@pytest.mark.parametrize(
    ("name", "data", "status"),
    [("a.wav", b"", 400), ("../../etc/a.json", b'{"text": "x"}', 400), ("a", b"x" * 99, 400)],
)
def test_what_is_no_recording_is_refused(client: httpx.Client, name: str, data: bytes, status: int) -> None:
    found = client.post("/v1/audio/transcriptions", files={"file": (name, data)})
    assert (found.status_code, "voice-" in found.text) == (status, False)


def test_silence_has_no_text(client: httpx.Client) -> None:
    file = io.BytesIO()
    sf.write(file, np.zeros(16_000, np.int16), 16_000, format="WAV")
    found = client.post("/v1/audio/transcriptions", files={"file": ("a.wav", file.getvalue())})
    assert (found.status_code, found.json()) == (200, {"text": ""})


@pytest.mark.parametrize("path", ["/api/chat", "/api/chat/stream"])
def test_the_local_servers_shape(client: httpx.Client, path: str) -> None:
    found = client.post(path, json={"messages": QUESTION["messages"]}).text
    if path.endswith("stream"):
        *deltas, end = [json.loads(each) for each in found.splitlines()]
        assert ("".join(each["delta"] for each in deltas), end) == ("290.", {"event": "done"})
    else:
        assert json.loads(found)["content"] == "290."


def test_what_there_is(client: httpx.Client) -> None:
    names = [each["id"] for each in client.get("/v1/models").json()["data"]]
    assert {"digits-chat", "digits-hear", "digits-speak", "default", "work"} <= set(names)
    assert client.get("/v1/models/digits-chat").json()["owned_by"] == "work"
    assert client.get("/v1/models/whisper-1").status_code == 200
    assert client.get("/v1/models/nobody").json()["error"]["code"] == "model_not_found"
    assert client.get("/v1/").json()["object"] == "service"
    assert client.get("/health").json()["status"] == "ok"
    assert "voice_requests_total" in client.get("/metrics").text


@pytest.mark.parametrize("path", ["/", "/health", "/page/style.css", "/v1/models", "/v1/models/nobody"])
def test_head_tells_what_get_would(client: httpx.Client, path: str) -> None:
    head, got = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    told = ("content-type", "content-length", "content-security-policy")
    assert [head.headers.get(name) for name in told] == [got.headers.get(name) for name in told]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"messages": []}', 400),
        (b'{"messages": [{"role": "user", "content": ""}]}', 400),
        (b'{"messages": [{"role": "user", "content": "1"}], "model": "nobody"}', 404),
        (b'{"messages": [{"role": "user", "content": "1"}], "temperature": 9}', 400),
        (b'{"messages": [{"role": "user", "content": "1"}], "seed": false}', 400),
        (b'{"messages": [{"role": "user", "content": "1"}], "stream": 1}', 400),
        (b'{"messages": [{"role": "user", "content": "1"}], "stream_options": {"include_usage": 0}}', 400),
        (
            b'{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/"}}]}]}',
            400,
        ),
    ],
)
def test_a_wrong_request_is_told_so_in_openais_shape(client: httpx.Client, body: bytes, status: int) -> None:
    found = client.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
    assert found.status_code == status
    assert found.json()["error"]["message"]


def test_no_word_of_the_service_behind_gets_out(served: Served) -> None:
    served.behind.on("/v1/chat/completions", Reply.json({"error": {"message": "sk-secret of /etc/x"}}, 400))
    try:
        with served.client() as client:
            found = client.post("/v1/chat/completions", json=QUESTION)
    finally:
        served.behind.on("/v1/chat/completions")
    assert found.status_code == 502
    assert "sk-secret" not in found.text


def test_it_ends_when_told_and_who_is_cut_off_may_ask_again(tmp_path: Path) -> None:
    gate = Gate()
    with serving(tmp_path) as server, server.client() as client, ThreadPoolExecutor() as asking:
        server.behind.on("/v1/chat/completions", Reply.sse([gate]))
        asked = asking.submit(client.post, "/v1/chat/completions", json=QUESTION)
        until(lambda: server.behind.to("/v1/chat/completions"))
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        found = asked.result()
        server.process.wait(60)
        assert time.monotonic() - began < GRACE_S + 5
        gate.open()
    assert (found.status_code, found.headers["retry-after"]) == (503, "1")
    assert found.json()["error"]["type"] == "api_error"
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_its_end_in_the_moment_in_which_an_adapter_opens_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[use]\nchat = "a"\n[backends.a]\nfamily = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n')
    pool = Pool(Services(load({}, path=path), {}, Listener()))

    async def ask() -> None:
        async with pool.named().open("chat"):
            raise AssertionError("the pool has been left")

    async def act() -> bool:
        async with pool.open():
            asked = asyncio.create_task(ask())
            await asyncio.sleep(0)
        await asyncio.wait([asked])
        return asked.cancelled()

    assert asyncio.run(act())


def test_an_adapter_with_a_fault_of_ours_ends_nobody_elses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def faulty(_: Backend) -> AsyncIterator[ChatModel]:
        raise RuntimeError("a fault")
        yield

    kind = Family("faulty", "Has a fault", lambda backend: Capabilities(backend, chat=faulty, offline=True))
    monkeypatch.setitem(FAMILIES, kind.name, kind)
    path = tmp_path / "config.toml"
    path.write_text('[use]\nchat = "a"\n[backends.a]\nfamily = "faulty"\n')
    pool = Pool(Services(load({}, path=path), {}, Listener()))

    async def ask() -> str:
        with pytest.raises(RuntimeError) as caught:
            async with pool.named().open("chat"):
                pass
        return str(caught.value)

    async def act() -> list[str]:
        async with pool.open():
            return [await ask(), await ask()]

    assert asyncio.run(act()) == ["a fault", "a fault"]
