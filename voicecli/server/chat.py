"""Chat completions in OpenAI's shape, and in that of the local servers (`/api/chat`).

Belongs here: a client's messages to ours, our deltas to a client's. Does not belong here: prompts, tools of our own.
Source: OpenAI's API reference, "Chat completions"; the local servers' document ("LLM").
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from voicecli.server.pictures import read_picture
from voicecli.server.pool import Pool
from voicecli.server.refusals import DECLARED, Refused, told
from voicecli.server.requests import Lenient, Number, Opened, Several, Truth, Whole, lines, streamed
from voicecli.types import ChatDelta, ChatMessage, ChatOptions, Picture, ToolCall, ToolSpec
from voicecli.wiring.services import Services

MOST_PICTURE = 20 * 1024 * 1024
NOTHING = "(nothing)"
"""What a tool has said that said nothing: many services refuse a message without a word."""
ROLES = {"developer": "system", "function": "tool"}


class Called(Lenient):
    name: str = ""
    arguments: str = "{}"


class CallIn(Lenient):
    id: str = ""
    function: Called = Field(default_factory=Called)


class PictureUrl(Lenient):
    url: str


class ContentPart(Lenient):
    type: str
    text: str = ""
    image_url: PictureUrl | None = None


class MessageIn(Lenient):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | Several[ContentPart] | None = None
    tool_calls: Several[CallIn] | None = None
    tool_call_id: str | None = None


class Function(Lenient):
    name: str = Field(min_length=1)
    description: str | None = None
    parameters: dict[str, Any] | None = None


class ToolIn(Lenient):
    type: str = "function"
    function: Function


class StreamOptions(Lenient):
    include_usage: Truth | None = False


class Shape(Lenient):
    name: str = "answer"
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")


class ResponseFormat(Lenient):
    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: Shape | None = None


class ChatIn(Lenient):
    """`POST /v1/chat/completions`."""

    messages: Several[MessageIn] = Field(min_length=1)
    model: str | None = None
    stream: Truth | None = False
    stream_options: StreamOptions | None = None
    temperature: Number | None = Field(default=None, ge=0, le=2)
    top_p: Number | None = Field(default=None, ge=0, le=1)
    max_tokens: Whole | None = Field(default=None, ge=1)
    max_completion_tokens: Whole | None = Field(default=None, ge=1)
    n: Whole | None = Field(default=None, ge=1, le=16)
    seed: Whole | None = None
    stop: str | Several[str] | None = None
    tools: Several[ToolIn] | None = None
    response_format: ResponseFormat | None = None


router = APIRouter(responses=DECLARED, tags=["chat"])


# -- theirs to ours ----------------------------------------------------------------------------------


def messages_of(asked: ChatIn) -> list[ChatMessage]:
    """Our messages; an assistant's without a word is none. Raises Refused for another without content.

    What answers a call may be empty.
    """
    if not (found := [ours for each in asked.messages if (ours := _message(each)) is not None]):
        raise Refused(400, "No message has content.")
    return found


def _message(theirs: MessageIn) -> ChatMessage | None:
    content = theirs.content or ""
    text = content if isinstance(content, str) else "\n".join(part.text for part in content if part.type == "text")
    calls = tuple(ToolCall(each.id, each.function.name, each.function.arguments) for each in theirs.tool_calls or ())
    pictures = isinstance(content, list) and any(part.image_url for part in content)
    if theirs.role == "assistant" and not text and not calls:
        return None
    if not text and not calls and not pictures and not theirs.tool_call_id:
        raise Refused(400, f"A message of the role {theirs.role} has no content.")
    role: Any = ROLES.get(theirs.role, theirs.role)
    instead = NOTHING if role == "tool" else "" if calls else " "
    return ChatMessage(role, text or instead, calls, theirs.tool_call_id or "")


def options_of(asked: ChatIn, model: str | None) -> ChatOptions:
    """Our options; pictures are those of the last message that has some."""
    return ChatOptions(
        model=model,
        temperature=asked.temperature,
        max_tokens=asked.max_completion_tokens or asked.max_tokens,
        top_p=asked.top_p,
        n=asked.n if (asked.n or 1) > 1 else None,
        seed=asked.seed,
        stop=(asked.stop,) if isinstance(asked.stop, str) else tuple(asked.stop or ()),
        schema=_schema(asked.response_format),
        images=tuple(_pictures(asked.messages)),
        tools=tuple(_tool(each.function) for each in asked.tools or ()),
    )


def _schema(form: ResponseFormat | None) -> dict[str, Any] | None:
    if form is None or form.type == "text":
        return None
    return form.json_schema.schema_ if form.json_schema is not None else {"type": "object"}


def _tool(function: Function) -> ToolSpec:
    return ToolSpec(function.name, function.description or "", function.parameters or {"type": "object"})


def _pictures(messages: list[MessageIn]) -> Iterator[Picture]:
    last = next((each for each in reversed(messages) if isinstance(each.content, list)), None)
    for part in last.content if last is not None and isinstance(last.content, list) else ():
        if part.image_url is not None:
            try:
                yield read_picture(part.image_url.url, MOST_PICTURE)
            except ValueError as exc:
                raise Refused(400, str(exc)) from None


# -- ours to theirs ----------------------------------------------------------------------------------


class OutgoingAnswer:
    """One answer on its way out: its number, its model, what of it has come."""

    def __init__(self, model: str) -> None:
        self.id, self.created, self.model = f"chatcmpl-{uuid.uuid4().hex}", int(time.time()), model
        self.text, self.reasoning = "", ""
        self.calls: tuple[ToolCall, ...] = ()
        self.finish = "stop"
        self.usage: dict[str, int] = {}

    def take(self, delta: ChatDelta) -> None:
        self.text += delta.text
        self.reasoning += delta.reasoning
        self.calls += delta.calls
        self.finish = "tool_calls" if self.calls else delta.finish_reason or self.finish
        if delta.usage is not None:
            prompt, completion = delta.usage.prompt_tokens, delta.usage.completion_tokens
            total = {"total_tokens": prompt + completion}
            self.usage = {"prompt_tokens": prompt, "completion_tokens": completion} | total

    def head(self, kind: str) -> dict[str, object]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}

    def chunk(self, delta: dict[str, object], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return event(self.head("chat.completion.chunk") | {"choices": [choice]})

    def whole(self) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None}
        if self.reasoning:
            message["reasoning_content"] = self.reasoning
        if self.calls:
            message["tool_calls"] = calls_out(self.calls)
        choice = {"index": 0, "message": message, "finish_reason": self.finish, "logprobs": None}
        nothing = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        return self.head("chat.completion") | {"choices": [choice], "usage": self.usage or nothing}


def calls_out(calls: tuple[ToolCall, ...]) -> list[dict[str, object]]:
    """Our calls as OpenAI writes them, with their places, which a stream needs."""
    return [
        {"index": at, "id": each.id, "type": "function", "function": {"name": each.name, "arguments": each.arguments}}
        for at, each in enumerate(calls)
    ]


def event(data: dict[str, object]) -> bytes:
    """A line of server-sent events."""
    return b"data: " + json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


async def _events(deltas: AsyncIterable[ChatDelta], answer: OutgoingAnswer, usage: bool) -> AsyncIterator[bytes]:
    """Events as the deltas come. A failure in the middle is an event too, and then there is no [DONE]."""
    yield answer.chunk({"role": "assistant", "content": ""})
    try:
        async for delta in deltas:
            answer.take(delta)
            if delta.reasoning:
                yield answer.chunk({"reasoning_content": delta.reasoning})
            if delta.text:
                yield answer.chunk({"content": delta.text})
    except Exception as exc:
        yield event(told(exc).body.model_dump())
        return
    if answer.calls:
        yield answer.chunk({"tool_calls": calls_out(answer.calls)})
    yield answer.chunk({}, answer.finish)
    if usage:
        yield event(answer.head("chat.completion.chunk") | {"choices": [], "usage": answer.whole()["usage"]})
    yield b"data: [DONE]\n\n"


# -- routes ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IncomingQuestion:
    """A client's request, understood: whom to ask, what, and under which name the answer goes back."""

    services: Services
    messages: list[ChatMessage]
    options: ChatOptions
    shown: str

    @asynccontextmanager
    async def asked(self) -> AsyncIterator[AsyncIterator[ChatDelta]]:
        async with self.services.open("chat") as model, model.chat(self.messages, self.options) as deltas:
            yield deltas


async def question_of(pool: Pool, asked: ChatIn) -> IncomingQuestion:
    """Raises Refused, and what choosing and opening a backend raises."""
    meant = await pool.meant("chat", asked.model)
    services, options = pool.named(meant.backend), options_of(asked, meant.model)
    can, backend = services.choose("chat")
    services.check(can, "chat", options)
    return IncomingQuestion(services, messages_of(asked), options, asked.model or backend.chat_model or backend.name)


async def answered(question: IncomingQuestion) -> OutgoingAnswer:
    """Asks the model, and gathers the whole answer."""
    answer = OutgoingAnswer(question.shown)
    async with question.asked() as deltas:
        async for delta in deltas:
            answer.take(delta)
    return answer


@router.post("/v1/chat/completions", response_model=None, responses={200: {"content": {"text/event-stream": {}}}})
async def completions(asked: ChatIn, pool: Opened) -> Response | dict[str, Any]:
    """Answer a conversation, whole or as it is thought of."""
    question = await question_of(pool, asked)
    if not asked.stream:
        return (await answered(question)).whole()
    usage = bool(asked.stream_options and asked.stream_options.include_usage)
    deltas = await pool.relayed(question.asked())
    return streamed(deltas, _events(deltas, OutgoingAnswer(question.shown), usage), "text/event-stream")


@router.post("/api/chat", response_model=None)
async def api_chat(asked: ChatIn, pool: Opened) -> dict[str, Any]:
    """Answer a conversation, as the local chat server does: `{"content", "model", "raw"}`."""
    question = await question_of(pool, asked)
    answer = await answered(question)
    return {"content": answer.text, "model": question.shown, "raw": answer.whole()}


@router.post("/api/chat/stream", response_model=None, responses={200: {"content": {"application/x-ndjson": {}}}})
async def api_chat_stream(asked: ChatIn, pool: Opened) -> Response:
    """The same in lines: `{"delta": …}` as they come, then `{"event": "done"}`."""
    deltas = await pool.relayed((await question_of(pool, asked)).asked())
    return streamed(deltas, lines(_pieces(deltas)), "application/x-ndjson")


async def _pieces(deltas: AsyncIterable[ChatDelta]) -> AsyncIterator[dict[str, str]]:
    async for delta in deltas:
        if delta.text:
            yield {"delta": delta.text}
    yield {"event": "done"}
