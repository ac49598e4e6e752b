"""Servers on this machine that list their models as OpenAI does.

Belongs here: how they are called, and what they say of their models. Does not belong here: asking several (nearby).
"""

from __future__ import annotations

from collections.abc import Mapping

from voicecli.backends.family import Server
from voicecli.backends.knocking import ANSWER_S, HERE, KNOCK_S, somebody_listens
from voicecli.backends.transport.http import HttpService
from voicecli.backends.transport.wording import clean
from voicecli.types import Backend

BY_PORT = {1234: "lmstudio", 9997: "xinference", 11434: "ollama"}
BY_OWNER = {"vllm": "vllm", "llamacpp": "llamacpp", "library": "ollama", "xinference": "xinference"}
"""What a server is called: by what it says of its models (`owned_by`), else by a port that no other uses."""

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


async def find(port: int) -> Server | None:
    """The server with OpenAI's list of models at a port; None where there is none."""
    if not await somebody_listens(port):
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


def _name(port: int, models: list[Mapping[str, object]]) -> str:
    owners = (str(each.get("owned_by", "")).lower() for each in models)
    told = next((BY_OWNER[owner] for owner in owners if owner in BY_OWNER), "")
    return BY_PORT.get(port) or told or f"local{port}"


def kind_of(model: Mapping[str, object]) -> str:
    """What a model is for, as its server tells: transcribe, speak, chat, other, or "" for nothing told."""
    told = (model.get(name) for name in ("task", "model_ability", "model_type"))
    words = (word for each in told for word in (each if isinstance(each, list) else [each]) if isinstance(word, str))
    return next((KINDS[word.lower()] for word in words if word.lower() in KINDS), "")
