"""Flags that several commands share, each with one meaning.

Belongs here: flags as Annotated aliases, and dataclasses of flags. Does not belong here: what they do, flags that every
command has (session).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, TypeVar, get_type_hints

import typer
from typer.models import OptionInfo

from voicecli.terminal import completing

F = TypeVar("F")

Model = Annotated[
    str | None,
    typer.Option("-m", "--model", metavar="NAME", help="The model to use.", autocompletion=completing.models),
]
Language = Annotated[
    str | None, typer.Option("-l", "--language", metavar="CODE", help="The language: en, zh, de, en-US …")
]
System = Annotated[str | None, typer.Option("-s", "--system", metavar="TEXT", help="The system prompt.")]
VoiceName = Annotated[
    str | None,
    typer.Option(
        "--voice",
        metavar="NAME",
        help="The voice ('voice voices' lists them); @FILE reads it.",
        autocompletion=completing.voices,
    ),
]
Input = Annotated[
    str | None, typer.Option("-i", "--input", metavar="FILE", help="Read the input from FILE; - is stdin.")
]
Output = Annotated[
    str | None, typer.Option("-o", "--output", metavar="FILE", help="Write the result to FILE; - is stdout.")
]
Temperature = Annotated[
    float | None, typer.Option("--temperature", metavar="NUMBER", help="How freely the model chooses; 0 is strictest.")
]
TopP = Annotated[float | None, typer.Option("--top-p", metavar="NUMBER", help="Nucleus sampling, 0 to 1.")]
Hotword = Annotated[list[str] | None, typer.Option("--hotword", metavar="WORD", help="A word to expect; repeatable.")]
Copy = Annotated[bool, typer.Option("--copy", help="Put the text on the clipboard too.")]


def choice(name: str, words: str, help: str) -> OptionInfo:
    """An option that takes one of a few words, as "on|off|auto"; a shell completes them."""
    found: OptionInfo = typer.Option(name, metavar=words, help=help, autocompletion=completing.words(*words.split("|")))
    return found


@dataclass(frozen=True, slots=True)
class ConversationFlags:
    """What is kept of a conversation, and what its model may use."""

    continued: Annotated[
        bool, typer.Option("-c", "--continue", help="Go on with the last conversation, spoken or typed.")
    ] = False
    named: Annotated[
        str | None,
        typer.Option("--session", metavar="NAME", help="Go on with the conversation NAME; a new one gets that name."),
    ] = None
    private: Annotated[bool, typer.Option("--private", help="Keep nothing of this run anywhere.")] = False
    tool: Annotated[
        list[str] | None,
        typer.Option(
            "--tool",
            metavar="NAME",
            help="Let the model use this tool, and only those named so; repeatable.",
            autocompletion=completing.tools,
        ),
    ] = None
    no_tools: Annotated[bool, typer.Option("--no-tools", help="Let the model use no tools.")] = False
    yes: Annotated[bool, typer.Option("--yes", help="Allow every tool beforehand what it would ask for.")] = False
    notes: Annotated[
        list[Path] | None,
        typer.Option("--with", metavar="FOLDER", help="Answer from the texts in FOLDER, or from a file; repeatable."),
    ] = None


def taking(flags: type[F]) -> Callable[[Callable[[typer.Context, F], object]], Callable[..., object]]:
    """A command whose flags are the fields of the dataclass `flags`. Help shows those that it inherits last."""
    hints = {"ctx": typer.Context, **get_type_hints(flags, include_extras=True)}
    params = [Parameter("ctx", Parameter.POSITIONAL_OR_KEYWORD)]
    own_first = sorted(fields(flags), key=lambda each: each.name not in flags.__annotations__)  # type: ignore[arg-type]
    params += [Parameter(each.name, Parameter.KEYWORD_ONLY, default=each.default) for each in own_first]

    def made(work: Callable[[typer.Context, F], object]) -> Callable[..., object]:
        @wraps(work)
        def command(ctx: typer.Context, **given: object) -> object:
            return work(ctx, flags(**given))

        command.__annotations__ = hints
        command.__signature__ = Signature([each.replace(annotation=hints[each.name]) for each in params])  # type: ignore[attr-defined]
        del command.__wrapped__
        return command

    return made


def wished(options: type[F], flags: object, **others: object) -> F:
    """A verb's options: what the flags of the same names say, and `others`."""
    named = {each.name: getattr(flags, each.name) for each in fields(options) if hasattr(flags, each.name)}  # type: ignore[arg-type]
    return options(**named | others)
