"""Servers that run on this very machine: their usual ports are knocked at, and whoever answers is asked what it has.

Belongs here: where to knock, who it is, which models it lists. Does not belong here: choosing among them (wiring),
writing a configuration (config). Nothing is asked but loopback, and only when a person wants it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from voicecli.backends.selfhosted.health import open_health
from voicecli.backends.selfhosted.settings import SelfhostedSettings
from voicecli.backends.transport.http import HttpService
from voicecli.backends.transport.wording import clean
from voicecli.errors import VoiceError
from voicecli.types import Backend

HERE = "127.0.0.1"
KNOCK_S, ANSWER_S = 0.5, 3.0
"""How long a port may take to open, and a server to say what it has."""

OPENAI_PORTS = (1234, 8000, 8001, 8080, 8880, 9997, 11434)
"""Usual ports of LM Studio, vLLM and speaches and FunASR, llama.cpp and LocalAI, Kokoro, Xinference, Ollama."""

BY_PORT = {1234: "lmstudio", 9997: "xinference", 11434: "ollama"}
BY_OWNER = {"vllm": "vllm", "llamacpp": "llamacpp", "library": "ollama", "xinference": "xinference"}
"""What a server is called: by what it says of its models (`owned_by`), else by a port that no other uses."""

SELFHOSTED_PORTS = {"asr_url": 7205, "tts_url": 7206, "chat_url": 7207, "embedding_url": 7202}
SENSEVOICE = f"http://{HERE}:50000/api/v1/asr"

KINDS = {
    "automatic-speech-recognition": "transcribe",
    "audio2text": "transcribe",
    "text-to-speech": "speak",
    "text2audio": "speak",
    "text-generation": "chat",
    "chat": "chat",
    "llm": "chat",
    "embedding": "other",
    "rerank": "other",
    "image": "other",
    "video": "other",
}
"""What some servers say of a model beside its name (`task`, `model_ability`, `model_type`)."""

MOST_MODELS = 500


@dataclass(frozen=True, slots=True)
class Server:
    """One that answered. `settings` are those of a backend; `models` are names with their kind, "" for not told."""

    name: str
    family: str
    settings: Mapping[str, str]
    models: Mapping[str, str] = field(default_factory=dict)


async def look(
    openai_ports: Iterable[int] = OPENAI_PORTS, selfhosted: Mapping[str, int] = SELFHOSTED_PORTS
) -> list[Server]:
    """Who answers here, all asked at once. Never raises for one that does not."""
    found: dict[int, Server] = {}

    async def one(order: int, asking: Any) -> None:
        with suppress(VoiceError, TimeoutError):
            async with asyncio.timeout(KNOCK_S + ANSWER_S):
                if server := await asking:
                    found[order] = server

    asked = [_openai(port) for port in dict.fromkeys(openai_ports)]
    asked += [_selfhosted(selfhosted), _sensevoice()]
    async with asyncio.TaskGroup() as tasks:
        for order, asking in enumerate(asked):
            tasks.create_task(one(order, asking))
    return _named_apart([found[order] for order in sorted(found)])


def _named_apart(servers: list[Server]) -> list[Server]:
    """No two of a name: the second gets its number."""
    seen: dict[str, int] = {}
    apart = []
    for each in servers:
        seen[each.name] = count = seen.get(each.name, 0) + 1
        name = each.name if count == 1 else f"{each.name}{count}"
        apart.append(Server(name, each.family, each.settings, each.models))
    return apart


async def _open(port: int) -> bool:
    """Whether anything listens."""
    try:
        async with asyncio.timeout(KNOCK_S):
            _, writer = await asyncio.open_connection(HERE, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


# -- OpenAI's interface ----------------------------------------------------------------------------


async def _openai(port: int) -> Server | None:
    """The server with OpenAI's list of models at a port; None where there is none."""
    if not await _open(port):
        return None
    url = f"http://{HERE}:{port}/v1"
    backend = Backend(f"port {port}", "openai", base_url=url, timeout_s=ANSWER_S, connect_timeout_s=KNOCK_S)
    async with HttpService(backend) as service:
        data = await service.json("GET", "models")
    listed = data.get("data") if isinstance(data, Mapping) else None
    if not isinstance(listed, list):
        return None
    models = [each for each in listed[:MOST_MODELS] if isinstance(each, Mapping) and isinstance(each.get("id"), str)]
    kinds = {name: kind_of(each) for each in models if (name := clean(each["id"], 200))}
    return Server(_name(port, models), "openai", {"base_url": url}, kinds)


def _name(port: int, models: list[Mapping[str, Any]]) -> str:
    owners = (str(each.get("owned_by", "")).lower() for each in models)
    told = next((BY_OWNER[owner] for owner in owners if owner in BY_OWNER), "")
    return BY_PORT.get(port) or told or f"local{port}"


def kind_of(model: Mapping[str, Any]) -> str:
    """What a model is for, as its server tells: transcribe, speak, chat, other, or "" for nothing told."""
    told = (model.get(name) for name in ("task", "model_ability", "model_type"))
    words = (word for each in told for word in (each if isinstance(each, list) else [each]) if isinstance(word, str))
    return next((KINDS[word.lower()] for word in words if word.lower() in KINDS), "")


# -- servers of one's own --------------------------------------------------------------------------


async def _selfhosted(ports: Mapping[str, int]) -> Server | None:
    """Ears, chat, voice and embeddings, those of them that are well; one backend holds all."""
    addresses = {setting: f"http://{HERE}:{port}" for setting, port in ports.items()}
    well = await asyncio.gather(*(_is_well(name, url, ports[name]) for name, url in addresses.items()))
    settings = {name: url for (name, url), fine in zip(addresses.items(), well, strict=True) if fine}
    return Server("lab", "selfhosted", settings) if settings else None


async def _sensevoice() -> Server | None:
    if not await _is_well("asr_url", SENSEVOICE, 50000):
        return None
    return Server("sensevoice", "selfhosted", {"asr_url": SENSEVOICE})


async def _is_well(setting: str, url: str, port: int) -> bool:
    """Whether a server answers its family's health check: ears are given silence, embeddings a word."""
    if not await _open(port):
        return False
    address: dict[str, Any] = {setting: url}
    backend = SelfhostedSettings(f"port {port}", "selfhosted", timeout_s=ANSWER_S, connect_timeout_s=KNOCK_S, **address)
    try:
        async with open_health(backend) as health:
            await health.check()
    except VoiceError:
        return False
    return True
