"""One question and its streamed answer: asking, showing, reading aloud, keeping.

Belongs here: what `voice chat` does once or many times. Does not belong here: flags, the terminal's commands.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from voicecli.commands import session as common
from voicecli.commands import tooling
from voicecli.errors import ProtocolError, ServiceError, VoiceError, only

if TYPE_CHECKING:
    from voicecli.commands.keeping import Keeper
    from voicecli.commands.noting import Noting
    from voicecli.commands.session import Running, Session
    from voicecli.types import ChatDelta, ChatMessage, ChatOptions, Picture, ToolCall, ToolNews, Usage
    from voicecli.usecases.speaking.aloud import Aloud

CUT_OFF = {
    "length": "the answer was cut off at the length limit; --max-tokens raises it",
    "content_filter": "the service's filter cut the answer off",
}
"""What a finish_reason other than the ordinary ones means to a person."""


@dataclass
class Answer:
    """What has arrived so far."""

    text: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    complete: bool = False
    tools: list[dict[str, str]] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)

    def take(self, delta: ChatDelta) -> None:
        self.text += delta.text
        self.reasoning += delta.reasoning
        self.finish_reason = delta.finish_reason or self.finish_reason
        self.usage = delta.usage or self.usage
        if delta.news and delta.news.name and delta.news.state in tooling.ENDED:
            self.tools.append(tooling.noted(delta.news))


@dataclass
class Turns:
    """A conversation, turn by turn. `talk` is all of it but the system prompt; `running` keeps services open.

    `user` is the model that uses `tools`: it remembers what they did as long as the conversation goes on.
    """

    session: Session
    options: ChatOptions
    keeper: Keeper
    system: str = ""
    usage: bool = False
    plain: bool = False
    aloud: Aloud | None = None
    talk: list[ChatMessage] = field(default_factory=list)
    running: Running | None = None
    tools: tooling.Tools | None = None
    user: Any = None
    notes: Noting | None = None
    _show: _View | None = None

    def ask(self, question: str, images: tuple[Picture, ...] = ()) -> Answer:
        """Asks, shows and keeps. Raises what went wrong, after what arrived was kept; the turn then stands
        in `talk` only as far as there is an answer."""
        from voicecli.types import ChatMessage

        asked = [*self.talk, ChatMessage("user", question)]
        head = [ChatMessage("system", self.system)] if self.system.strip() else []
        options = replace(self.options, images=images)
        answer = Answer()
        self._show = show = self._view()
        try:
            run = self.running.run if self.running else common.run
            run(lambda: self._asked(self._within([*head, *asked]), options, answer, show))
        finally:
            try:
                self._finish(answer)
            finally:
                self._keep(asked, answer)
        self._judge(answer)
        return answer

    def _within(self, messages: list[ChatMessage]) -> list[ChatMessage]:
        """What is sent of a conversation that goes on: the newest, within `[chat] max_history_tokens`."""
        from voicecli.dialogue.history import trim

        return list(trim(messages, self.session.config().chat.max_history_tokens))

    def _keep(self, asked: Sequence[ChatMessage], answer: Answer) -> None:
        """What came of an answer is kept with its question. Asked again after a failure, a question is there once."""
        from voicecli.types import ChatMessage

        if answer.text.strip():
            self.talk = [*asked, ChatMessage("assistant", answer.text)]
            self.keeper.sync(self.talk, interrupted=not answer.complete)

    # -- asking ------------------------------------------------------------------------------------

    async def _asked(
        self, messages: list[ChatMessage], options: ChatOptions, answer: Answer, show: _View | None
    ) -> None:
        if self.aloud is None:
            await self._streamed(messages, options, answer, show, lambda text: None)
            return
        said: asyncio.Queue[str | None] = asyncio.Queue()
        failure: VoiceError | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.aloud.say(_from(said)))
                try:
                    await self._streamed(messages, options, answer, show, said.put_nowait)
                except VoiceError as exc:  # what arrived is still read to its end
                    failure = exc
                said.put_nowait(None)
        except BaseExceptionGroup as group:
            raise only(group) from None
        if failure is not None:
            raise failure

    async def _streamed(
        self,
        messages: list[ChatMessage],
        options: ChatOptions,
        answer: Answer,
        show: _View | None,
        say: Callable[[str], Any],
    ) -> None:
        try:
            async with self._model() as model, model.chat(messages, options) as deltas:
                async for delta in deltas:
                    answer.take(delta)
                    if delta.news:
                        self._tell(delta.news)
                    if delta.reasoning and show:
                        self.session.console.aside(delta.reasoning)
                    if delta.text and show:
                        show.write(delta.text)
                    if delta.text:
                        say(delta.text)
            answer.complete = True
        finally:
            if show:
                show.end()

    @asynccontextmanager
    async def _model(self) -> AsyncIterator[Any]:
        """The opened chat model: one for the whole of a conversation, so that its connection stays warm."""
        if self.running is None:
            async with self._chat() as model, self._toolbox() as toolbox:
                yield self._with_tools(model, toolbox)
            return
        model = await self.running.kept("chat", self._chat)
        toolbox = await self.running.kept("tools", self._toolbox)
        self.user = self.user or self._with_tools(model, toolbox)
        yield self.user

    def _chat(self) -> AbstractAsyncContextManager[Any]:
        """The model, told of the notes where there are some."""
        opening = self.session.open("chat")
        return self.notes.told(opening) if self.notes else opening

    def _toolbox(self) -> AbstractAsyncContextManager[Any]:
        return self.tools.opened() if self.tools else nullcontext()

    def _with_tools(self, model: Any, toolbox: Any) -> Any:
        """The model itself where it has none."""
        return self.tools.at_the_terminal(model, toolbox, self._agreed) if self.tools and toolbox else model

    async def _agreed(self, question: str, calls: Sequence[ToolCall]) -> bool:
        """Whether the person allows it, asked below what is written so far."""
        if self._show:
            self._show.end()
        return await tooling.agreed(self.session, question, calls)

    def _tell(self, news: ToolNews) -> None:
        of_service = not (news.name or news.quick)  # it takes no tools
        if of_service and not (self.tools and self.tools.asked_for):
            self.session.console.detail(news.text)
            return
        if self._show:
            self._show.end()
        tooling.shown(self.session, news)

    # -- showing -----------------------------------------------------------------------------------

    def _view(self) -> _View | None:
        """Rendered for a person on a terminal, as it is for everything else, nothing where JSON comes at the end."""
        console = self.session.console
        if self.session.json:
            return None
        if self.plain or not console.out_is_terminal or console.env.get("TERM") == "dumb" or self.options.schema:
            return _Plain(console)
        from voicecli.terminal.markdown import MarkdownView

        return MarkdownView(console)

    def _finish(self, answer: Answer) -> None:
        """Ends the line, whole answer or not: what arrived is kept."""
        console = self.session.console
        answer.notes = self.notes.used() if self.notes else []
        if self.session.json and (answer.complete or answer.text or answer.reasoning):
            console.json_line(answer)
        elif not self.session.json:
            console.end_line()
        if self.usage and answer.complete:
            console.usage(_tokens(answer.usage))

    def _judge(self, answer: Answer) -> None:
        if warning := CUT_OFF.get(answer.finish_reason or ""):
            self.session.console.warn(f"{warning}.")
        if not answer.text.strip():
            raise ServiceError("the answer was empty", who="chat")
        if self.options.schema is not None:
            _check_json(answer.text)


def _check_json(text: str) -> None:
    import json

    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise ProtocolError(
            "the answer is not the JSON that --schema asks for", who="chat", cure="Try a model that knows schemas."
        ) from None


async def _from(said: asyncio.Queue[str | None]) -> AsyncGenerator[str]:
    while (text := await said.get()) is not None:
        yield text


class _Plain:
    """An answer as it arrives."""

    def __init__(self, console: Any) -> None:
        self.write = console.write

    def end(self) -> None:
        """The line is ended when everything is."""


_View = Any


def _tokens(usage: Usage | None) -> str:
    if usage is None:
        return "usage: the service did not say"
    total = usage.prompt_tokens + usage.completion_tokens
    return f"usage: {usage.prompt_tokens} tokens asked + {usage.completion_tokens} answered = {total}"
