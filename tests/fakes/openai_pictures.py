"""The OpenAI-compatible service with pictures and embeddings: it draws digits, sees digits, counts letters.

What the documents do not allow is refused. A picture comes as base64, or at an address, as `by_url` says.

Belongs here: embeddings, images/generations, chat messages that hold a picture. Does not belong here: the
rest of the service (openai_server).
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from typing import Any

from tests.fakes.forms import Refused
from tests.fakes.meaning import vector
from tests.fakes.openai_schema import Bad, Check, checked, filled, whole
from tests.fakes.openai_server import Habits, OpenAIServer, error_reply, json_of
from tests.fakes.pictures import digits_of, png, png_digits
from tests.fakes.server import Reply, Request

MODELS = ("digits-chat", "digits-hear", "digits-speak", "letters-embed", "digits-draw")

EMBEDDING: dict[str, Check] = {
    "model": filled,
    "input": lambda value: isinstance(value, list) and 1 <= len(value) <= 2048 and all(map(filled, value)),
    "dimensions": whole(1, 10_000),
    "encoding_format": lambda value: value in ("float", "base64"),
    "user": filled,
}
PICTURE: dict[str, Check] = {
    "model": filled,
    "prompt": lambda value: filled(value) and len(value) <= 32_000,
    "n": whole(1, 10),
    "size": lambda value: value == "auto" or bool(re.fullmatch(r"\d{3,4}x\d{3,4}", str(value))),
    "quality": filled,
    "response_format": lambda value: value in ("url", "b64_json"),
}


class OpenAIPictures(OpenAIServer):
    """See the module."""

    def __init__(self, habits: Habits | None = None, *, by_url: bool = False, **settings: Any) -> None:
        super().__init__(habits or Habits(models=MODELS), **settings)
        self.by_url = by_url
        self.drawn: dict[str, bytes] = {}

    async def app_handler(self, request: Request) -> Reply:
        routes = {
            ("POST", "/v1/embeddings"): self.embed,
            ("POST", "/v1/images/generations"): self.draw,
            ("POST", "/v1/chat/completions"): self.look,
        }
        try:
            if request.path in self.drawn:
                return Reply(self.drawn[request.path], 200, {"content-type": "image/png"})
            handler = routes.get((request.method, request.path))
            if handler is None:
                return await super().app_handler(request)
            self.admit(request)
            return await handler(request)
        except Bad as bad:
            return error_reply(bad)

    async def embed(self, request: Request) -> Reply:
        body = checked(json_of(request), EMBEDDING, "model", "input")
        self.note("embed", body=body)
        data = [{"object": "embedding", "index": n, "embedding": vector(t)} for n, t in enumerate(body["input"])]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return Reply.json({"object": "list", "data": data[::-1], "model": body["model"], "usage": usage})

    async def draw(self, request: Request) -> Reply:
        body = checked(json_of(request), PICTURE, "model", "prompt")
        self.note("draw", body=body)
        data = png(digits_of(body["prompt"]) or "0")
        if not self.by_url:
            return Reply.json({"created": 1, "data": [{"b64_json": base64.b64encode(data).decode()}]})
        path = f"/drawn/{len(self.drawn)}.png"
        self.drawn[path] = data
        return Reply.json({"created": 1, "data": [{"url": self.url + path, "revised_prompt": body["prompt"]}]})

    async def look(self, request: Request) -> Reply:
        """A question with a picture becomes the digits in it; the rest is answered as ever."""
        body = request.json()
        messages = body.get("messages") if isinstance(body, dict) else None
        said = [each for each in messages if isinstance(each, dict)] if isinstance(messages, list) else []
        last = next((each for each in reversed(said) if each.get("role") == "user"), None)
        if last is not None and isinstance(last.get("content"), list):
            last["content"] = f"I see {_seen(last['content'])}"
            request = replace(request, body=json.dumps(body).encode())
        return await self.chat(request)


def _seen(parts: list[Any]) -> str:
    """The digits of the one picture in a message. Raises Bad."""
    kinds = [each.get("type") if isinstance(each, dict) else None for each in parts]
    if kinds != ["text", "image_url"] or not filled(parts[0].get("text")) or set(parts[0]) != {"type", "text"}:
        raise Bad(f"expected a text and a picture, got {kinds}", "messages")
    image = parts[1]
    url = image["image_url"].get("url", "") if isinstance(image.get("image_url"), dict) else ""
    found = re.fullmatch(r"data:image/png;base64,([A-Za-z0-9+/=]+)", url)
    if set(image) != {"type", "image_url"} or not found:
        raise Bad(f"no picture that can be read: {url[:40]}", "messages")
    try:
        return png_digits(base64.b64decode(found[1], validate=True))
    except Refused as refused:
        raise Bad(f"Invalid image: {refused}", "messages") from None
