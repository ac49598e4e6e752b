"""Chat completions: the request, the streamed answer, and the whole one where a service does not stream.

Belongs here: which fields are sent, when an answer is complete. Does not belong here: what a chunk's
fields mean (decoding), or the transport.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace

from voicecli.backends.openai import lessons, schemas
from voicecli.backends.openai.decoding import ChunkedAnswer
from voicecli.backends.openai.messages import extras_in, folded, instructed, offered, show, without_tools, written
from voicecli.backends.openai.part import DONE, Learnt, OpenAIPart
from voicecli.backends.transport.http import HttpService, Reply
from voicecli.backends.transport.mixed import Mixed
from voicecli.backends.transport.sse import Event
from voicecli.backends.transport.wording import complaint_in
from voicecli.errors import ServiceError, VoiceError
from voicecli.types import ChatDelta, ChatMessage, ChatOptions, ToolNews

_OPTIONS = ("temperature", "max_tokens", "top_p", "n", "seed")
_TAIL_S = {"over": 2.0, "unsure": 10.0}
"""How long the usage and the end mark, or more words, may take after an answer seems complete."""
_FINISHES, _EARLY, _OPENED = "finishes", "finishes early", "begins inside its reasoning"
"""What is learnt of a service: it gives a finish_reason; it gives one before the end, where it means nothing; and the
text begins with reasoning that no tag opens."""


class OpenAIChat(OpenAIPart):
    """`ChatModel` of OpenAI-compatible services."""

    def __init__(self, service: HttpService) -> None:
        super().__init__(service)
        self._known: defaultdict[str, set[str]] = defaultdict(set)
        """What is learnt of each model."""

    @asynccontextmanager
    async def chat(
        self, messages: Sequence[ChatMessage], options: ChatOptions
    ) -> AsyncIterator[AsyncIterator[ChatDelta]]:
        """Raises ConfigError when no model is set, ServiceError for an answer that breaks off or is empty.

        What a model does not take is left out, or asked for in another way; what is lost by that is said once, as news.
        """
        known = self._known[self._model(options.model, "chat_model")]
        before = set(known)
        async with AsyncExitStack() as stack:
            reply = await self._enter(
                stack,
                lambda final, learnt: self._service.stream(
                    "POST", "chat/completions", verb="chat", final=final, json=self._body(messages, options, learnt)
                ),
                lambda exc, learnt: self._lesson(exc, messages, options, learnt),
                known,
            )
            news = [f"{self._service.who} {note}" for note in lessons.notes(known - before)]
            deltas = _fitting(self._deltas(reply, known, options.n or 1), options)
            yield await stack.enter_async_context(aclosing(_with_news(news, deltas)))

    def _lesson(
        self, exc: ServiceError, messages: Sequence[ChatMessage], options: ChatOptions, learnt: Learnt
    ) -> str | None:
        refusal = lessons.Refusal(exc.status, exc.what, exc.param)
        extras = set() if lessons.EXTRAS in learnt else extras_in(messages)
        return lessons.lesson_in(refusal, self._body(messages, options, learnt), extras)

    def _body(self, messages: Sequence[ChatMessage], options: ChatOptions, known: Learnt) -> dict[str, object]:
        """Our defaults, under what the configuration passes through, under what the caller asks for."""
        asked: dict[str, object] = {name: value for name in _OPTIONS if (value := getattr(options, name)) is not None}
        asked |= {"stop": list(options.stop)} if options.stop else {}
        asked["model"] = self._model(options.model, "chat_model")
        asked["messages"] = self._messages(messages, options, known)
        if options.tools and lessons.TOOLS not in known:
            asked["tools"] = offered(options.tools)
        if options.schema is not None and lessons.FORMAT not in known:
            asked["response_format"] = _form(options, known)
        ours: dict[str, object] = {"stream": True, "stream_options": {"include_usage": True}}
        body = ours | self._backend.extra_for("chat") | asked
        if body["stream"] is not True:
            body.pop("stream_options")
        return lessons.adapted(body, known)

    def _messages(
        self, messages: Sequence[ChatMessage], options: ChatOptions, known: Learnt
    ) -> list[dict[str, object]]:
        if options.schema is not None and known & {lessons.SCHEMA, lessons.FORMAT}:
            messages = instructed(messages, schemas.wording(options.schema))
        if lessons.TOOLS in known:
            messages = without_tools(messages)
        if lessons.SYSTEM in known:
            messages = folded(messages)
        sent = [written(each, extras=lessons.EXTRAS not in known) for each in messages]
        if options.images:
            show(sent, options.images)
        return sent

    async def _deltas(self, reply: Reply, known: set[str], wanted: int) -> AsyncGenerator[ChatDelta, None]:
        answer = ChunkedAnswer(wanted, opened=_OPENED in known)
        async with aclosing(self._chunks(reply, answer, known)) as chunks:
            async for chunk in chunks:
                delta = answer.take(chunk)
                if delta:
                    yield delta
        if rest := answer.rest():
            yield rest
        facts = ((_FINISHES, answer.finished), (_EARLY, answer.early), (_OPENED, answer.unopened))
        known.update(name for name, learnt in facts if learnt)
        for text in answer.others():
            yield ChatDelta(f"\n\n{text}")
        if answer.finished is None:
            yield ChatDelta(finish_reason="stop")
        if calls := answer.calls():
            yield ChatDelta(calls=tuple(replace(each, id=each.id or f"call_{secrets.token_hex(8)}") for each in calls))

    async def _chunks(self, reply: Reply, answer: ChunkedAnswer, known: set[str]) -> AsyncGenerator[object, None]:
        """The decoded chunks of an answer that streams, or is whole. Raises unless it came to its end."""
        parser = Mixed()
        heard = _Heard(parser)
        events = reply.parsed(parser)
        while event := await _next(events, "open" if _EARLY in known else answer.ending):
            if event.data.strip().upper() == DONE:
                heard.done = True
                await reply.drain()
                break
            for chunk in self._objects(reply, event):
                heard.note(chunk)
                yield chunk
        self._ended(answer, heard, known)

    def _ended(self, answer: ChunkedAnswer, heard: _Heard, known: set[str]) -> None:
        """Raise unless the answer is whole: a service that breaks off may still say `[DONE]`."""
        if answer.finished not in (None, "error"):
            return
        whole = heard.parser.bare and answer.whole  # one object with the whole answer needs no reason to end
        enough = whole or (heard.done and _FINISHES not in known and answer.calls_are_whole)
        if answer.finished is None and answer.said and enough:
            return
        if heard.excuse:
            raise self._service.error(complaint_in(heard.excuse))
        if not answer.chosen and heard.parser.head.strip() and not heard.done and not heard.events:
            raise self._service.protocol_error("sent no answer", heard.parser.head)
        what = "broke off in the middle of the answer" if answer.said else "answered nothing"
        raise ServiceError(what, who=self._service.who, cure="Try again")


@dataclass
class _Heard:
    """What a body held besides the answer: whether it ended with the mark, and words that may explain its failure."""

    parser: Mixed
    done: bool = False
    events: bool = False
    excuse: object = None

    def note(self, chunk: object) -> None:
        """A chunk; one without choices that has words is kept, as an excuse."""
        self.events = self.events or not self.parser.bare
        if isinstance(chunk, dict) and not chunk.get("choices") and complaint_in(chunk).words:
            self.excuse = chunk


def _form(options: ChatOptions, known: Learnt) -> object:
    """How an answer is asked for that fits a schema."""
    if lessons.SCHEMA in known:
        return {"type": "json_object"}
    fitted = None if lessons.STRICT in known else schemas.strict(options.schema or {})
    wanted: dict[str, object] = {"name": "answer", "schema": dict(fitted or options.schema or {})}
    return {"type": "json_schema", "json_schema": wanted | ({"strict": True} if fitted else {})}


async def _with_news(news: Sequence[str], deltas: AsyncGenerator[ChatDelta, None]) -> AsyncGenerator[ChatDelta, None]:
    async with aclosing(deltas):
        for each in news:
            yield ChatDelta(news=ToolNews("", "failed", each))
        async for delta in deltas:
            yield delta


async def _fitting(deltas: AsyncGenerator[ChatDelta, None], options: ChatOptions) -> AsyncGenerator[ChatDelta, None]:
    """The answer; one that has to fit a schema comes whole, out of its fence, or as far as it came."""
    text = ""
    async with aclosing(deltas):
        try:
            async for delta in deltas:
                if options.schema is not None:
                    text, delta = text + delta.text, replace(delta, text="")
                if delta != ChatDelta():
                    yield delta
        except VoiceError:
            if text:
                yield ChatDelta(text)
            raise
    if text and options.schema is not None:
        yield ChatDelta(schemas.unfitted(schemas.unfenced(text), options.schema))


async def _next(events: AsyncIterator[Event], ending: str) -> Event | None:
    """The next event; after a complete answer, neither silence nor a broken connection is a failure."""
    if ending == "open":
        return await anext(events, None)
    try:
        async with asyncio.timeout(_TAIL_S[ending]):
            return await anext(events, None)
    except (TimeoutError, VoiceError):
        return None
