"""`voice models`: what `--model` may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from voicecli.commands import session as common
from voicecli.commands.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence


def models(ctx: typer.Context) -> None:
    """List the models that a backend offers, one a line.

    Examples:
      voice models
      voice models --backend work --json
    """
    session = common.session(ctx)
    session.choose("models")
    found = common.run(lambda: _fetch(session))
    if session.json:
        session.console.json_line(list(found))
        return
    for name in found:
        session.console.result(name.replace("\n", " "))


async def _fetch(session: Session) -> Sequence[str]:
    async with session.open("models") as catalog:
        found: Sequence[str] = await catalog.models()
    return found
