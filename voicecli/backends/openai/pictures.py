"""Pictures: made after a text, and looked at by a chat model.

Belongs here: the request for a picture, the question about one. Does not belong here: conversations (completions),
fetching what an answer only tells the address of (results).
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager

from voicecli.backends.openai.completions import OpenAIChat
from voicecli.backends.openai.part import OpenAIPart
from voicecli.backends.transport.http import HttpService
from voicecli.backends.transport.results import PICTURE, decoded, fetched
from voicecli.errors import InputError, ServiceError
from voicecli.types import (
    ChatMessage,
    ChatOptions,
    DescribeOptions,
    Description,
    MediaChunk,
    Picture,
    PictureOptions,
    Upload,
)

QUESTION = "Describe this picture in one or two sentences."
LARGEST = 20_000_000
"""Bytes of a picture that is looked at; services take about as much."""

_BYTES = 96 * 1024 * 1024
"""The largest answer: a picture as base64."""


class Pictures(OpenAIPart):
    """`Painter` and `Onlooker` of OpenAI-compatible services."""

    def __init__(self, service: HttpService) -> None:
        super().__init__(service)
        self._chat = OpenAIChat(service)

    @asynccontextmanager
    async def image_make(self, prompt: str, options: PictureOptions) -> AsyncIterator[AsyncIterator[MediaChunk]]:
        """The picture, out of the answer or from the address that it tells. Raises ConfigError without a model."""
        asked = {"model": self._model(options.model, "image_model"), "prompt": prompt}
        asked |= {"size": options.size} if options.size else {}
        body = self._backend.extra_for("image") | asked
        data = await self._service.json("POST", "images/generations", verb="image_make", json=body, limit=_BYTES)
        self._service.complain(data)
        found = self._first(data)
        if found.get("b64_json"):
            async with aclosing(_one(decoded(self._service, found["b64_json"]))) as pieces:
                yield pieces
        else:
            async with fetched(self._service, found.get("url"), PICTURE) as chunks:
                yield chunks

    def _first(self, data: object) -> Mapping[str, object]:
        made = data.get("data") if isinstance(data, Mapping) else None
        if not isinstance(made, list) or not made or not isinstance(made[0], Mapping):
            raise self._service.protocol_error("sent no picture", json.dumps(data, ensure_ascii=False)[:200])
        return made[0]

    async def image_describe(self, picture: Upload, options: DescribeOptions) -> Description:
        """What the chat model sees. Raises InputError for a picture of more than LARGEST bytes."""
        picture.file.seek(0)
        data = picture.file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise InputError(f"is larger than {LARGEST:,} bytes", who="the picture", cure="Make it smaller")
        question = ChatMessage("user", options.question or QUESTION)
        asked = ChatOptions(model=options.model, images=(Picture(data, picture.kind),))
        text = ""
        async with self._chat.chat([question], asked) as deltas:
            async for delta in deltas:
                text += delta.text
        if not text.strip():
            raise ServiceError("saw nothing: the answer is empty", who=self._service.who, cure="Try again")
        return Description(text.strip())


async def _one(chunk: MediaChunk) -> AsyncGenerator[MediaChunk, None]:
    yield chunk
