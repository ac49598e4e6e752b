"""`voice similar`: how near two texts are in meaning."""

from __future__ import annotations

from typing import Annotated

import typer

from voicecli.commands import session as common
from voicecli.commands.flags import Model, Output
from voicecli.errors import InputError, UsageError
from voicecli.verbs import meaning


def similar(
    ctx: typer.Context,
    a: Annotated[str, typer.Argument(metavar="A", help=meaning("similar", "a") + " - is stdin.")],
    b: Annotated[str, typer.Argument(metavar="B", help=meaning("similar", "b") + " - is stdin.")],
    output: Output = None,
    model: Model = None,
) -> None:
    """Tell how near two texts are in meaning.

    Examples:
      voice similar "python programming" "learn python"
      voice similar "good morning" "早上好" --json | jq .similarity
      voice similar "a poem about autumn" - < poem.txt

    The number is on the service's own scale: usually 1 is the same, and 0 has nothing to do with it.
    """
    from voicecli.terminal import results
    from voicecli.text.decoding import exact_text
    from voicecli.types import EmbedOptions
    from voicecli.usecases.inputs import STD
    from voicecli.usecases.meaning import compared
    from voicecli.usecases.writing import refuse_target

    session, options = common.session(ctx), EmbedOptions(model)
    if a == b == STD:
        raise UsageError("stdin can be read once", cure="Give - once.")
    a, b = (exact_text(session.console.piped_bytes(), "stdin") if each == STD else each for each in (a, b))
    if not a.strip() or not b.strip():
        raise InputError("one of the texts is empty")
    refuse_target(output)
    session.check("similar", options)
    found = common.run(lambda: compared(session.services(), a, b, options))
    results.give(session.console, f"{found:.4f}", output, {"similarity": found})
