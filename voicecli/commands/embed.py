"""`voice embed`: texts to vectors, as lines of JSON or as a NumPy array.

Belongs here: the flags, and what a terminal is shown. Does not belong here: batches, formats (usecases.meaning).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.commands import session as common
from voicecli.commands.flags import Input, Model, Output
from voicecli.commands.session import Session
from voicecli.verbs import meaning

if TYPE_CHECKING:
    from voicecli.types import EmbedOptions

SHOWN = 4
"""Numbers of a vector that a person is shown, who cannot read hundreds."""


def embed(
    ctx: typer.Context,
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]...", help=meaning("embed", "texts") + " - is stdin, a text a line."),
    ] = None,
    input: Input = None,
    output: Output = None,
    model: Model = None,
) -> None:
    """Turn texts into vectors.

    Examples:
      voice embed "hello world" "good morning"
      voice embed - < notes.txt | jq -c .vector
      voice embed -i notes.txt -o vectors.npy

    Each text becomes a line of JSON: {"text": …, "vector": […]}. A file that ends with .npy is an array for NumPy, a
    row of float32 for each text. Blank lines are left out. A terminal is shown how each vector begins.
    """
    from voicecli.terminal import given
    from voicecli.types import EmbedOptions
    from voicecli.usecases.inputs import STD
    from voicecli.usecases.writing import refuse_target

    session, options = common.session(ctx), EmbedOptions(model)
    refuse_target(output, input)
    target = None if output in (None, STD) else Path(str(output))
    session.check("embed", options)
    found = given.lines(session.console, texts, input)
    common.run(lambda: _embedded(session, found, options, target))


async def _embedded(session: Session, texts: list[str], options: EmbedOptions, target: Path | None) -> None:
    from voicecli.text.jsonline import dump_json
    from voicecli.usecases.meaning import JsonLines, embedded, vector_file

    if target:
        with vector_file(target, session.services(), dump_json) as sink:
            await embedded(session.services(), texts, options, sink)
    elif session.console.out_is_terminal and not session.json:
        await embedded(session.services(), texts, options, JsonLines(lambda entry: _show(session, entry)))
    else:
        await embedded(session.services(), texts, options, JsonLines(session.console.json_line))


def _show(session: Session, entry: Mapping[str, Any]) -> None:
    """The beginning of a vector; -o, a pipe and --json have all of it."""
    vector = entry["vector"]
    some = ", ".join(f"{each:.4f}" for each in vector[:SHOWN])
    session.console.result(f"{entry['text']}: [{some}, …] {len(vector):,} numbers")
