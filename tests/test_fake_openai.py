"""The strict local server itself: it refuses what the documents do not allow, and runs as a process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import dtmf
from tests.conftest import ROOT
from tests.fakes.forms import spoken
from tests.fakes.openai_server import OpenAIServer, encoded

CHAT, HEAR, SPEAK = "chat/completions", "audio/transcriptions", "audio/speech"
WAV = spoken("159", "wav", 16_000)
GOOD: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "1"}]}


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def post(server: OpenAIServer, path: str, **body: Any) -> httpx.Response:
    headers = {"Authorization": "Bearer k", **body.pop("headers", {})}
    return httpx.post(f"{server.base_url}/{path}", headers=headers, trust_env=False, **body)


@pytest.mark.parametrize(
    "change",
    [
        {"model": ""},
        {"model": None},
        {"messages": []},
        {"messages": [{"role": "user", "content": ""}]},
        {"messages": [{"role": "robot", "content": "x"}]},
        {"messages": [{"role": "user", "content": "x", "more": 1}]},
        {"temperature": 2.5},
        {"temperature": "1"},
        {"max_tokens": 0},
        {"max_tokens": True},
        {"n": 0},
        {"stop": []},
        {"stop": ["a"] * 5},
        {"seed": 1.5},
        {"stream": 1},
        {"stream_options": {"include_usage": True}},
        {"stream": True, "stream_options": {"other": True}},
        {"voice": "alloy"},
    ],
)
def test_chat_fields_are_judged(server: OpenAIServer, change: dict[str, Any]) -> None:
    assert post(server, CHAT, json=GOOD).status_code == 200
    refused = post(server, CHAT, json=GOOD | change)
    assert refused.status_code == 400 and refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("form", "file"),
    [
        ({}, ("a.wav", WAV)),
        ({"model": "m", "temperature": "2"}, ("a.wav", WAV)),
        ({"model": "m", "language": "english"}, ("a.wav", WAV)),
        ({"model": "m", "response_format": "yaml"}, ("a.wav", WAV)),
        ({"model": "m", "timestamp_granularities[]": "word"}, ("a.wav", WAV)),
        ({"model": "gpt-4o-transcribe", "response_format": "verbose_json"}, ("a.wav", WAV)),
        ({"model": "m", "stream": "yes"}, ("a.wav", WAV)),
        ({"model": "m", "hotwords": "x"}, ("a.wav", WAV)),
        ({"model": "m"}, ("a.pcm", WAV)),
        ({"model": "m"}, ("a", WAV)),
        ({"model": "m"}, ("a.wav", b"no sound")),
    ],
)
def test_uploads_are_judged(server: OpenAIServer, form: dict[str, str], file: tuple[str, bytes]) -> None:
    assert post(server, HEAR, data={"model": "m"}, files={"file": ("a.wav", WAV)}).json() == {"text": "159"}
    assert post(server, HEAR, data=form, files={"file": file}).status_code == 400


def test_broken_bodies_are_judged(server: OpenAIServer) -> None:
    head = {"Content-Type": "multipart/form-data; boundary=x"}
    part = b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n'
    assert post(server, HEAR, content=part, headers=head).status_code == 400
    assert post(server, HEAR, content=part + b"--x--", headers=head).status_code == 400
    assert post(server, HEAR, content=part + part + b"--x--", headers=head).status_code == 400
    assert post(server, HEAR, json={"model": "m"}).status_code == 400
    assert post(server, CHAT, content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    assert post(server, CHAT, content=json.dumps(GOOD).encode()).status_code == 400
    assert post(server, "nowhere", json={}).status_code == 404
    assert post(server, CHAT, json=GOOD, headers={"Authorization": "Basic k"}).status_code == 401


@pytest.mark.parametrize("kind", ["wav", "mp3", "flac", "opus"])
def test_every_container_is_heard_and_spoken(server: OpenAIServer, kind: str) -> None:
    sound = encoded(dtmf.encode("0123456789", 24_000), kind)
    name = {"opus": "ogg"}.get(kind, kind)
    heard = post(server, HEAR, data={"model": "m"}, files={"file": (f"a.{name}", sound)})
    assert heard.json() == {"text": "0123456789"}
    body = {"model": "m", "input": "Dial 98765.", "voice": "v", "response_format": kind}
    answer = post(server, SPEAK, json=body).content
    assert post(server, HEAR, data={"model": "m"}, files={"file": (f"a.{name}", answer)}).json() == {"text": "98765"}


@pytest.mark.parametrize(
    "change", [{"input": ""}, {"input": "x" * 4097}, {"speed": 5}, {"response_format": "aiff"}, {"voice": None}]
)
def test_speech_fields_are_judged(server: OpenAIServer, change: dict[str, Any]) -> None:
    assert post(server, SPEAK, json={"model": "m", "input": "1", "voice": ""} | change).status_code == 400


def test_it_runs_as_a_process(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    command = [sys.executable, "-m", "tests.fakes.openai_server", "--answer", "echo", "--log", str(log), "--key", "k"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        try:
            answer = httpx.post(f"{url}/{CHAT}", json=GOOD, headers={"Authorization": "Bearer k"}, trust_env=False)
            assert answer.json()["choices"][0]["message"]["content"] == "1"
        finally:
            process.terminate()
        assert process.wait(60) == 0
    (entry,) = map(json.loads, log.read_text().splitlines())
    assert entry["verb"] == "chat" and entry["body"] == GOOD
