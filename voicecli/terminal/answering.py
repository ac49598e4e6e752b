"""Answers on a terminal, in a pipe, as JSON, read aloud: what is shown of a turn, and how a person is asked meanwhile.

Belongs here: one question and its answer, to the user. Does not belong here: asking the model (usecases.chatting),
how Markdown looks, the commands of a conversation (conversing).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from voicecli.errors import VoiceError, task_group
from voicecli.usecases.chatting.answer import ChatAnswer, tokens_of

if TYPE_CHECKING:
    from voicecli.terminal.console import Console
    from voicecli.types import ChatDelta, Picture, ToolCall, ToolNews
    from voicecli.usecases.chatting.conversation import Chat
    from voicecli.usecases.speaking.aloud import Aloud


class View(Protocol):
    """How an answer is shown."""

    def write(self, text: str) -> None: ...

    def end(self) -> None:
        """What was written so far is finished: something else comes below it."""
        ...


PATIENT_S = 1.0
"""An answer that begins sooner needs no spinner."""
BAR = "  | "
"""Before each row of a value that a question cannot hold."""

Run = Callable[[Callable[[], Awaitable[None]]], None]


@dataclass
class Asker:
    """Asks questions of `chat` and shows the answers. `run` runs what is asynchronous to its end, under signals."""

    console: Console
    chat: Chat
    run: Run
    usage: bool = False
    plain: bool = False
    aloud: Aloud | None = None
    _view: View | None = None
    _waiting: ExitStack = field(default_factory=ExitStack)
    """A spinner, until something of the answer is there."""

    def __post_init__(self) -> None:
        console = self.console
        if console.in_is_terminal and console.err_is_terminal:
            self.chat.ask = self._agreed

    def ask(self, question: str, images: tuple[Picture, ...] = ()) -> ChatAnswer:
        """Asks, shows and keeps. Raises what went wrong, after what arrived was shown and kept."""
        answer = ChatAnswer()
        self._view = self._new_view()
        try:
            self.run(lambda: self._asked(question, images, answer))
        finally:
            self._finish(answer)
        if answer.warning:
            self.console.warn(answer.warning)
        answer.check(fits_schema=self.chat.options.schema is not None)
        return answer

    async def _asked(self, question: str, images: tuple[Picture, ...], answer: ChatAnswer) -> None:
        if self.aloud is None:
            await self._streamed(question, images, answer, lambda text: None)
            return
        said: asyncio.Queue[str | None] = asyncio.Queue()
        failure: VoiceError | None = None
        async with task_group() as tasks:
            tasks.create_task(self.aloud.say(_from(said)))
            try:
                await self._streamed(question, images, answer, said.put_nowait)
            except VoiceError as exc:  # what arrived is still read to its end
                failure = exc
            said.put_nowait(None)
        if failure is not None:
            raise failure

    async def _streamed(
        self, question: str, images: tuple[Picture, ...], answer: ChatAnswer, say: Callable[[str], object]
    ) -> None:
        try:
            if self._view:
                self._waiting.enter_context(self.console.progress(self.chat.model, after=PATIENT_S))
            async with self.chat.asked(question, images, answer) as deltas:
                async for delta in deltas:
                    if delta.text or delta.reasoning or delta.news:
                        self._waiting.close()
                    self._show(delta)
                    if delta.text:
                        say(delta.text)
        finally:
            self._waiting.close()
            if self._view:
                self._view.end()

    # -- showing -----------------------------------------------------------------------------------

    def _new_view(self) -> View | None:
        """Rendered for a person on a terminal, as it is for everything else, nothing where JSON comes at the end."""
        console = self.console
        if console.json:
            return None
        dumb = not console.out_is_terminal or console.env.get("TERM") == "dumb"
        if self.plain or dumb or self.chat.options.schema:
            return _Plain(console)
        from voicecli.terminal.markdown import MarkdownView

        return MarkdownView(console)

    def _show(self, delta: ChatDelta) -> None:
        if delta.news:
            self._tell(delta.news)
        if self._view and delta.reasoning:
            self.console.aside(delta.reasoning)
        if self._view and delta.text:
            self._view.write(delta.text)

    def _tell(self, news: ToolNews) -> None:
        from voicecli.terminal.audience import tool_line

        of_service = not (news.name or news.quick)  # it takes no tools
        if of_service and not (self.chat.tools and self.chat.tools.asked_for):
            self.console.detail(news.text)
            return
        if self._view:
            self._view.end()
        wrong = news.state == "failed" and not news.text  # a wrong call is between the model and the tool
        if not self.console.json and not wrong and (line := tool_line(news)):
            self.console.note(line)

    def _finish(self, answer: ChatAnswer) -> None:
        """Ends the open line, or prints the answer as JSON; then tells its tokens, where --usage asks for them."""
        console, notes = self.console, self.chat.notes
        if not console.json:
            console.end_line()
        else:
            if notes and notes.trouble:
                console.warn(notes.trouble)
            if answer.complete or answer.text or answer.reasoning:
                console.json_line(answer)
        if self.usage and answer.complete:
            console.usage(console.say(tokens_of(answer.usage, self.chat.services.choose("chat")[1].price)))

    async def _agreed(self, question: str, calls: Sequence[ToolCall]) -> bool:
        """Whether the person allows it, asked below what is written so far; anything but a yes is a no.

        What the question cannot hold of the calls stands above it, whole.
        """
        from voicecli.dialogue.courtesy import Verdict, verdict
        from voicecli.terminal.asking import ask
        from voicecli.toolbox.arguments import written_out

        self._waiting.close()
        if self._view:
            self._view.end()
        for line in (line for call in calls for line in written_out(call)):
            for row in _rows(line, self.console.size()[0] - 1):
                self.console.usage(row)
        said = await ask(self.console, f"{question} [y/N]")
        return said.casefold() == "y" or verdict(said, question, typed=True) is Verdict.YES


def _rows(line: str, width: int) -> list[str]:
    """`line` in rows, all of them behind its bar where it has one: none may look like another argument."""
    from voicecli.text.width import wrapped

    head = BAR if line.startswith(BAR) else ""
    return [head + row for row in wrapped(line.removeprefix(head), max(1, width - len(head))).split("\n")]


async def _from(said: asyncio.Queue[str | None]) -> AsyncGenerator[str]:
    while (text := await said.get()) is not None:
        yield text


class _Plain:
    """An answer as it arrives."""

    def __init__(self, console: Console) -> None:
        self.write = console.write

    def end(self) -> None:
        """The line is ended when everything is."""
