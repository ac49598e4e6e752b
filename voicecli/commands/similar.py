"""`voice similar`: how near two texts are in meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.commands import media_work
from voicecli.commands import session as common
from voicecli.commands.session import Model, Output, Session
from voicecli.errors import InputError, UsageError
from voicecli.verbs import meaning

if TYPE_CHECKING:
    from voicecli.types import EmbedOptions


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
    from voicecli.types import EmbedOptions

    session = common.session(ctx)
    if a == b == media_work.STD:
        raise UsageError("stdin can be read once", cure="Give - once.")
    a, b = (session.console.piped_text() if each == media_work.STD else each for each in (a, b))
    if not a.strip() or not b.strip():
        raise InputError("one of the texts is empty")
    if output not in (None, media_work.STD):
        media_work.refuse_target(str(output))
    options = EmbedOptions(model)
    family, _ = session.choose("similar")
    session.check(family, "similar", options)
    found = common.run(lambda: _compared(session, a, b, options))
    if session.json:
        from voicecli.terminal.console import dump_json

        media_work.give(session, dump_json({"similarity": found}), output)
    else:
        media_work.give(session, f"{found:.4f}", output)


async def _compared(session: Session, a: str, b: str, options: EmbedOptions) -> float:
    async with session.open("similar") as comparer:
        with session.console.progress("comparing"):
            found: float = await comparer.similar(a, b, options)
    return found
