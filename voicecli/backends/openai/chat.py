"""Chat completions: the request, the streamed answer, and the whole one where a service does not stream.

Belongs here: which fields are sent, when an answer is complete. Does not belong here: what a chunk's
fields mean (answers), or the transport.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from voicecli.backends.openai.answers import Answer
from voicecli.backends.openai.calls import offered, without_tools, written
from voicecli.backends.openai.part import DONE, Part
from voicecli.backends.transport.http import Reply
from voicecli.backends.transport.sse import Event, Events
from voicecli.errors import ServiceError, VoiceError
from voicecli.types import ChatDelta, ChatMessage, ChatOptions, Picture, ToolNews

_OPTIONS = ("temperature", "max_tokens", "top_p", "n", "seed")
_LESSONS = {"max_completion_tokens": ("max_completion_tokens",), "stream_options": ("stream_options",)}
"""What can be learnt of a service, and the words of a refusal that teach it."""
_TOOLS = "tools"
_NO_TOOLS = {400: ("tool", "function"), 422: ("tool", "function"), 404: ("tool",), 500: ("tool",), 501: ("tool",)}
"""Words of a refusal by which it is tools that are refused; 404 is a router's that finds nobody who takes them."""
_TAIL_S = 2.0
"""How long the usage and the end mark may take after an answer is complete."""


class Chat(Part):
    """`ChatModel` of OpenAI-compatible services."""

    @asynccontextmanager
    async def chat(
        self, messages: Sequence[ChatMessage], options: ChatOptions
    ) -> AsyncIterator[AsyncIterator[ChatDelta]]:
        """Raises ConfigError when no model is set, ServiceError for an answer that breaks off or is empty.

        A service that takes no tools is asked without them, and says so once, as news.
        """
        had = _TOOLS in self._learnt
        async with AsyncExitStack() as stack:
            reply = await self._enter(
                stack,
                lambda final: self._service.stream(
                    "POST", "chat/completions", verb="chat", final=final, json=self._body(messages, options)
                ),
                lambda exc: self._lesson(exc, options),
            )
            news = _TOOLS in self._learnt and not had
            yield await stack.enter_async_context(aclosing(self._deltas(reply, toolless=news)))

    def _body(self, messages: Sequence[ChatMessage], options: ChatOptions) -> dict[str, Any]:
        """Our defaults, under what the configuration passes through, under what the caller asks for."""
        asked = {name: value for name in _OPTIONS if (value := getattr(options, name)) is not None}
        asked |= {"stop": list(options.stop)} if options.stop else {}
        asked["model"] = self._model(options.model, "chat_model")
        toolless = _TOOLS in self._learnt
        asked["messages"] = [written(each) for each in (without_tools(messages) if toolless else messages)]
        if options.images:
            _show(asked["messages"], options.images)
        if options.tools and not toolless:
            asked["tools"] = offered(options.tools)
        if options.schema is not None:
            wanted = {"name": "answer", "schema": dict(options.schema), "strict": True}
            asked["response_format"] = {"type": "json_schema", "json_schema": wanted}
        body = {"stream": True, "stream_options": {"include_usage": True}} | self._backend.extra_for("chat") | asked
        if body["stream"] is not True:
            body.pop("stream_options")
        return self._adapted(body)

    def _adapted(self, body: dict[str, Any]) -> dict[str, Any]:
        """`body` without what this service turned out to refuse."""
        if "stream_options" in self._learnt:
            body.pop("stream_options", None)
        if "max_completion_tokens" in self._learnt and "max_tokens" in body:
            body["max_completion_tokens"] = body.pop("max_tokens")
        return body

    def _lesson(self, exc: ServiceError, options: ChatOptions) -> str | None:
        """The field whose other form the service asks for, if it does; `tools` has none, and is left out."""
        for name, words in _LESSONS.items():
            if name not in self._learnt and self._refuses(exc, *words):
                return name
        named = any(word in exc.what.lower() for word in _NO_TOOLS.get(exc.status, ()))
        return _TOOLS if options.tools and named and _TOOLS not in self._learnt else None

    async def _deltas(self, reply: Reply, *, toolless: bool = False) -> AsyncGenerator[ChatDelta, None]:
        if toolless:
            yield ChatDelta(news=ToolNews("", "failed", f"{self._service.who} takes no tools: it answers without them"))
        answer = Answer()
        async with aclosing(self._chunks(reply, answer)) as chunks:
            async for chunk in chunks:
                delta = answer.take(chunk)
                if delta:
                    yield delta
        for text in answer.others():
            yield ChatDelta(f"\n\n{text}")
        if calls := answer.calls():
            yield ChatDelta(calls=tuple(replace(each, id=each.id or f"call_{secrets.token_hex(8)}") for each in calls))

    async def _chunks(self, reply: Reply, answer: Answer) -> AsyncGenerator[Any, None]:
        """The decoded chunks of a streamed answer, or the one of a whole answer."""
        if reply.content_type.endswith(("json", "html")):
            for each in self._whole(reply, await reply.body()):
                yield each
            if answer.finished is None and not answer.said:
                raise ServiceError("answered nothing", who=self._service.who, cure="Try again")
            return
        empty, events = True, reply.events()
        while event := await _next(events, patient=answer.finished is None):
            if event.data.strip() == DONE:
                await reply.drain()
                break
            for chunk in self._objects(reply, event):
                empty = False
                yield chunk
        self._ended(answer, empty)

    def _whole(self, reply: Reply, body: bytes) -> list[Any]:
        """The chunks in a body that claims to be JSON; some services send the same object twice, or a stream."""
        text = body.decode("utf-8", "replace").strip()
        if text.startswith(("data:", "event:", ":")):
            parser = Events()
            events = (*parser.feed(body), *parser.finish())
            return [chunk for event in events for chunk in self._objects(reply, event)]
        with suppress(ValueError, RecursionError):
            text = text[: json.JSONDecoder().raw_decode(text)[1]]
        data = reply.decoded(text)
        self._check(data[0] if isinstance(data, list) and data else data)
        if not isinstance(data, dict) or not data.get("choices"):
            raise self._service.protocol_error("sent no answer", text)
        return [data]

    def _ended(self, answer: Answer, empty: bool) -> None:
        """Raise unless the answer is whole: a service that breaks off may still say `[DONE]`."""
        if answer.finished == "error" or answer.finished is None:
            what = "answered nothing" if empty else "broke off in the middle of the answer"
            raise ServiceError(what, who=self._service.who, cure="Try again")


async def _next(events: AsyncIterator[Event], *, patient: bool) -> Event | None:
    """The next event; after a complete answer, neither silence nor a broken connection is a failure."""
    if patient:
        return await anext(events, None)
    with suppress(TimeoutError, VoiceError):
        async with asyncio.timeout(_TAIL_S):
            return await anext(events, None)
    return None


def _show(messages: list[dict[str, Any]], images: Sequence[Picture]) -> None:
    """Puts pictures into the last message of the person."""
    last = next((each for each in reversed(messages) if each["role"] == "user"), messages[-1])
    last["content"] = _seen(last["content"], images)


def _seen(text: str, images: Sequence[Picture]) -> list[dict[str, Any]]:
    """A message of a text and pictures."""
    urls = (f"data:{each.kind};base64,{b64encode(each.data).decode()}" for each in images)
    return [{"type": "text", "text": text}, *({"type": "image_url", "image_url": {"url": url}} for url in urls)]
