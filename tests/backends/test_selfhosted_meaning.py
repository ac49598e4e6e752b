"""The local server of embeddings: any shape of answer, a server without batches, what is sent."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.fakes.meaning import nearness, vector
from tests.fakes.selfhosted_meaning import SelfHostedMeaning
from tests.fakes.server import Reply
from tests.serving import serving
from voicecli.backends.selfhosted.vectors import LONGEST, open_meaning
from voicecli.errors import InputError, ProtocolError
from voicecli.types import EmbedOptions

pytestmark = pytest.mark.anyio

servers = serving(SelfHostedMeaning)

NOTHING = EmbedOptions()
TEXTS = ["hello world", "python语言", "a pig"]


def bare(data: Any) -> Any:
    """What stands under the only name, without it."""
    (found,) = data.values()
    return found


SHAPES = {"object": lambda data: data, "bare": bare, "wrapped": lambda data: {"code": 0, "data": data}}


@pytest.mark.parametrize("shape", SHAPES)
async def test_answers_of_any_shape(shape: str) -> None:
    with SelfHostedMeaning(shape=SHAPES[shape]) as servers:
        async with open_meaning(servers.backend()) as meaning:
            assert [list(each) for each in await meaning.embed(TEXTS, NOTHING)] == [vector(each) for each in TEXTS]
            assert [list(each) for each in await meaning.embed(["one"], NOTHING)] == [vector("one")]
            assert math.isclose(await meaning.similar("a pig", "a big pig", NOTHING), nearness("a pig", "a big pig"))
            found = await meaning.rerank("a pig", TEXTS, NOTHING)
    assert found[0].text == "a pig" and sorted(each.index for each in found) == [0, 1, 2]


async def test_a_server_without_batches_is_asked_for_each_text() -> None:
    texts = ["hello world", "50% of 7/8?", "早上好", "a#b&c=d", "../similarity"]
    with SelfHostedMeaning(batches=False) as servers:
        async with open_meaning(servers.backend()) as meaning:
            found = await meaning.embed(texts, NOTHING)
            await meaning.embed(["again"], NOTHING)
    assert [list(each) for each in found] == [vector(each.replace("/", " ")) for each in texts]
    methods = [each.method for each in servers.embedding.requests]
    assert methods == ["POST", *["GET"] * 6], "what it lacks is asked for once"


@pytest.mark.parametrize("text", ["x" * (LONGEST + 1), "好" * (LONGEST // 9 + 1), " / "])
async def test_what_fits_in_no_address_is_refused(text: str) -> None:
    with SelfHostedMeaning(batches=False) as servers:
        async with open_meaning(servers.backend()) as meaning:
            with pytest.raises(InputError):
                await meaning.embed([text], NOTHING)


async def test_the_model_stands_in_the_address(servers: SelfHostedMeaning) -> None:
    servers.embedding.on("/bge/m 3", Reply.json([[1, 2]]))
    for settings, options in (({"embed_model": "bge/m 3"}, NOTHING), ({}, EmbedOptions("bge/m 3"))):
        async with open_meaning(servers.backend(**settings)) as meaning:
            assert await meaning.embed(["x"], options) == [(1.0, 2.0)]


@pytest.mark.parametrize("ending", ["", "/", "/similarity", "/rerank", "/Qwen3-Embedding-4B"])
async def test_an_address_may_end_with_a_path(servers: SelfHostedMeaning, ending: str) -> None:
    async with open_meaning(servers.backend(embedding_url=servers.embedding.url + ending)) as meaning:
        assert len(await meaning.embed(TEXTS, NOTHING)) == 3


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/Qwen3-Embedding-4B", [[1, 2], [1, 2]]),
        ("/Qwen3-Embedding-4B", [[1, 2], [1, 2], [1]]),
        ("/similarity", {"similarity": "high"}),
        ("/rerank", {"results": [{"text": "a pig", "score": 1}]}),
        ("/rerank", [0.1, 0.2]),
    ],
)
async def test_an_answer_that_does_not_fit_is_a_protocol_error(
    servers: SelfHostedMeaning, path: str, answer: Any
) -> None:
    asks = {
        "/Qwen3-Embedding-4B": lambda it: it.embed(TEXTS, NOTHING),
        "/similarity": lambda it: it.similar("a", "b", NOTHING),
        "/rerank": lambda it: it.rerank("q", TEXTS, NOTHING),
    }
    servers.embedding.on(path, Reply.json(answer))
    async with open_meaning(servers.backend()) as meaning:
        with pytest.raises(ProtocolError) as caught:
            await asks[path](meaning)
    assert caught.value.who.startswith("local") and len(str(caught.value)) < 400
