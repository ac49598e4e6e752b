"""LiteLLM's proxy between our adapters and our local server, and by itself, failing by name.

What passes through somebody else's proxy, and comes out as its dialect of the same interface, must still be right
to the last digit; the local server behind it judges what the proxy makes of our requests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import dtmf
from tests.conftest import Voice
from tests.fakes.forms import heard, spoken
from tests.fakes.openai_server import OpenAIServer
from tests.interop.tools import TOOLS, free_port, running
from voicecli.backends.openai.adapter import open_openai
from voicecli.errors import RateLimitedError, ServiceError, VoiceError
from voicecli.types import (
    AudioClip,
    Backend,
    ChatMessage,
    ChatOptions,
    PcmFormat,
    Secret,
    SpeechRequest,
    TranscribeOptions,
)

pytestmark = pytest.mark.anyio

KEY = "sk-litellm-0123456789"
DIGITS, NEXT = "4071993825", "5182004936"
MOCKED = {
    "canned": f"The next ones are {NEXT}.",
    "rate": "litellm.RateLimitError",
    "long": "litellm.ContextWindowExceededError",
    "broken": "litellm.InternalServerError",
}
ERRORS: dict[str, type[VoiceError]] = {"rate": RateLimitedError, "long": ServiceError, "broken": ServiceError}
QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "NO_PROXY": "*"}
"""It would otherwise fetch a price list from elsewhere when it starts."""


@dataclass(frozen=True)
class Proxy:
    url: str
    behind: OpenAIServer


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    folder = tmp_path_factory.mktemp("litellm")
    with OpenAIServer() as server:
        (folder / "config.yaml").write_text(json.dumps(_settings(server.base_url)))
        port = free_port()
        program = str(TOOLS / "litellm" / "bin" / "litellm")
        command = [program, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
        with running(command, f"http://127.0.0.1:{port}/health/liveliness", folder / "log", QUIET) as url:
            yield Proxy(url, server)


def _settings(url: str) -> dict[str, Any]:
    """YAML holds JSON."""
    ours = {"api_base": url, "api_key": "sk-behind"}
    models = [("chat", "digits-chat", {}), ("hear", "digits-hear", {"mode": "audio_transcription"})]
    models.append(("speak", "digits-speak", {"mode": "audio_speech"}))
    listed = [
        {"model_name": name, "litellm_params": {"model": f"openai/{model}", **ours}, "model_info": info}
        for name, model, info in models
    ]
    mocked = [
        {"model_name": name, "litellm_params": {"model": "openai/x", "api_key": "x", "mock_response": text}}
        for name, text in MOCKED.items()
    ]
    return {
        "model_list": [*listed, *mocked],
        "general_settings": {"master_key": KEY},
        "litellm_settings": {"num_retries": 0},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }


def opened(proxy: Proxy, key: str = KEY, **settings: Any) -> Any:
    fixed = {"chat_model": "chat", "transcribe_model": "hear", "speak_model": "speak", "voice": "alloy"}
    backend = Backend("work", "openai", base_url=f"{proxy.url}/v1", key=Secret(key), **(fixed | settings))
    return open_openai(backend)


async def ask(proxy: Proxy, model: str, question: str = "Go", key: str = KEY) -> list[Any]:
    options = ChatOptions(model=model, temperature=0.5, max_tokens=50)
    async with opened(proxy, key) as it, it.chat([ChatMessage("user", question)], options) as deltas:
        return [delta async for delta in deltas]


@pytest.mark.parametrize(("model", "question"), [("canned", "Go"), ("chat", f"After {DIGITS}?")])
async def test_chat_streams_through_it(proxy: Proxy, model: str, question: str) -> None:
    deltas = await ask(proxy, model, question)
    assert NEXT in "".join(delta.text for delta in deltas)
    assert "stop" in [delta.finish_reason for delta in deltas]


@pytest.mark.parametrize("model", ERRORS)
async def test_errors_by_name_are_ours(proxy: Proxy, model: str) -> None:
    with pytest.raises(VoiceError) as caught:
        await ask(proxy, model)
    assert type(caught.value) is ERRORS[model]
    assert "mock" in str(caught.value) and len(str(caught.value)) < 700


async def test_a_wrong_key_and_a_wrong_model(proxy: Proxy) -> None:
    """Without a database of keys it says just that of a key that it does not know, as HTTP 400."""
    with pytest.raises(ServiceError, match="No connected db") as refused:
        await ask(proxy, "chat", key="sk-wrong-key-987654")
    assert "sk-wrong-key-987654" not in str(refused.value)
    with pytest.raises(ServiceError, match="nowhere"):
        await ask(proxy, "nowhere")


@pytest.mark.parametrize("words", [False, True])
async def test_a_recording_goes_through_it_sample_by_sample(proxy: Proxy, words: bool) -> None:
    clip = AudioClip(spoken(DIGITS, "wav", 16_000))
    async with opened(proxy) as ears, ears.transcribe(clip, TranscribeOptions(words=words)) as transcripts:
        last = [transcript async for transcript in transcripts][-1]
    assert last.final and last.text == DIGITS
    assert not words or "".join(word.text for word in last.words) == DIGITS


@pytest.mark.parametrize("form", [None, "mp3", "wav"])
async def test_speech_comes_through_it_to_its_last_digit(proxy: Proxy, form: str | None) -> None:
    request = SpeechRequest(f"Dial {DIGITS}.", format=form)
    async with opened(proxy) as voice, voice.speak(request) as chunks:
        found = [chunk async for chunk in chunks]
    sound, encoding = b"".join(chunk.data for chunk in found), found[0].encoding
    if isinstance(encoding, PcmFormat):
        assert dtmf.decode(np.frombuffer(sound, "<i2"), encoding.rate) == DIGITS
    else:
        assert heard(sound) == DIGITS


async def test_models_are_listed(proxy: Proxy) -> None:
    async with opened(proxy) as catalog:
        assert {"chat", "hear", "speak"} <= set(await catalog.models())


def test_through_the_command_line(proxy: Proxy, voice: Voice, tmp_path: Path) -> None:
    use = "".join(f'{verb} = "work"\n' for verb in ("chat", "speak", "transcribe"))
    (tmp_path / "config.toml").write_text(
        f'[use]\n{use}[backends.work]\nfamily = "openai"\nbase_url = "{proxy.url}/v1"\napi_key_env = "LITELLM_KEY"\n'
        'chat_model = "chat"\nspeak_model = "speak"\ntranscribe_model = "hear"\nvoice = "alloy"\n'
    )
    env = {"VOICE_CONFIG": str(tmp_path / "config.toml"), "LITELLM_KEY": KEY}
    assert NEXT.encode() in voice("chat", f"After {DIGITS}?", env=env).stdout
    assert voice("speak", f"Dial {DIGITS}.", "-o", str(tmp_path / "a.wav"), env=env).returncode == 0
    assert voice("transcribe", str(tmp_path / "a.wav"), env=env).stdout.decode() == DIGITS + "\n"
    assert voice("doctor", "-b", "work", env=env).returncode == 0
    assert voice("chat", "-m", "rate", "Go", env=env).returncode == 6
