"""`voice chat`: one question and its streamed answer, or a conversation on a terminal.

Belongs here: the flags, putting question, stdin, template and files together.
Does not belong here: asking (usecases.chatting), showing and the conversation's commands (the terminal).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.commands import session as common
from voicecli.commands.flags import Continue, NoTools, Private, SessionName, Tool, With, Yes
from voicecli.commands.session import Model, Session, System, Temperature, TopP, VoiceName
from voicecli.errors import InputError, UsageError
from voicecli.terminal import completing

if TYPE_CHECKING:
    from voicecli.backends.family import Capabilities
    from voicecli.types import ChatOptions
    from voicecli.usecases.attaching import Attached
    from voicecli.usecases.chatting.conversation import Chat
    from voicecli.usecases.chatting.tools import Tools
    from voicecli.usecases.noting import Noting
    from voicecli.usecases.speaking.aloud import Aloud
    from voicecli.wiring.services import Services

_Prompt = Annotated[list[str] | None, typer.Argument(metavar="[PROMPT]...", help="The question.")]
_MaxTokens = Annotated[
    int | None, typer.Option("--max-tokens", metavar="N", min=1, help="The longest answer, in tokens.")
]
_Stop = Annotated[
    list[str] | None, typer.Option("--stop", metavar="TEXT", help="End the answer before TEXT; repeatable.")
]
_Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="Ask for the same answer again.")]
_Answers = Annotated[
    int | None, typer.Option("-n", "--answers", metavar="N", min=1, help="Ask for several answers at once.")
]
_Category = Annotated[str | None, typer.Option("--category", metavar="NAME", help="The knowledge base to answer from.")]
_Template = Annotated[
    str | None,
    typer.Option(
        "-t",
        "--template",
        metavar="NAME",
        help="A text around the question: see above.",
        autocompletion=completing.templates,
    ),
]
_Schema = Annotated[
    Path | None, typer.Option("--schema", metavar="FILE", help="Answer in JSON that fits this JSON schema.")
]
_Attach = Annotated[
    list[Path] | None,
    typer.Option(
        "-a", "--attach", metavar="FILE", help="Send a text, picture or recording along; repeatable; - is stdin."
    ),
]
_Speak = Annotated[bool, typer.Option("--speak", help="Read the answer aloud as it is written.")]
_Plain = Annotated[bool, typer.Option("--plain", help="Show Markdown as it is, on a terminal too.")]
_Usage = Annotated[bool, typer.Option("-u", "--usage", help="Say on stderr how many tokens it took.")]


def chat(
    ctx: typer.Context,
    prompt: _Prompt = None,
    system: System = None,
    model: Model = None,
    temperature: Temperature = None,
    max_tokens: _MaxTokens = None,
    top_p: TopP = None,
    stop: _Stop = None,
    seed: _Seed = None,
    answers: _Answers = None,
    category: _Category = None,
    template: _Template = None,
    schema: _Schema = None,
    attach: _Attach = None,
    speak: _Speak = False,
    voice: VoiceName = None,
    plain: _Plain = False,
    usage: _Usage = False,
    continued: Continue = False,
    named: SessionName = None,
    private: Private = False,
    tool: Tool = None,
    no_tools: NoTools = False,
    yes: Yes = False,
    notes: With = None,
) -> None:
    """Ask a chat model; the answer streams to stdout. Without a question, on a terminal, it is a conversation.

    Examples:
      voice chat "Why is the sky blue?"
      cat notes.txt | voice chat "Summarise this."
      voice chat -a photo.png -a notes.txt "Do they fit together?"
      voice chat -s "You are a pirate." --temperature 1 --speak Hello
      voice chat -c "And at sunset?"
      voice chat --tool image_make "Draw a pig."
      voice chat --with ~/notes "When is the ferry?"
      voice chat --json "Name three rivers." | jq -r .text

    What is piped in comes before the question, with an empty line between. -t NAME reads templates/NAME beside
    the configuration, or a file; $input in it stands for the question. A recording is recognised first.

    --with FOLDER turns the texts in it into vectors ([use] embed), once, and gives the model those passages that fit
    the question best, which it cites by their files.
    """
    from voicecli.usecases.chatting.conversation import Chat
    from voicecli.usecases.chatting.keeping import Keeper
    from voicecli.usecases.chatting.question import framed

    session = common.session(ctx)
    asked: dict[str, Any] = {"model": model, "temperature": temperature, "max_tokens": max_tokens, "top_p": top_p}
    asked |= {"n": answers, "stop": tuple(stop or ()), "seed": seed, "category": category, "schema": _schema(schema)}
    can, options = _settled(session, asked)
    frame = _template(session, template)
    talks = not prompt and not template and _can_talk(session)
    question = "" if talks else framed(frame, _question(session, prompt or [], frame, attach or []))
    services, masked = session.services(), session.console.masked
    keeper = Keeper(services, "chat", masked, continued=continued, name=named, private=private)
    head = keeper.settle(system, services.config.chat.system, model)
    it = Chat(services, options, keeper, head, list(keeper.earlier))
    it.tools = _tools(services, can, options, tool or [], none=no_tools, yes=yes)
    shown = {"usage": usage, "plain": plain, "voice": voice if speak else None, "speak": speak}
    files = _attached(session, it, attach or [], private=private)
    with _noting(services, can, notes, private=private) as it.notes:
        _converse(session, it, files, shown, private=private) if talks else _ask(session, it, files, shown, question)


def _settled(session: Session, asked: Mapping[str, Any]) -> tuple[Capabilities, ChatOptions]:
    """Who answers, and what it is asked for: the settings where no flag spoke. UsageError for what it can't."""
    from voicecli import wiring
    from voicecli.types import ChatOptions

    options = ChatOptions(**asked)
    can, _ = session.choose("chat")
    session.check(can, "chat", options)
    return can, wiring.with_chat_settings(can, options, session.config(), session.console)


def _tools(
    services: Services, can: Capabilities, options: ChatOptions, only: list[str], *, none: bool, yes: bool
) -> Tools:
    """What the model may use: nothing where several answers are asked for, or one that fits a schema."""
    from voicecli.usecases.chatting.tools import Tools

    if only and (options.n or options.schema):
        flag = "--answers" if options.n else "--schema"
        raise UsageError(f"--tool does not go with {flag}", cure="Leave one of them out.")
    return Tools(services, can, only, none=none or bool(options.n or options.schema), yes=yes)


@contextmanager
def _noting(
    services: Services, can: Capabilities, paths: list[Path] | None, *, private: bool
) -> Iterator[Noting | None]:
    """The notes that the model is told of, read as far as they are new."""
    if not paths:
        yield None
        return
    from voicecli.usecases.noting import Noting

    with Noting(services, can, paths, private=private) as found:
        common.run(found.refresh)
        yield found


def _attached(session: Session, it: Chat, paths: list[Path], *, private: bool) -> Attached:
    """What goes along with a question. UsageError for pictures that the service does not take."""
    from voicecli.usecases.attaching import attached

    piped = not session.console.in_is_terminal
    files = common.run(lambda: attached(session.services(), paths, private=private, piped=piped))
    can, _ = it.services.choose("chat")
    it.services.check(can, "chat", replace(it.options, images=files.images))
    return files


def _ask(session: Session, it: Chat, files: Attached, shown: Mapping[str, Any], question: str) -> None:
    """One question, and no more."""
    from voicecli.terminal.answering import Asker

    answering = Asker(session.console, it, common.run, shown["usage"], shown["plain"])
    if shown["speak"]:
        answering.aloud = _aloud(session, shown["voice"])
    if it.tools:
        it.tools.give(files.paths)
    try:
        answering.ask(files.with_question(question), files.images)
    finally:
        it.keeper.close()


def _can_talk(session: Session) -> bool:
    """Whether there is a person to hold a conversation with."""
    console = session.console
    return console.in_is_terminal and console.out_is_terminal and not session.json


def _converse(session: Session, it: Chat, files: Attached, shown: Mapping[str, Any], *, private: bool) -> None:
    """A conversation, whose services stay open from turn to turn."""
    from voicecli.storage.typed import NAME
    from voicecli.terminal.answering import Asker
    from voicecli.terminal.chat_commands import FILES, OFFERED, Conversing
    from voicecli.terminal.conversing import converse
    from voicecli.terminal.prompt import Prompt
    from voicecli.usecases.chatting.keeping import Keeper

    console, config = session.console, it.services.config
    it.running = running = common.Running()
    answering = Asker(console, it, running.run, shown["usage"], shown["plain"])
    if shown["speak"]:
        answering.aloud = _aloud(session, shown["voice"], running)
    typed = config.state_dir / NAME if config.history.enabled and not private else None
    talk = Conversing(
        answering,
        files,
        lambda paths: _attached(session, it, paths, private=private),
        lambda voice: _aloud(session, voice, running),
        lambda: Keeper(it.services, "chat", console.masked, private=private),
        Prompt(OFFERED, typed, FILES, console.masked),
    )
    try:
        converse(talk)
    finally:
        running.close()
        it.keeper.close()


def _aloud(session: Session, voice: str | None, running: common.Running | None = None) -> Aloud:
    from voicecli.usecases.speaking.aloud import Aloud

    return Aloud(session.services(), common.voice_name(voice), running)


# -- what to ask -----------------------------------------------------------------------------------


def _question(session: Session, words: list[str], frame: str, attach: list[Path]) -> str:
    """What was piped in (unless it is attached), then what was said on the command line."""
    from voicecli.usecases.attaching import PIPED
    from voicecli.usecases.chatting.question import joined

    cure = 'Ask: voice chat "…", or pipe a text into it.'
    words, may_be_empty = [] if words == [str(PIPED)] else words, bool(frame or attach)
    if not words and session.console.in_is_terminal and not may_be_empty:
        raise UsageError("no question was given", cure=cure)
    piped = "" if PIPED in attach else session.console.piped_text().strip()
    question = joined(piped, " ".join(words).strip())
    if question and session.console.nothing_came:
        session.console.warn("nothing came through the pipe: the question is asked without it")
    if question or may_be_empty:
        return question
    raise InputError("the question is empty", cure=cure)


def _template(session: Session, name: str | None) -> str:
    """The text of `-t NAME`. Raises UsageError naming what there is."""
    from voicecli.config.files import TEMPLATES
    from voicecli.usecases.chatting.question import template
    from voicecli.usecases.inputs import read_text

    return template(session.config().config_dir / TEMPLATES, name, read_text) if name is not None else ""


def _schema(path: Path | None) -> Mapping[str, Any] | None:
    from voicecli.usecases.chatting.question import schema
    from voicecli.usecases.inputs import read_text

    return None if path is None else schema(path, read_text)
