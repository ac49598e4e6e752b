"""A conversation with a local chat server: in lines of JSON as they arrive, or whole.

Belongs here: what goes into these requests and what their answers mean.
Does not belong here: the transport (http), lines (server, ndjson).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from voicecli.backends.openai.decoding import ChunkedAnswer
from voicecli.backends.selfhosted.server import answered, member, messages, opened, shown
from voicecli.backends.transport.http import HttpAdapter, HttpService, Reply
from voicecli.errors import ServiceError
from voicecli.ports import Opened, Stream
from voicecli.types import Backend, ChatDelta, ChatMessage, ChatOptions

STREAM, WHOLE = "/api/chat/stream", "/api/chat"
ENDINGS = (STREAM, WHOLE)


def open_chat(backend: Backend) -> Opened[ChatServer]:
    """A chat model at `chat_url`. Raises ConfigError without one."""
    return opened(backend, "chat_url", ENDINGS, ChatServer)


class ChatServer(HttpAdapter):
    """A chat server. Without a model in the options or the settings it uses its own."""

    def __init__(self, service: HttpService, path: str = "") -> None:
        super().__init__(service)
        self._paths = [path] if path else [STREAM, WHOLE]

    def chat(self, messages: Sequence[ChatMessage], options: ChatOptions) -> Stream[ChatDelta]:
        """The pieces of the answer as they arrive; one that ends without `done` was cut off: ServiceError."""
        backend = self._service.backend
        model = options.model or backend.chat_model
        body = backend.extra_for("chat") | ({"model": model} if model else {})
        body["messages"] = [{"role": each.role, "content": each.content} for each in messages]
        return answered(self._service, self._paths, _READ, verb="chat", json=body)


async def _pieces(server: HttpService, reply: Reply) -> AsyncGenerator[ChatDelta, None]:
    answer, anything = ChunkedAnswer(), False
    async with aclosing(messages(server, reply)) as found:
        async for message in found:
            if message.get("event") == "done":
                break
            if delta := answer.take(_chunk(_piece(server, message))):
                anything = True
                yield delta
        else:
            raise ServiceError("the answer was cut off: it ended without 'done'", who=server.who, cure="Try again")
    if rest := answer.rest():
        yield rest
    elif not anything:
        raise ServiceError("gave an empty answer", who=server.who)
    yield ChatDelta(finish_reason="stop")
    await reply.drain()


def _piece(server: HttpService, message: Mapping[str, object]) -> str:
    """The text in a line; events that we do not know, and empty pieces, have none."""
    delta = message.get("delta") or ""
    if not isinstance(delta, str):
        raise server.protocol_error("sent a delta that is not text", shown(message))
    return delta


def _chunk(text: str) -> dict[str, object]:
    """A piece in the shape that OpenAI's services send, whose reader joins and cleans what is cut apart."""
    return {"choices": [{"delta": {"content": text}}]}


async def _whole(server: HttpService, reply: Reply) -> AsyncGenerator[ChatDelta, None]:
    data = await reply.json()
    answer = ChunkedAnswer()
    said = answer.take(_chunk(member(server, data, "content")))
    if said is None and (said := answer.rest()) is None:
        raise ServiceError("gave an empty answer", who=server.who)
    text = said.text + (held.text if (held := answer.rest()) else "")
    rest = ChunkedAnswer().take(data.get("raw") if isinstance(data, Mapping) else None) or ChatDelta()
    yield replace(
        rest, text=text, reasoning=said.reasoning or rest.reasoning, finish_reason=rest.finish_reason or "stop"
    )


_READ: dict[str, Callable[[HttpService, Reply], AsyncGenerator[ChatDelta, None]]] = {STREAM: _pieces, WHOLE: _whole}
