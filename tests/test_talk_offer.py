"""A model that runs on this machine is offered to who has configured nothing, and to nobody else."""

from __future__ import annotations

import pytest

from tests.fakes.openai_server import OpenAIServer
from tests.fakes.server import Reply
from voicecli.config.resolve import File, resolve
from voicecli.usecases.nearby import offered

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("answer", "chat"), [("", "ollama"), ("y", "ollama"), ("n", "local")])
async def test_it_is_asked_for_once(answer: str, chat: str) -> None:
    asked: list[str] = []

    async def ask(question: str) -> str:
        asked.append(question)
        return answer

    with OpenAIServer() as server:
        listing = [{"id": "nomic-embed-text"}, {"id": "qwen2.5:3b", "owned_by": "library"}]
        server.on("/v1/models", Reply.json({"object": "list", "data": listing}))
        config = await offered(resolve({}, File()), ask, (server.port,))
        assert config.use.chat == chat
        assert asked == ["ollama runs here with the model qwen2.5:3b: shall it answer? [Y/n]"]
        if chat == "ollama":
            found = config.backends["ollama"]
            assert (found.family, found.base_url, found.chat_model) == ("openai", server.base_url, "qwen2.5:3b")


async def test_who_cannot_be_asked_or_has_chosen_is_let_be() -> None:
    async def ask(question: str) -> str:
        raise AssertionError(question)

    chosen = resolve({"VOICE_CHAT": "local"}, File())
    assert await offered(chosen, ask) is chosen
    nothing = resolve({}, File())
    assert await offered(nothing, None) is nothing
