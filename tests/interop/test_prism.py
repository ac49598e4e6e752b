"""Our requests held against OpenAI's own specification: multipart and speech by Prism, JSON bodies by their schemas."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.forms import spoken
from tests.fakes.openai_server import OpenAIServer
from tests.interop.tools import TOOLS, environment, free_port, running
from voicecli.backends.openai.adapter import open_openai
from voicecli.types import (
    AudioClip,
    Backend,
    ChatMessage,
    ChatOptions,
    Secret,
    SpeechRequest,
    ToolCall,
    ToolSpec,
    TranscribeOptions,
)

pytestmark = pytest.mark.anyio

SPECIFICATION = [
    str(TOOLS / "specification" / "bin" / "python"),
    str(Path(__file__).parent / "specification.py"),
]
HEARD = {
    "plain": TranscribeOptions(),
    "all": TranscribeOptions(language="en", prompt="digits", temperature=0.5),
    "words": TranscribeOptions(model="whisper-1", words=True),
    "streamed": TranscribeOptions(model="gpt-4o-mini-transcribe"),
    "speakers": TranscribeOptions(model="gpt-4o-transcribe-diarize", diarize=True),
    "translated": TranscribeOptions(translate=True),
    "translated, with all": TranscribeOptions(translate=True, prompt="digits", temperature=0.5, words=True),
}
SPOKEN = {
    "plain": SpeechRequest("Good morning."),
    "all": SpeechRequest("Good morning.", voice="nova", speed=1.5, format="mp3", instructions="Cheerful."),
}
ASKED = {
    "plain": ChatOptions(),
    "all": ChatOptions(temperature=0.5, max_tokens=9, top_p=0.9, n=2, seed=7, stop=("x", "y")),
    "tools": ChatOptions(tools=(ToolSpec("draw", "draws", {"type": "object", "properties": {}}),)),
}
CALLED = [
    ChatMessage("assistant", "", (ToolCall("a", "draw", "{}"), ToolCall("b", "draw", "no JSON"))),
    *(ChatMessage("tool", "done", call_id=each) for each in "ab"),
]


@pytest.fixture(scope="module")
def prism(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prism")
    subprocess.run([*SPECIFICATION, "cut", str(folder / "openai.json")], check=True, env=environment())
    program, port = TOOLS / "prism/node_modules/.bin/prism", free_port()
    command = ["node", str(program), "mock", "--errors", "--port", str(port), "openai.json"]
    with running(command, f"http://127.0.0.1:{port}/v1/models", folder / "log") as url:
        yield f"{url}/v1"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Any]:
    models: dict[str, Any] = {
        "chat_model": "gpt-4o-mini",
        "transcribe_model": "whisper-1",
        "speak_model": "tts-1",
        "voice": "alloy",
    }
    async with open_openai(Backend("work", "openai", base_url=url, key=Secret("sk-prism-key"), **models)) as adapter:
        yield adapter


def test_prism_judges(prism: str) -> None:
    """It refuses what is wrong: else nothing below would mean anything."""
    headers = {"Authorization": "Bearer k"}
    upload = {"file": ("a.wav", spoken("1", "wav"))}
    wrong = httpx.post(f"{prism}/audio/transcriptions", files=upload, headers=headers, trust_env=False)
    assert wrong.status_code == 422 and "'model'" in wrong.text
    assert httpx.post(f"{prism}/audio/speech", json={"model": "m"}, headers=headers).status_code == 422
    assert httpx.get(f"{prism}/models", trust_env=False).status_code == 401


@pytest.mark.parametrize("asked", HEARD)
async def test_uploads_are_what_the_specification_says(prism: str, asked: str) -> None:
    clip = AudioClip(spoken("159", "wav", 16_000))
    async with opened(prism) as ears, ears.transcribe(clip, HEARD[asked]) as transcripts:
        assert [transcript async for transcript in transcripts][-1].final


@pytest.mark.parametrize("asked", SPOKEN)
async def test_speech_requests_are_what_the_specification_says(prism: str, asked: str) -> None:
    async with opened(prism) as voice, voice.speak(SPOKEN[asked]) as chunks:
        assert b"".join([chunk.data async for chunk in chunks])


async def test_lists_and_answers_of_the_specification_are_understood(prism: str) -> None:
    async with opened(prism) as service:
        assert await service.models() and (await service.check()).models
        async with service.chat([ChatMessage("user", "Hello")], ChatOptions()) as deltas:
            assert "".join([delta.text async for delta in deltas])


async def bodies(options: ChatOptions, request: SpeechRequest) -> dict[str, bytes]:
    """What goes over the wire, by the name of its schema."""
    messages = [ChatMessage("system", "Count."), ChatMessage("user", "1"), ChatMessage("assistant", "2")]
    messages += [ChatMessage("user", "3"), *(CALLED if options.tools else ())]
    with OpenAIServer() as server:
        async with opened(server.base_url) as service:
            async with service.chat(messages, options) as deltas:
                [delta async for delta in deltas]
            async with service.speak(request) as chunks:
                [chunk async for chunk in chunks]
        (chat,), (speech,) = (server.to(f"/v1/{path}") for path in ("chat/completions", "audio/speech"))
    return {"CreateChatCompletionRequest": chat.body, "CreateSpeechRequest": speech.body}


def faults(schema: str, body: bytes) -> str:
    done = subprocess.run([*SPECIFICATION, "check", schema], input=body, capture_output=True, env=environment())
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.mark.parametrize("asked", ASKED)
async def test_bodies_fit_the_schemas_with_no_field_over(asked: str) -> None:
    for schema, body in (await bodies(ASKED[asked], SPOKEN.get(asked, SPOKEN["plain"]))).items():
        assert faults(schema, body) == ""
        assert "not allowed" in faults(schema, json.dumps(json.loads(body) | {"vioce": "x"}).encode())
