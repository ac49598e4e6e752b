"""`voice chat`: one question and its streamed answer, or a conversation on a terminal.

Belongs here: the flags, putting question, stdin, template and files together.
Does not belong here: asking and showing (turns), the conversation's commands (converse).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.commands import session as common
from voicecli.commands.keeping import Continue, Keeper, Private, SessionName
from voicecli.commands.noting import With
from voicecli.commands.session import Model, Session, System, Temperature, TopP, VoiceName
from voicecli.commands.tooling import NoTools, Tool, Yes
from voicecli.errors import InputError, UsageError
from voicecli.terminal import completing

if TYPE_CHECKING:
    from voicecli.backends.family import Capabilities
    from voicecli.commands.attach import Attached
    from voicecli.commands.noting import Noting
    from voicecli.commands.tooling import Tools
    from voicecli.commands.turns import Turns
    from voicecli.types import ChatOptions

PLACE = "$input"
"""Where a template takes the question; at its end where it has no such place."""


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
    session = common.session(ctx)
    asked: dict[str, Any] = {"model": model, "temperature": temperature, "max_tokens": max_tokens, "top_p": top_p}
    asked |= {"n": answers, "stop": tuple(stop or ()), "seed": seed, "category": category, "schema": _schema(schema)}
    family, options = _settled(session, asked)
    frame = _template(session, template)
    talks = not prompt and not template and _can_talk(session)
    question = "" if talks else _framed(frame, _question(session, prompt or [], frame, attach or []))
    keeper = Keeper(session, "chat", continued=continued, name=named, private=private)
    head = keeper.settle(system, session.config().chat.system, model)
    turns = _turns(session, options, keeper, head, usage=usage, plain=plain)
    turns.aloud = _aloud(session, voice) if speak else None
    turns.tools = _tools(session, family, options, tool, none=no_tools, yes=yes)
    files = _files(session, family, options, attach, private=private)
    with _noting(session, family, notes, private=private) as turns.notes:
        return _converse(turns, files, private) if talks else _ask(turns, files, question)


@contextmanager
def _noting(
    session: Session, family: Capabilities, paths: list[Path] | None, *, private: bool
) -> Iterator[Noting | None]:
    """The notes that the model is told of, read as far as they are new."""
    from voicecli.commands.noting import settled

    found = settled(session, session.config(), family, paths, private=private, cited="written")
    if found is None:
        yield None
        return
    with found:
        common.run(found.refresh)
        yield found


def _files(
    session: Session, family: Capabilities, options: ChatOptions, paths: list[Path] | None, *, private: bool
) -> Attached:
    """What goes along with the question. UsageError for pictures that the family does not take."""
    from voicecli.commands.attach import attached

    files = attached(session, paths or [], private=private)
    _check_images(family, options, files)
    return files


def _tools(
    session: Session, family: Capabilities, options: ChatOptions, only: list[str] | None, *, none: bool, yes: bool
) -> Tools:
    """What the model may use: nothing where several answers are asked for, or one that fits a schema."""
    from voicecli.commands.tooling import settled

    if only and (options.n or options.schema):
        flag = "--answers" if options.n else "--schema"
        raise UsageError(f"--tool does not go with {flag}", cure="Leave one of them out.")
    none = none or bool(options.n or options.schema)
    return settled(session, session.config(), family, only, none=none, yes=yes)


def _settled(session: Session, asked: Mapping[str, Any]) -> tuple[Capabilities, ChatOptions]:
    """Who answers, and what it is asked for: the settings where no flag spoke. UsageError for what it can't."""
    from voicecli import wiring
    from voicecli.types import ChatOptions

    options = ChatOptions(**asked)
    family, _ = session.choose("chat")
    session.check(family, "chat", options)
    return family, wiring.with_chat_settings(family, options, session.config(), session.console)


def _turns(session: Session, options: ChatOptions, keeper: Keeper, system: str, *, usage: bool, plain: bool) -> Turns:
    """The conversation so far, to go on with."""
    from voicecli.commands.turns import Turns

    return Turns(session, options, keeper, system, usage, plain, talk=list(keeper.earlier))


def _ask(turns: Turns, files: Attached, question: str) -> None:
    """One question, and no more."""
    if turns.tools:
        turns.tools.give(files.paths)
    try:
        turns.ask(files.with_question(question), files.images)
    finally:
        turns.keeper.close()


def _can_talk(session: Session) -> bool:
    """Whether there is a person to hold a conversation with."""
    console = session.console
    return console.in_is_terminal and console.out_is_terminal and not session.json


def _converse(turns: Any, files: Attached, private: bool) -> None:
    from voicecli.commands.converse import Converse

    Converse(turns, lambda: Keeper(turns.session, "chat", private=private), private=private, attached=files).run()


def _aloud(session: Session, voice: str | None) -> Any:
    from voicecli.usecases.speaking.aloud import Aloud

    return Aloud(session.services(), common.voice_name(voice))


def _check_images(family: Capabilities, options: ChatOptions, files: Attached) -> None:
    from dataclasses import replace

    from voicecli import wiring

    wiring.check_options(family, "chat", replace(options, images=files.images))


# -- what to ask -----------------------------------------------------------------------------------


def _question(session: Session, words: list[str], frame: str, attach: list[Path]) -> str:
    """What was piped in (unless it is attached), then what was said on the command line."""
    from voicecli.commands.attach import PIPED

    cure = 'Ask: voice chat "…", or pipe a text into it.'
    words, may_be_empty = [] if words == [str(PIPED)] else words, bool(frame or attach)
    if not words and session.console.in_is_terminal and not may_be_empty:
        raise UsageError("no question was given", cure=cure)
    parts = ["" if PIPED in attach else session.console.piped_text().strip(), " ".join(words).strip()]
    question = "\n\n".join(part for part in parts if part)
    if question or may_be_empty:
        return question
    raise InputError("the question is empty", cure=cure)


def _framed(frame: str, question: str) -> str:
    """The template with the question in its place."""
    if PLACE in frame:
        return frame.replace(PLACE, question)
    return "\n\n".join(part for part in (frame, question) if part)


def _template(session: Session, name: str | None) -> str:
    """The text of `-t NAME`. Raises UsageError naming what there is."""
    if name is None:
        return ""
    from voicecli.config.files import TEMPLATES

    folder = session.config().config_dir / TEMPLATES
    for path in (folder / name, folder / f"{name}.md", folder / f"{name}.txt", Path(name)):
        if path.is_file():
            return common.read_text(path).strip()
    known = sorted(each.stem for each in folder.glob("*") if each.is_file()) if folder.is_dir() else []
    there = f"There are: {', '.join(known)}." if known else f"Put files into {folder}."
    raise UsageError(f"there is no template '{name}'", cure=there)


def _schema(path: Path | None) -> Mapping[str, Any] | None:
    if path is None:
        return None
    import json

    try:
        found = json.loads(common.read_text(path))
    except (ValueError, RecursionError) as exc:
        raise InputError(f"is no JSON ({exc})", who=str(path), cure="Give it a JSON schema.") from None
    if not isinstance(found, dict):
        raise InputError("is no JSON schema", who=str(path), cure="A schema is an object.")
    return found
