"""Lines of other servers' documents: clients that were written for those work unchanged, whatever models they name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.selfhosted_server import SelfHosted
from tests.server.conftest import CONFIG, serving
from tests.server.test_http import digits_in, recording

SEVEN = recording("7")
CONFIGURED = CONFIG.replace("[use]", '[use]\nembed = "work"') + 'embed_model = "letters-embed"\n'
MULTIPART = {"file": ("test.wav", SEVEN)}


def said(text: str, *before: dict[str, str], **more: object) -> dict[str, Any]:
    """The body of a chat."""
    return {"json": {"messages": [*before, {"role": "user", "content": text}], **more}}


def sounds(kind: str) -> Callable[[httpx.Response], bool]:
    """Whether the answer is sound of this container in which the digit is heard."""
    return lambda found: digits_in(found.content, kind) == "7"


def has(*path: str | int, value: object = None) -> Callable[[httpx.Response], bool]:
    """Whether something stands at this place of a JSON answer; with `value`, just that."""

    def judge(found: httpx.Response) -> bool:
        at = found.json()
        for key in path:
            at = at[key]
        return at == value if value is not None else bool(at)

    return judge


def streamed(found: httpx.Response) -> bool:
    """Lines of JSON: pieces, then the end."""
    *deltas, end = [json.loads(line) for line in found.text.splitlines()]
    return bool("".join(each["delta"] for each in deltas)) and end == {"event": "done"}


def nearness(found: httpx.Response) -> bool:
    """Between opposite and the same."""
    return -1 <= found.json()["similarity"] <= 1


def ordered(found: httpx.Response) -> bool:
    """All three texts, the best first."""
    results = found.json()["results"]
    scores = [each["score"] for each in results]
    return scores == sorted(scores, reverse=True) and sorted(each["index"] for each in results) == [0, 1, 2]


SYSTEM = {"role": "system", "content": "你是一个精简的助手"}
MESSAGE = ("choices", 0, "message", "content")
EMBEDDING = "/Qwen3-Embedding-4B"
CANDIDATES = ["python tutorial", "java guide", "python flask"]
LINES: dict[str, tuple[str, dict[str, Any], Callable[[httpx.Response], bool]]] = {
    "relay: models": ("GET /v1/models", {}, has("data", 0, "id")),
    "relay: chat": ("POST /v1/chat/completions", said("1", model="gpt-3.5-turbo", temperature=0.7), has(*MESSAGE)),
    "relay: another maker's": ("POST /v1/chat/completions", said("1", model="claude-2.1"), has(*MESSAGE)),
    "relay: speech": (
        "POST /v1/audio/speech",
        {"json": {"model": "tts-1", "input": "7", "voice": "alloy"}},
        sounds("mp3"),
    ),
    "relay: recording": (
        "POST /v1/audio/transcriptions",
        {"files": MULTIPART, "data": {"model": "whisper-1"}},
        has("text", value="7"),
    ),
    "local: recognition": ("POST /asr", {"files": MULTIPART}, has("text", value="7")),
    "local: as it is heard": ("POST /asr/stream", {"files": MULTIPART}, has("partial_text", value="7")),
    "local: health": ("GET /health", {}, has("status", value="ok")),
    "local: chat": ("POST /api/chat", said("1"), has("content")),
    "local: chat with a system prompt": ("POST /api/chat", said("1", SYSTEM), has("content")),
    "local: chat with a model": (
        "POST /api/chat",
        said("1", model="Qwen/Qwen3-Coder-480B-A35B-Instruct"),
        has("model"),
    ),
    "local: streamed": ("POST /api/chat/stream", said("1"), streamed),
    "local: streamed with a system prompt": ("POST /api/chat/stream", said("1", SYSTEM), streamed),
    "local: speech": ("POST /synthesize", {"data": {"text": "7", "style": "style2"}}, sounds("wav")),
    "local: tuned": (
        "POST /synthesize",
        {"data": {"text": "7", "style": "style1", "temperature": "0.6", "top_p": "0.9"}},
        sounds("wav"),
    ),
    "local: one embedding": (f"GET {EMBEDDING}/hello%20world", {}, has("embedding")),
    "local: embeddings": (
        f"POST {EMBEDDING}",
        {"json": {"texts": ["hello world", "python语言"]}},
        has("embeddings", 1),
    ),
    "local: similarity": ("POST /similarity", {"json": {"a": "python programming", "b": "learn python"}}, nearness),
    "local: rerank": ("POST /rerank", {"json": {"query": "python", "candidates": CANDIDATES}}, ordered),
    "government: chat": (
        "POST /v1/chat/completions",
        said("1", category="bj_gov", temperature=0.7, max_tokens=100),
        has(*MESSAGE),
    ),
    "government: recognition": (
        "POST /v1/asr",
        {"content": SEVEN, "headers": {"content-type": "application/octet-stream"}},
        has("result", value="7"),
    ),
    "government: speech": ("GET /v1/tts?text=7", {}, sounds("wav")),
}


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with serving(tmp_path_factory.mktemp("served"), config=CONFIGURED) as server, server.client() as client:
        yield client


def test_somebodys_voice_is_taken_after(tmp_path: Path) -> None:
    """The recording reaches a voice server that speaks like it."""
    with SelfHosted() as behind:
        cloner = f'[backends.cloner]\nfamily = "selfhosted"\ntts_url = "{behind.tts.url}"\n'
        config = CONFIG.replace('speak = "work"', 'speak = "cloner"') + cloner
        with serving(tmp_path, config=config) as server, server.client() as client:
            found = client.post("/synthesize", data={"text": "7"}, files={"prompt_audio": ("test.wav", SEVEN)})
        assert found.status_code == 200, found.text
        assert digits_in(found.content, "wav") == "7"
        assert b"prompt_audio" in behind.tts.requests[-1].body


def test_a_model_that_is_configured_is_the_one_that_answers_to_its_name(tmp_path: Path) -> None:
    """Not that of `[use]`, which answers to names that nobody here has."""
    relay = '[backends.relay]\nfamily = "openai"\nbase_url = "{base}"\nchat_model = "claude-2.1"\n'
    with serving(tmp_path, config=CONFIG + relay) as server, server.client() as client:
        for name in ("claude-2.1", "gpt-3.5-turbo"):
            assert client.post("/v1/chat/completions", **said("1", model=name)).status_code == 200
        asked = [json.loads(each.body)["model"] for each in server.behind.to("/v1/chat/completions")]
    assert asked == ["claude-2.1", "digits-chat"]


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_a_document_is_answered(documented: httpx.Client, line: str) -> None:
    asked, sent, right = LINES[line]
    method, _, path = asked.partition(" ")
    found = documented.request(method, path, **sent)
    assert found.status_code == 200, found.text
    assert right(found), found.text
