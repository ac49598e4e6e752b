"""`voice config init --find`: what runs on this machine and which keys are set become a configuration that works."""

from __future__ import annotations

import time
import tomllib
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Voice
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.selfhosted_meaning import SelfHostedMeaning as SelfHosted
from tests.fakes.server import STALL, FakeServer, Reply
from voicecli.backends import nearby
from voicecli.backends.family import Looking, Server
from voicecli.backends.openai import nearby as openai_nearby
from voicecli.backends.selfhosted import nearby as selfhosted_nearby
from voicecli.config.edit import FoundBackend, keyed, presets, starting_text, validate
from voicecli.usecases.nearby import as_found

pytestmark = pytest.mark.anyio


def openai(*ports: int) -> list[Looking]:
    return [partial(openai_nearby.find, port) for port in ports]


def listing(*models: dict[str, Any]) -> Reply:
    return Reply.json({"object": "list", "data": list(models)})


# -- who answers -----------------------------------------------------------------------------------


async def test_servers_of_both_families_are_found() -> None:
    with OpenAIServer() as openai, SelfHosted() as lab:
        openai.on("/v1/models", listing({"id": "llama", "owned_by": "vllm"}))
        servers = {"asr_url": lab.asr, "tts_url": lab.tts, "chat_url": lab.chat, "embedding_url": lab.embedding}
        ports = {setting: server.port for setting, server in servers.items()}
        found = await nearby.look([partial(openai_nearby.find, openai.port), partial(selfhosted_nearby.find, ports)])
        assert found[0] == Server("vllm", "openai", {"base_url": openai.base_url}, {"llama": ""})
        assert found[1].settings == {setting: server.url for setting, server in servers.items()}
        assert found[1].uses == ("transcribe", "chat", "speak", "embed")
        partly = await nearby.look([partial(selfhosted_nearby.find, ports | {"tts_url": 9})])
        assert set(partly[0].settings) == {"asr_url", "chat_url", "embedding_url"}


async def test_what_is_something_else_hangs_or_is_not_there_is_passed_over() -> None:
    with FakeServer() as page, FakeServer() as hanging, FakeServer() as odd:
        page.on("/v1/models", Reply.text("<html>hello</html>", kind="text/html"))
        hanging.on("/v1/models", Reply(first=[STALL]))
        odd.on("/v1/models", Reply.json({"data": "none"}))
        began = time.monotonic()
        assert await nearby.look(openai(9, page.port, hanging.port, odd.port)) == []
        assert time.monotonic() - began < 5


async def test_two_of_a_name_are_told_apart() -> None:
    with OpenAIServer() as one, OpenAIServer() as two:
        for server in (one, two):
            server.on("/v1/models", listing({"id": "m", "owned_by": "vllm"}))
        found = await nearby.look(openai(one.port, two.port))
    assert [each.name for each in found] == ["vllm", "vllm2"]


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ({"id": "a", "task": "automatic-speech-recognition"}, "transcribe"),
        ({"id": "a", "task": "text-to-speech"}, "speak"),
        ({"id": "a", "model_type": "LLM"}, "chat"),
        ({"id": "a", "model_type": "audio", "model_ability": ["audio2text"]}, "transcribe"),
        ({"id": "a", "model_type": "embedding"}, "other"),
        ({"id": "a", "task": 3, "model_type": None}, ""),
    ],
)
def test_what_a_server_says_of_a_model(model: dict[str, Any], kind: str) -> None:
    assert openai_nearby.kind_of(model) == kind


# -- what is made of it ----------------------------------------------------------------------------


def test_models_go_to_the_verbs_that_they_are_for() -> None:
    names = {"nomic-embed-text": "", "SenseVoiceSmall": "", "odd": "speak", "qwen3": "", "kokoro": "other"}
    found = as_found(Server("xinference", "openai", {"base_url": "http://127.0.0.1:9997/v1"}, names))
    assert found == FoundBackend(
        "xinference",
        {
            "family": "openai",
            "base_url": "http://127.0.0.1:9997/v1",
            "transcribe_model": "SenseVoiceSmall",
            "chat_model": "qwen3",
            "speak_model": "odd",
        },
        ("transcribe", "chat", "speak"),
    )
    assert as_found(Server("x", "openai", {"base_url": "http://h/v1"}, {"nomic-embed-text": ""})) is None
    lab = as_found(Server("lab", "selfhosted", {"tts_url": "http://127.0.0.1:7206"}, uses=("speak",)))
    assert lab == FoundBackend("lab", {"family": "selfhosted", "tts_url": "http://127.0.0.1:7206"}, ("speak",))
    near = {"embedding_url": "http://127.0.0.1:7202"}
    assert as_found(Server("lab", "selfhosted", near, uses=("embed",))) == FoundBackend(
        "lab", {"family": "selfhosted", **near}, ("embed",)
    )


def test_the_first_that_has_a_verb_gets_it_and_the_rest_stays_here() -> None:
    local = FoundBackend(
        "ollama", {"family": "openai", "base_url": "http://127.0.0.1:11434/v1", "chat_model": "m"}, ("chat",)
    )
    written = tomllib.loads(starting_text({}, [local, *keyed({"GROQ_API_KEY": "k"})]))
    assert written["use"] == {"transcribe": "groq", "chat": "ollama", "speak": "local"}
    assert set(written["backends"]) == {"ollama", "groq"}


@pytest.mark.parametrize("variable", [preset.variable for preset in presets()])
def test_a_key_that_is_set_names_its_service_and_is_not_written(variable: str, tmp_path: Path) -> None:
    env = {variable: "sk-not-to-be-written"}
    (found,) = keyed(env)
    text = starting_text(env, [found])
    validate(text, tmp_path / "c.toml", env)
    assert "sk-not-to-be-written" not in text
    assert tomllib.loads(text)["backends"][found.name]["api_key_env"] == variable


def test_an_address_of_ones_own_goes_with_its_key() -> None:
    (found,) = keyed({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://relay.example/v1"})
    assert found.table["base_url"] == "https://relay.example/v1"
    assert keyed({"QINIU_API_KEY": ""}) == []


# -- through the command line ----------------------------------------------------------------------


def test_what_is_found_works_at_once(voice: Voice, tmp_path: Path) -> None:
    path = tmp_path / "found.toml"
    env = {"VOICE_CONFIG": str(path), "QINIU_API_KEY": "sk-qiniu-never-written", "VOICE_MODELS_FOLDER": str(tmp_path)}
    with OpenAIServer() as server:
        names = ("digits-chat", "digits-whisper", "digits-tts")
        server.on("/v1/models", listing(*({"id": name} for name in names)))
        run = voice("config", "init", "--find", "--port", str(server.port), env=env)
        assert run.returncode == 0, run.stderr
        name = f"local{server.port}"
        assert f"found {name} ({server.base_url}) for transcribe, chat, speak".encode() in run.stderr
        for missing in (b"recogniser on this machine yet: voice models pull ", b"voice on this machine yet: voice "):
            assert missing in run.stderr
        assert b"found qiniu" in run.stderr and b"sk-qiniu" not in run.stderr + path.read_bytes()
        written = tomllib.loads(path.read_text())
        assert written["use"] == dict.fromkeys(("transcribe", "chat", "speak"), name)
        assert written["backends"][name]["transcribe_model"] == "digits-whisper"
        assert voice("chat", "After 123?", env=env).stdout == b"234.\n"
    again = voice("config", "init", "--find", env=env)
    assert again.returncode == 2 and b"--force" in again.stderr


def test_nothing_is_asked_unless_asked_for(voice: Voice, tmp_path: Path) -> None:
    with OpenAIServer() as server:
        run = voice("config", "init", "--port", str(server.port), env={"VOICE_CONFIG": str(tmp_path / "c.toml")})
        assert run.returncode == 0 and server.requests == [] and server.connections == 0
