"""Speech to speech: a `ports.Responder` of one service that hears, thinks and speaks.

Belongs here: a turn as such a service takes it, drafts, tools and the person's yes. Does not belong here: connections
and messages (the service's own room), who has the floor (dialogue.floor).

The service writes down what it heard beside answering it, so the words come late: tools that need a yes wait for them,
and so do a person's notes, which an answer is told of as instructions of its own. What is asked of the person is said
by the service, word for word.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from voicecli.dialogue.drafting import Drafts
from voicecli.dialogue.history import estimate_tokens
from voicecli.dialogue.replies import Put, answered
from voicecli.dialogue.tools import ToolUser
from voicecli.dialogue.toolwords import reminded
from voicecli.errors import RateLimitedError, culprit
from voicecli.text.join import joined
from voicecli.types import MIC, AudioFrame, ChatDelta, ChatMessage, ChatOptions, ToolCall, ToolNews, Usage
from voicecli.types.turns import Answer, AnswerWanted, Heard, Reply, Sound, Text

if TYPE_CHECKING:
    from voicecli.ports import ChatModel, Colloquy, SpokenExchange, Stream, Toolbox, TurnRequest

TOKENS_A_SECOND = 10
"""What a second of the person's sound costs, about."""
SPEAKS = ("chat", "speak")
UNBOUND = 20 * 48_000 * 2
"""Bytes of an answer's sound that are taken without waiting for room while the person's words are unknown.

The words come behind the sound, and how long to wait for the end of the turn depends on them.
"""


@dataclass(slots=True)
class Direct:
    """`service_ends`: the service finds the end of a turn, and answers by itself. `noted` is `model`, told of notes."""

    colloquy: Colloquy
    clock: Callable[[], float]
    drafts: Drafts = field(default_factory=Drafts)
    toolbox: Toolbox | None = None
    service_ends: bool = False
    model: SpokenModel = field(default_factory=lambda: SpokenModel())
    noted: ChatModel | None = None
    user: ToolUser | None = field(init=False)

    def __post_init__(self) -> None:
        has_tools = self.toolbox is not None and self.toolbox.specs
        self.user = ToolUser(self.noted or self.model, self.toolbox) if has_tools and self.toolbox else None

    def listen(self, tasks: asyncio.TaskGroup, on_partial: Callable[[str], None]) -> DirectTurn:
        return DirectTurn(self, self.colloquy.begin(on_partial))

    async def warm(self) -> None:
        await self.colloquy.warm()


class DirectTurn:
    """A `ports.Answerer`."""

    backlog_s = 0.0

    def __init__(self, direct: Direct, spoken: SpokenExchange) -> None:
        self._direct, self.spoken = direct, spoken
        self.pcm = bytearray()
        self._guessed = 0
        """Tokens that were estimated of what the service has not counted yet."""
        self._taken, self._known = 0, False

    def hear(self, frames: Sequence[AudioFrame]) -> None:
        pcm = b"".join(frame.pcm for frame in frames)
        self.pcm += pcm
        self.spoken.hear(pcm)

    def pause(self) -> None:
        self.spoken.pause()

    async def text(self) -> Heard:
        return await self.spoken.words()

    def heard_until(self, samples: int) -> None:
        self.spoken.heard_until(samples)

    def abandon(self) -> None:
        self.spoken.abandon()

    def draftable(self, made: int, *, early: bool = False) -> str | None:
        """It has no words of its own before a pause. A service that ends turns drafts by itself."""
        if early or not (self._direct.service_ends or self._direct.colloquy.withdraws):
            return None
        deep = self._direct.drafts.allowed(made, self._direct.clock()) in SPEAKS
        return "" if deep or self._direct.service_ends else None

    def withdrawn(self, tokens: int) -> str:
        return self._direct.drafts.withdrawn(tokens)

    @asynccontextmanager
    async def turn(self, ask: TurnRequest) -> AsyncIterator[AsyncIterator[Reply]]:
        async with answered(lambda put: self._work(ask, put)) as replies:
            yield replies

    async def _work(self, ask: TurnRequest, put: Put) -> None:
        self._taken, self._known = 0, ask.wanted.typed is not None or ask.wanted.says is not None
        try:
            ask.mark("asked")
            self._guessed = self._estimated(ask)
            await put(Usage(prompt_tokens=self._guessed))
            if (says := ask.wanted.says) is not None:
                await put(Text(says))
                await self.say(ask, put, says)
            else:
                await self._converse(ask, put)
        except Exception as exc:
            if isinstance(error := culprit(exc), RateLimitedError):
                self._direct.drafts.refused(self._direct.clock(), error.retry_after)
            raise

    def _estimated(self, ask: TurnRequest) -> int:
        """About how many tokens are sent, for the budget of drafts."""
        said = sum(estimate_tokens(each.content) for each in ask.messages(""))
        return said + round(TOKENS_A_SECOND * MIC.seconds(bytes(self.pcm)))

    async def take(self, ask: TurnRequest, put: Put, each: Answer, *, aloud: bool = False) -> None:
        """A piece of the answer, on its way to the person. With `aloud` the words are known already."""
        match each:
            case Heard():
                self._known = True
                await put(Heard(joined([ask.wanted.prefix, each.text]), each.unsure))
            case Text() if not aloud:
                ask.mark("first_token")
                ask.mark("first_piece")
                ask.mark("speech_asked")
                await put(each)
            case Sound():
                if each.pcm:
                    ask.mark("first_audio")
                await put(each)
                self._taken += len(each.pcm)
                if self._taken > UNBOUND or self._known:
                    await ask.room()
            case Usage():
                await put(Usage(each.prompt_tokens - self._guessed, each.completion_tokens))
                self._guessed = 0
            case ToolNews():
                await put(each)

    async def say(self, ask: TurnRequest, put: Put, text: str) -> None:
        """Has the service say `text`, word for word."""
        async with self.spoken.answer(AnswerWanted(says=text, tools=False)) as pieces:
            async for each in pieces:
                await self.take(ask, put, each, aloud=True)

    # -- tools and notes -----------------------------------------------------------------------------

    async def _converse(self, ask: TurnRequest, put: Put) -> None:
        """The model's answer, which tools and notes may be a part of."""
        direct, messages = self._direct, [*ask.messages(ask.wanted.typed or "")]
        turn = direct.model.turn = _Turn(self, ask, put, messages, tools=direct.user is not None)
        pending = direct.user.pending if direct.user is not None else None
        asked = pending is not None and bool(messages) and pending.heard_in(messages[-1].content)
        if ask.wanted.typed is not None:
            await self.take(ask, put, Heard(ask.wanted.typed))
        elif asked or direct.noted is not None:
            await turn.know(await self.spoken.words())
        async with self._asked(turn) as deltas:
            async for delta in deltas:
                if delta.news is not None:
                    await put(delta.news)
                if delta.text and not direct.model.speaks:
                    await put(Text(delta.text))
                    await self.say(ask, put, delta.text.strip())

    @asynccontextmanager
    async def _asked(self, turn: _Turn) -> AsyncIterator[AsyncIterator[ChatDelta]]:
        """The answer of the model with or without notes and tools. `turn.base` is the system prompt without notes."""
        direct, messages, options = self._direct, turn.messages, ChatOptions()
        model: ChatModel = direct.model
        if direct.noted is not None and turn.asks:
            model = direct.noted
        elif direct.noted is not None:
            told = "answered without the notes: the service does not tell what it heard"
            await turn.put(ToolNews("", "failed", told))
        if (user := direct.user) is None:
            turn.base = _system(messages)
            async with model.chat(messages, options) as deltas:
                yield deltas
            return
        user.model, turn.base = model, _system(reminded(messages, user.done))
        async with user.chat(messages, options, turn.ask.opened) as deltas:
            yield deltas


@dataclass(slots=True)
class _Turn:
    """A turn as tools and notes see it: `messages` gets the person's words as soon as they are known."""

    turn: DirectTurn
    ask: TurnRequest
    put: Put
    messages: list[ChatMessage]
    tools: bool
    base: str = ""
    known: Heard | None = None

    @property
    def asks(self) -> bool:
        """Whether it is known what the person asks."""
        return bool(self.ask.wanted.typed or (self.known and self.known.text))

    async def know(self, heard: Heard) -> None:
        if heard == self.known:
            return
        if heard.text and self.known is None:
            self.known = heard
            self.messages.append(ChatMessage("user", heard.text))
        await self.turn.take(self.ask, self.put, heard)


class SpokenModel:
    """A `ports.ChatModel` for `ToolUser` and notes: what the service says goes to the person directly, its calls to
    the tools. A system prompt that is not the conversation's own becomes the instructions of this one answer.

    `speaks`: the text that comes now was said by the service.
    """

    def __init__(self) -> None:
        self.speaks = False
        self.turn: _Turn | None = None

    def chat(self, messages: Sequence[ChatMessage], options: ChatOptions) -> Stream[ChatDelta]:
        return aclosing(self._deltas(messages, options))

    async def _deltas(self, messages: Sequence[ChatMessage], options: ChatOptions) -> AsyncGenerator[ChatDelta]:
        assert self.turn is not None, "a turn asks"
        it, calls, said = self.turn, list[ToolCall](), ""
        wanted, told = it.ask.wanted, _system(messages)
        asked = AnswerWanted(
            wanted.typed,
            prefix=wanted.prefix,
            results=results_in(messages),
            tools=bool(options.tools) or not it.tools,
            instructions="" if told == it.base else told,
        )
        usage: Usage | None = None
        async with it.turn.spoken.answer(asked) as pieces:
            async for each in pieces:
                match each:
                    case ToolCall():
                        calls.append(each)
                    case Heard():
                        await it.know(each)
                    case _:
                        await it.turn.take(it.ask, it.put, each)
                        usage = each if isinstance(each, Usage) else usage
                        if isinstance(each, Text):
                            said += each.text
                            self.speaks = True
                            yield ChatDelta(each.text)
                            self.speaks = False
        if not said and not calls:
            return
        yield ChatDelta(finish_reason="tool_calls" if calls else "stop", usage=usage, calls=tuple(calls))


def _system(messages: Sequence[ChatMessage]) -> str:
    return "\n\n".join(each.content for each in messages if each.role == "system")


def results_in(messages: Sequence[ChatMessage]) -> tuple[tuple[ToolCall, str], ...]:
    """What came of the calls that were made last, where nothing was said since."""
    results = {each.call_id: each.content for each in messages if each.role == "tool"}
    if not messages or messages[-1].role != "tool":
        return ()
    last = next(each for each in reversed(messages) if each.calls)
    return tuple((call, results[call.id]) for call in last.calls if call.id in results)
