"""`voice chat`: one question, one streamed answer.

Belongs here: the flags, putting question and stdin together, showing the answer as it arrives.
Does not belong here: how a service is spoken to, or what colour anything has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.commands import common
from voicecli.commands.common import Model, Session, System, Temperature, TopP
from voicecli.commands.keeping import Continue, Keeper, Private, SessionName
from voicecli.errors import InputError, ServiceError, UsageError

if TYPE_CHECKING:
    from voicecli.types import ChatDelta, ChatMessage, ChatOptions, Usage

CUT_OFF = {
    "length": "the answer was cut off at the length limit; --max-tokens raises it",
    "content_filter": "the service's filter cut the answer off",
}
"""What a finish_reason other than the ordinary ones means to a person."""


def chat(
    ctx: typer.Context,
    prompt: Annotated[list[str] | None, typer.Argument(metavar="[PROMPT]...", help="The question.")] = None,
    system: System = None,
    model: Model = None,
    temperature: Temperature = None,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", metavar="N", min=1, help="The longest answer, in tokens.")
    ] = None,
    top_p: TopP = None,
    stop: Annotated[
        list[str] | None, typer.Option("--stop", metavar="TEXT", help="End the answer before TEXT; repeatable.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Ask for the same answer again.")] = None,
    answers: Annotated[
        int | None, typer.Option("-n", "--answers", metavar="N", min=1, help="Ask for several answers at once.")
    ] = None,
    category: Annotated[
        str | None, typer.Option("--category", metavar="NAME", help="The knowledge base to answer from.")
    ] = None,
    usage: Annotated[bool, typer.Option("-u", "--usage", help="Say on stderr how many tokens it took.")] = False,
    continued: Continue = False,
    named: SessionName = None,
    private: Private = False,
) -> None:
    """Ask a chat model; the answer streams to stdout.

    Examples:
      voice chat "Why is the sky blue?"
      cat notes.txt | voice chat "Summarise this."
      voice chat -s "You are a pirate." --temperature 1 Hello
      voice chat -c "And at sunset?"
      voice chat --json "Name three rivers." | jq -r .text

    What is piped in comes before the question, with an empty line between.
    """
    from voicecli import wiring
    from voicecli.types import ChatOptions

    session = common.session(ctx)
    options = ChatOptions(
        model=model,
        temperature=temperature,
        max_tokens=max_tokens,
        top_p=top_p,
        n=answers,
        stop=tuple(stop or ()),
        seed=seed,
        category=category,
    )
    family, _ = session.choose("chat")
    session.check(family, "chat", options)
    options = wiring.with_chat_settings(family, options, session.config(), session.console)
    keeper = Keeper(session, "chat", continued=continued, name=named, private=private)
    system = keeper.settle(system, session.config().chat.system, model)
    messages = _messages(_question(session, prompt or []), system, keeper.earlier)
    answer = Answer()
    try:
        common.run(lambda: _ask(session, _within(session, messages), options, answer))
    finally:
        try:
            _finish(session, answer, usage)
        finally:
            _keep(keeper, messages, answer)
    _judge(session, answer)


def _question(session: Session, words: list[str]) -> str:
    """What was piped in, then what was said on the command line."""
    if not words and session.console.in_is_terminal:
        raise UsageError("no question was given", cure='Ask: voice chat "…", or pipe a text into it.')
    parts = [session.console.piped_text().strip(), " ".join(words).strip()]
    if question := "\n\n".join(part for part in parts if part):
        return question
    raise InputError("the question is empty", cure='Ask: voice chat "…", or pipe a text into it.')


def _messages(question: str, system: str, earlier: Sequence[ChatMessage] = ()) -> list[ChatMessage]:
    from voicecli.types import ChatMessage

    head = [ChatMessage("system", system)] if system.strip() else []
    return [*head, *earlier, ChatMessage("user", question)]


def _within(session: Session, messages: list[ChatMessage]) -> list[ChatMessage]:
    """What is sent of a conversation that goes on: the newest, within `[chat] max_history_tokens`."""
    from voicecli.dialogue.history import trim

    return list(trim(messages, session.config().chat.max_history_tokens))


def _keep(keeper: Keeper, messages: list[ChatMessage], answer: Answer) -> None:
    """What came of an answer is kept with its question. Asked again after a failure, a question is there once."""
    from voicecli.types import ChatMessage

    if answer.text.strip():
        keeper.sync([*messages, ChatMessage("assistant", answer.text)], interrupted=not answer.complete)
    keeper.close()


@dataclass
class Answer:
    """What has arrived so far."""

    text: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    complete: bool = False

    def take(self, delta: ChatDelta) -> None:
        self.text += delta.text
        self.reasoning += delta.reasoning
        self.finish_reason = delta.finish_reason or self.finish_reason
        self.usage = delta.usage or self.usage


async def _ask(session: Session, messages: list[ChatMessage], options: ChatOptions, answer: Answer) -> None:
    async with session.open("chat") as model, model.chat(messages, options) as deltas:
        async for delta in deltas:
            answer.take(delta)
            if not session.json:
                _show(session, delta)
    answer.complete = True


def _show(session: Session, delta: ChatDelta) -> None:
    if delta.reasoning:
        session.console.aside(delta.reasoning)
    if delta.text:
        session.console.write(delta.text)


def _finish(session: Session, answer: Answer, usage: bool) -> None:
    """Ends the line, whole answer or not: what arrived is kept."""
    console = session.console
    if session.json and (answer.complete or answer.text or answer.reasoning):
        console.json_line(answer)
    elif not session.json:
        console.end_line()
    if usage and answer.complete:
        console.usage(_tokens(answer.usage))


def _tokens(usage: Usage | None) -> str:
    if usage is None:
        return "usage: the service did not say"
    total = usage.prompt_tokens + usage.completion_tokens
    return f"usage: {usage.prompt_tokens} tokens asked + {usage.completion_tokens} answered = {total}"


def _judge(session: Session, answer: Answer) -> None:
    if warning := CUT_OFF.get(answer.finish_reason or ""):
        session.console.warn(f"{warning}.")
    if not answer.text.strip():
        raise ServiceError("the answer was empty", who="chat")
