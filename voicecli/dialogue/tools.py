"""A model with tools, as one model: it asks, the tools are used, it goes on, until there is an answer.

Belongs here: the rounds between a model and a toolbox, leave asked of the person, what is remembered of it.
Does not belong here: what any tool does, how a person is asked on a terminal, sound.

A draft never uses tools: what it may not do waits for the `gate`, which opens with the turn's end. Until then
nothing is changed here either, so a draft that is withdrawn leaves a question that was asked as it was.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace

from voicecli.dialogue.consent import Pending, answer_to
from voicecli.dialogue.courtesy import Verdict
from voicecli.dialogue.toolwords import (
    REMEMBERED,
    Memory,
    batches,
    memory_of,
    reminded,
    speaks_chinese,
    subject_of,
    told,
)
from voicecli.errors import culprit, task_group
from voicecli.ports import ChatModel, Toolbox, Warm
from voicecli.types import ChatDelta, ChatMessage, ChatOptions, ToolCall, ToolNews, ToolResult, Usage

Ask = Callable[[str, Sequence[ToolCall]], Awaitable[bool]]
"""Whether the person agrees to these calls, of which the text is the question."""
Gate = Callable[[], Awaitable[object]]
"""Returns when the turn has ended: from then on something may be done."""

ROUNDS = 8
"""How often tools may be used before an answer; then the model has to do without."""
DECLINED = ToolResult("The person declined. It was not done.", ok=False)
UNASKED = ToolResult("It was not done: the person has to be asked first. Call it again to ask.", ok=False)
UNTOLD = ToolResult(
    "It was not done: what the person would have to agree to is too long, or has too many signs, to be asked aloud. "
    "Call it with shorter and plainer arguments, or tell the person that 'voice chat' asks in writing.",
    ok=False,
)
STOPPED = "stopped before it was done"


class ToolUser:
    """`ChatModel` over another, that uses the tools which that one asks for.

    `ask(question, calls)` gets a person's yes to `calls`. Without it the question itself is the answer, and the yes
    is looked for in what the person says next. `pending` are the calls that wait for it.
    """

    def __init__(self, model: ChatModel, toolbox: Toolbox, ask: Ask | None = None) -> None:
        self.model, self.toolbox, self.ask = model, toolbox, ask
        self.pending: Pending | None = None
        self.done: deque[Memory] = deque(maxlen=REMEMBERED)
        """What tools did in this conversation, the last ones."""

    async def warm(self) -> None:
        """Opens the model's connection, where it has one."""
        if isinstance(self.model, Warm):
            await self.model.warm()

    @asynccontextmanager
    async def chat(
        self, messages: Sequence[ChatMessage], options: ChatOptions, gate: Gate | None = None
    ) -> AsyncIterator[AsyncIterator[ChatDelta]]:
        """The answer, with news of the tools that were used for it. Leaving the block stops a tool that works."""
        work = _Answering(self, messages, options, gate)
        async with AsyncExitStack() as stack, aclosing(work.deltas(stack)) as deltas:
            yield deltas

    def remember(self, call: ToolCall, what: str, state: str = "done") -> None:
        """Keeps what a call gave: later questions may be about it."""
        self.done.append(memory_of(call, what, state))


class _Answering:
    """One answer: what was said to the model so far, and what of it the person was told."""

    def __init__(
        self, user: ToolUser, messages: Sequence[ChatMessage], options: ChatOptions, gate: Gate | None
    ) -> None:
        self._user, self._box, self._options, self._gate = user, user.toolbox, options, gate
        self._messages, self._talk = messages, reminded(messages, user.done)
        self._chinese = speaks_chinese(messages)
        self._calls: tuple[ToolCall, ...] = ()
        self._text = self._reply = ""
        self._said = self._apart = False
        self._total: Usage | None = None
        self._usage: Usage | None = None
        self._finish: str | None = None
        self._shown: list[str] = []

    async def deltas(self, stack: AsyncExitStack) -> AsyncGenerator[ChatDelta, None]:
        """The answer. `stack` holds the model's stream: there is one at a time."""
        calls, decided = self._decided()
        for left in reversed(range(ROUNDS + 1)):
            if calls:
                async with aclosing(self._use(calls, decided)) as news:
                    async for each in news:
                        yield ChatDelta(news=each)
            async for delta in await self._asked(stack, tools=left > 0):
                if piece := self._take(delta):
                    yield piece
            await stack.aclose()
            if self._usage is not None:
                self._total = self._usage + (self._total or Usage())
            calls, decided = (self._calls if left else ()), {}
            pending = self._question(calls)
            if pending is not None and not pending.can_be_told:
                decided = dict.fromkeys(pending.asking, UNTOLD)
            elif pending is not None:
                # News first, so that no mark that the model left open swallows the question.
                yield ChatDelta(news=ToolNews(pending.calls[0].name, "asked", pending.question))
                self._apart = True
                yield ChatDelta(self._spaced(pending.question))
                await self._opened()
                self._user.pending = pending
                break
            elif not calls:
                break
        yield self._end()

    async def _opened(self) -> None:
        if self._gate is not None:
            await self._gate()

    # -- the model's words -------------------------------------------------------------------------

    async def _asked(self, stack: AsyncExitStack, *, tools: bool) -> AsyncIterator[ChatDelta]:
        """The model's stream, after all that was said and done."""
        self._calls, self._text, self._usage, self._apart = (), "", None, True
        options = replace(self._options, tools=tuple(self._box.specs) if tools else ())
        return await stack.enter_async_context(self._user.model.chat(self._talk, options))

    def _take(self, delta: ChatDelta) -> ChatDelta | None:
        """What of a piece the person gets at once; the rest is for the end, or for us."""
        self._calls = delta.calls or self._calls
        self._usage = delta.usage or self._usage
        self._finish = delta.finish_reason or self._finish
        self._text += delta.text
        piece = ChatDelta(self._spaced(delta.text), delta.reasoning, news=delta.news)
        return piece if piece != ChatDelta() else None

    def _spaced(self, text: str) -> str:
        """`text` as it follows what was said before tools were used."""
        if not text.strip():
            return text
        gap = "\n\n" if self._apart and self._said else ""
        self._apart, self._said = False, True
        self._reply += gap + text
        return gap + text

    def _end(self) -> ChatDelta:
        """How the answer ended, and what all of it cost. Where the model had no words: what there is to be seen."""
        finish = "stop" if self._finish in (None, "tool_calls", "function_call") else self._finish
        return ChatDelta("" if self._said else "\n".join(self._shown), "", finish, self._total)

    # -- leave ---------------------------------------------------------------------------------------

    def _decided(self) -> tuple[tuple[ToolCall, ...], Mapping[str, ToolResult | None]]:
        """The calls that waited for the person, and by their ids what was decided just now: None is a yes."""
        pending = self._user.pending
        answer = answer_to(pending, self._messages)
        if pending is None or answer not in (Verdict.YES, Verdict.NO):
            return (), {}
        return pending.calls, dict.fromkeys(pending.asking, None if answer is Verdict.YES else DECLINED)

    def _question(self, calls: Sequence[ToolCall]) -> Pending | None:
        """What is asked in the answer's own text, where nobody can be asked in another way."""
        if self._user.ask is not None:
            return None
        questions = {call.id: asked for call in calls if (asked := self._asks(call))}
        person = next((each.content for each in reversed(self._messages) if each.role == "user"), "")
        text = ("" if self._chinese else " ").join(questions.values())
        return Pending(tuple(calls), frozenset(questions), text, person, self._reply) if questions else None

    def _asks(self, call: ToolCall) -> str:
        return self._box.question(call, chinese=self._chinese)

    async def _leave(self, question: str, calls: Sequence[ToolCall]) -> ToolResult | None:
        """What the person says who can be asked here and now: None is a yes."""
        if self._user.ask is None:
            return UNASKED
        await self._opened()
        return None if await self._user.ask(question, calls) else DECLINED

    # -- work ------------------------------------------------------------------------------------------

    async def _use(
        self, calls: tuple[ToolCall, ...], decided: Mapping[str, ToolResult | None]
    ) -> AsyncGenerator[ToolNews, None]:
        """Uses the tools. For calls that are not `decided` the person is asked, where that is needed."""
        self._talk.append(ChatMessage("assistant", self._text.strip(), calls))
        for batch in batches(calls, lambda call: self._box.quick(call) and call.id not in decided):
            refusal = next((found for each in batch if (found := decided.get(each.id))), None)
            if question := " ".join(asked for each in batch if each.id not in decided and (asked := self._asks(each))):
                if self._user.ask is not None:
                    yield ToolNews(batch[0].name, "asked", question)
                refusal = await self._leave(question, batch)
            if refusal is not None:
                for each in batch:
                    self._talk.append(told(each, refusal))
                    yield ToolNews(each.name, "declined", subject_of(each))
                continue
            for each in batch:
                yield ToolNews(each.name, "working", subject_of(each), self._box.quick(each))
            await self._opened()
            self._user.pending = None
            for each, result in zip(batch, await self._run(batch), strict=True):
                yield self._over(each, result)

    async def _run(self, batch: tuple[ToolCall, ...]) -> list[ToolResult]:
        """The results of calls that run together. Cancelled, all of them are."""
        try:
            if len(batch) == 1:
                return [await self._box.use(batch[0])]
            async with task_group(culprit) as tasks:
                running = [tasks.create_task(self._box.use(call)) for call in batch]
            return [each.result() for each in running]
        except asyncio.CancelledError:
            for call in batch:
                self._user.remember(call, STOPPED, "stopped")
            raise

    def _over(self, call: ToolCall, result: ToolResult) -> ToolNews:
        """The model is told, and what may matter later is remembered."""
        quick = self._box.quick(call)
        self._talk.append(told(call, result))
        self._shown += [result.shown] if result.shown else []
        if result.ok and not quick:
            self._user.remember(call, result.shown or result.text)
        return ToolNews(call.name, "done" if result.ok else "failed", result.shown, quick)
