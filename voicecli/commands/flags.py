"""Flags that several commands share, each with one meaning.

Belongs here: flags as Annotated aliases. Does not belong here: what they do, flags that every command has (session).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voicecli.terminal import completing

Tool = Annotated[
    list[str] | None,
    typer.Option(
        "--tool",
        metavar="NAME",
        help="Let the model use this tool, and only those named so; repeatable.",
        autocompletion=completing.tools,
    ),
]
NoTools = Annotated[bool, typer.Option("--no-tools", help="Let the model use no tools.")]
Yes = Annotated[bool, typer.Option("--yes", help="Allow every tool beforehand what it would ask for.")]
Continue = Annotated[bool, typer.Option("-c", "--continue", help="Go on with the last conversation, spoken or typed.")]
SessionName = Annotated[
    str | None,
    typer.Option("--session", metavar="NAME", help="Go on with the conversation NAME; a new one gets that name."),
]
Private = Annotated[bool, typer.Option("--private", help="Keep nothing of this run anywhere.")]
With = Annotated[
    list[Path] | None,
    typer.Option("--with", metavar="FOLDER", help="Answer from the texts in FOLDER, or from a file; repeatable."),
]
