"""`voice chat`: one question and its streamed answer, or a conversation on a terminal.

Belongs here: the flags, putting question, stdin, template and files together.
Does not belong here: asking (usecases.chatting), showing and the conversation's commands (the terminal).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.commands import session as common
from voicecli.commands.flags import ConversationFlags, Model, System, Temperature, TopP, VoiceName, taking, wished
from voicecli.commands.session import Session
from voicecli.errors import InputError, UsageError
from voicecli.terminal import completing

if TYPE_CHECKING:
    from voicecli.backends.family import Capabilities
    from voicecli.terminal.running import Running
    from voicecli.types import ChatOptions
    from voicecli.usecases.attaching import Attached
    from voicecli.usecases.chatting.conversation import Chat
    from voicecli.usecases.chatting.tools import Tools
    from voicecli.usecases.noting import Noting
    from voicecli.usecases.speaking.aloud import Aloud
    from voicecli.wiring.services import Services


@dataclass(frozen=True, slots=True)
class ChatFlags(ConversationFlags):
    """The flags of `voice chat`."""

    prompt: Annotated[list[str] | None, typer.Argument(metavar="[PROMPT]...", help="The question.")] = None
    system: System = None
    model: Model = None
    temperature: Temperature = None
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", metavar="N", min=1, help="The longest answer, in tokens.")
    ] = None
    top_p: TopP = None
    stop: Annotated[
        list[str] | None, typer.Option("--stop", metavar="TEXT", help="End the answer before TEXT; repeatable.")
    ] = None
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Ask for the same answer again.")] = None
    answers: Annotated[
        int | None, typer.Option("-n", "--answers", metavar="N", min=1, help="Ask for several answers at once.")
    ] = None
    category: Annotated[
        str | None, typer.Option("--category", metavar="NAME", help="The knowledge base to answer from.")
    ] = None
    template: Annotated[
        str | None,
        typer.Option(
            "-t",
            "--template",
            metavar="NAME",
            help="A text around the question: see above.",
            autocompletion=completing.templates,
        ),
    ] = None
    schema: Annotated[
        Path | None, typer.Option("--schema", metavar="FILE", help="Answer in JSON that fits this JSON schema.")
    ] = None
    attach: Annotated[
        list[Path] | None,
        typer.Option(
            "-a", "--attach", metavar="FILE", help="Send a text, picture or recording along; repeatable; - is stdin."
        ),
    ] = None
    speak: Annotated[bool, typer.Option("--speak", help="Read the answer aloud as it is written.")] = False
    voice: VoiceName = None
    plain: Annotated[bool, typer.Option("--plain", help="Show Markdown as it is, on a terminal too.")] = False
    usage: Annotated[bool, typer.Option("-u", "--usage", help="Say on stderr how many tokens it took.")] = False


@taking(ChatFlags)
def chat(ctx: typer.Context, flags: ChatFlags) -> None:
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
    can, options = _settled(session, flags)
    frame = _template(session, flags.template)
    talks = not flags.prompt and not flags.template and _can_talk(session)
    question = "" if talks else framed(frame, _question(session, flags.prompt or [], frame, flags.attach or []))
    services, masked = session.services(), session.console.masked
    keeper = Keeper(services, "chat", masked, continued=flags.continued, name=flags.named, private=flags.private)
    head = keeper.settle(flags.system, services.config.chat.system, flags.model)
    it = Chat(services, options, keeper, head, list(keeper.earlier))
    it.tools = _tools(services, can, options, flags)
    files = _attached(session, it, flags.attach or [], private=flags.private)
    with _noting(services, can, flags.notes, private=flags.private) as it.notes:
        _converse(session, it, files, flags) if talks else _ask(session, it, files, flags, question)


def _settled(session: Session, flags: ChatFlags) -> tuple[Capabilities, ChatOptions]:
    """The chat backend, and the options of the request: flags, else settings. UsageError: the backend lacks one."""
    from voicecli import wiring
    from voicecli.types import ChatOptions
    from voicecli.usecases.chatting.question import schema

    fits = None if flags.schema is None else schema(flags.schema)
    options = wished(ChatOptions, flags, n=flags.answers, stop=tuple(flags.stop or ()), schema=fits)
    session.check("chat", options)
    can, _ = session.choose("chat")
    return can, wiring.with_chat_settings(can, options, session.config(), session.console)


def _tools(services: Services, can: Capabilities, options: ChatOptions, flags: ChatFlags) -> Tools:
    """The tools that the model is offered; none with --answers and --schema. UsageError: --tool beside one."""
    from voicecli.usecases.chatting.tools import Tools

    if flags.tool and (options.n or options.schema):
        flag = "--answers" if options.n else "--schema"
        raise UsageError(f"--tool does not go with {flag}", cure="Leave one of them out.")
    none = flags.no_tools or bool(options.n or options.schema)
    return Tools(services, can, flags.tool or [], none=none, yes=flags.yes)


@contextmanager
def _noting(
    services: Services, can: Capabilities, paths: list[Path] | None, *, private: bool
) -> Iterator[Noting | None]:
    """Opens the notes of --with, and reads those that are new; None without --with."""
    if not paths:
        yield None
        return
    from voicecli.usecases.noting import Noting

    with Noting(services, can, paths, private=private) as found:
        common.run(found.refresh)
        yield found


def _attached(session: Session, it: Chat, paths: list[Path], *, private: bool) -> Attached:
    """Reads the files that go along with a question. UsageError: the service takes no pictures."""
    from voicecli.usecases.attaching import attached

    piped = not session.console.in_is_terminal
    files = common.run(lambda: attached(session.services(), paths, private=private, piped=piped))
    can, _ = it.services.choose("chat")
    it.services.check(can, "chat", replace(it.options, images=files.images))
    return files


def _ask(session: Session, it: Chat, files: Attached, flags: ChatFlags, question: str) -> None:
    """Asks one question and shows the answer."""
    from voicecli.terminal.answering import Asker

    answering = Asker(session.console, it, common.run, flags.usage, flags.plain)
    if flags.speak:
        answering.aloud = _aloud(session, flags.voice)
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


def _converse(session: Session, it: Chat, files: Attached, flags: ChatFlags) -> None:
    """Holds a conversation; its services stay open from turn to turn."""
    from voicecli.storage.typed import NAME
    from voicecli.terminal.answering import Asker
    from voicecli.terminal.conversing import FILES, OFFERED, Conversing, converse
    from voicecli.terminal.prompt import Prompt
    from voicecli.terminal.running import Running
    from voicecli.usecases.chatting.keeping import Keeper

    console, config = session.console, it.services.config
    it.running = running = Running()
    answering = Asker(console, it, running.run, flags.usage, flags.plain)
    if flags.speak:
        answering.aloud = _aloud(session, flags.voice, running)
    typed = config.state_dir / NAME if config.history.enabled and not flags.private else None
    talk = Conversing(
        answering,
        files,
        lambda paths: _attached(session, it, paths, private=flags.private),
        lambda voice: _aloud(session, voice, running),
        lambda: Keeper(it.services, "chat", console.masked, private=flags.private),
        Prompt(OFFERED, typed, FILES, console.masked),
    )
    try:
        converse(talk)
    finally:
        running.close()
        it.keeper.close()


def _aloud(session: Session, voice: str | None, running: Running | None = None) -> Aloud:
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

    return template(session.config().config_dir / TEMPLATES, name) if name is not None else ""
