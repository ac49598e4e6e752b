"""OpenAI's embeddings, pictures, and looking at pictures: the fields that are sent, and both forms of an answer."""

from __future__ import annotations

import io
from base64 import b64encode
from typing import Any

import pytest

from tests.fakes.meaning import vector
from tests.fakes.openai_pictures import OpenAIPictures
from tests.fakes.pictures import png, png_digits
from tests.fakes.server import FakeServer, Reply
from tests.serving import serving
from voicecli.backends.openai.adapter import open_openai
from voicecli.backends.openai.pictures import LARGEST, QUESTION
from voicecli.errors import ConfigError, InputError, ProtocolError, ServiceError
from voicecli.types import Backend, DescribeOptions, EmbedOptions, PictureOptions, Secret, Upload

pytestmark = pytest.mark.anyio

server = serving(OpenAIPictures)

KEY = "sk-pictures-0123456789-nowhere-else"


def backend(server: FakeServer, **settings: Any) -> Backend:
    fixed: dict[str, Any] = {"chat_model": "sees", "image_model": "draws", "embed_model": "near", "timeout_s": 2.0}
    return Backend("work", "openai", base_url=f"{server.url}/v1", key=Secret(KEY), **(fixed | settings))


async def drawn(
    server: FakeServer, prompt: str = "Draw 407.", options: PictureOptions | None = None, **more: Any
) -> bytes:
    async with (
        open_openai(backend(server, **more)) as adapter,
        adapter.image_make(prompt, options or PictureOptions()) as chunks,
    ):
        return b"".join([each.data async for each in chunks])


async def described(server: FakeServer, data: bytes, options: DescribeOptions, kind: str = "image/png") -> str:
    upload = Upload(io.BytesIO(data), "picture.png", kind)
    async with open_openai(backend(server)) as adapter:
        return (await adapter.image_describe(upload, options)).text


# -- pictures --------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_url", [False, True])
async def test_a_picture_comes_inside_the_answer_or_at_an_address(by_url: bool) -> None:
    with OpenAIPictures(by_url=by_url) as server:
        assert png_digits(await drawn(server)) == "407"


async def test_only_what_was_asked_for_is_sent(server: OpenAIPictures) -> None:
    await drawn(server)
    await drawn(server, options=PictureOptions("other", "1024x1024"), extra={"image": {"quality": "low"}})
    plain, full = (entry["body"] for entry in server.log)
    assert plain == {"model": "draws", "prompt": "Draw 407."}
    assert full == {"model": "other", "prompt": "Draw 407.", "size": "1024x1024", "quality": "low"}


@pytest.mark.parametrize(
    "answer",
    [{"data": []}, {"data": None}, {"data": [{}]}, {"data": ["x"]}, {"data": [{"b64_json": "&&"}]},
     {"data": [{"b64_json": b64encode(b"GIF, but not really one").decode()}]}, ["x"]],
)  # fmt: skip
async def test_an_answer_without_a_picture_is_a_protocol_error(server: OpenAIPictures, answer: Any) -> None:
    server.on("/v1/images/generations", Reply.json(answer))
    with pytest.raises(ProtocolError):
        await drawn(server)


async def test_a_model_is_needed(server: OpenAIPictures) -> None:
    with pytest.raises(ConfigError, match="image_model"):
        await drawn(server, image_model="")
    async with open_openai(backend(server, embed_model="")) as adapter:
        with pytest.raises(ConfigError, match="embed_model"):
            await adapter.embed(["x"], EmbedOptions())
    assert server.requests == []


# -- looking ---------------------------------------------------------------------------------------


async def test_the_chat_model_is_shown_the_picture(server: OpenAIPictures) -> None:
    assert await described(server, png("407"), DescribeOptions()) == "518."
    assert await described(server, png("407"), DescribeOptions("other", "How many?")) == "518."
    first, second = (each.json() for each in server.requests)
    assert first["messages"][0]["content"][0] == {"type": "text", "text": QUESTION}
    assert (second["model"], second["messages"][0]["content"][0]["text"]) == ("other", "How many?")


async def test_a_picture_that_is_too_large_is_not_sent(server: OpenAIPictures) -> None:
    with pytest.raises(InputError, match="larger than"):
        await described(server, bytes(LARGEST + 1), DescribeOptions())
    assert server.requests == []


async def test_an_empty_answer_is_a_failure(server: OpenAIPictures) -> None:
    blank = {"choices": [{"message": {"content": "  "}, "finish_reason": "stop"}]}
    server.on("/v1/chat/completions", Reply.json(blank))
    with pytest.raises(ServiceError):
        await described(server, png("1"), DescribeOptions())


# -- embeddings ------------------------------------------------------------------------------------


async def test_vectors_in_the_order_of_the_texts_whatever_that_of_the_answer(server: OpenAIPictures) -> None:
    texts = [f"text {n}" for n in range(70)]
    async with open_openai(backend(server)) as adapter:
        found = await adapter.embed(texts, EmbedOptions("other"))
    (entry,) = server.log
    assert [list(each) for each in found] == [vector(each) for each in texts]
    assert entry["body"] == {"model": "other", "input": texts}


async def test_fewer_vectors_than_texts_are_a_protocol_error(server: OpenAIPictures) -> None:
    server.on("/v1/embeddings", Reply.json({"data": [{"index": 0, "embedding": [1.0]}]}))
    async with open_openai(backend(server)) as adapter:
        with pytest.raises(ProtocolError, match="no 2 vectors"):
            await adapter.embed(["a", "b"], EmbedOptions())
