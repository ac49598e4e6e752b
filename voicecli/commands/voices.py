"""`voice voices`: what `--voice` may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.commands import common
from voicecli.commands.common import Language, Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicecli.types import Voice


def voices(
    ctx: typer.Context,
    language: Language = None,
    category: Annotated[
        str | None, typer.Option("--category", metavar="TEXT", help="Only voices of this category.")
    ] = None,
) -> None:
    """List the voices of a backend; a name of the first column is what --voice takes.

    Examples:
      voice voices
      voice voices --language zh
      voice voices -b embedded --json | jq -r '.[].name'
    """
    session = common.session(ctx)
    session.choose("voices")
    found = [each for each in common.run(lambda: _fetch(session)) if _wanted(each, language, category)]
    if session.json:
        session.console.json_line(found)
        return
    rows = [(each.name, each.label, each.language, each.category) for each in found]
    session.console.table(("voice", "label", "language", "category"), rows)


async def _fetch(session: Session) -> Sequence[Voice]:
    async with session.open("voices") as catalog:
        found: Sequence[Voice] = await catalog.voices()
    return found


def _wanted(voice: Voice, language: str | None, category: str | None) -> bool:
    """`en` finds en, en-US and en_GB; a category is found by a part of it."""
    spoken = voice.language.lower().replace("_", "-")
    asked = (language or "").lower().replace("_", "-")
    fits = not asked or spoken == asked or spoken.startswith(asked + "-")
    return fits and (category or "").lower() in voice.category.lower()
