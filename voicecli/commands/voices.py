"""`voice voices`: what `--voice` may be, and how it sounds.

Belongs here: listing, and a sentence in one of them. Does not belong here: speaking longer texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.commands import session as common
from voicecli.commands.flags import Language
from voicecli.commands.session import Session
from voicecli.terminal import completing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicecli.types import Voice


WITHIN = {"zh": ("cmn", "yue", "hak", "wuu", "nan"), "no": ("nb", "nn")}
"""Languages that have codes of their own within another (ISO 639-3 calls that one a macrolanguage)."""


def voices(
    ctx: typer.Context,
    language: Language = None,
    category: Annotated[
        str | None, typer.Option("--category", metavar="TEXT", help="Only voices of this category.")
    ] = None,
    sample: Annotated[
        str | None,
        typer.Option(
            "--sample", metavar="NAME", help="Hear a sentence in this voice.", autocompletion=completing.voices
        ),
    ] = None,
) -> None:
    """List the voices of a backend; a name of the first column is what --voice takes.

    Examples:
      voice voices
      voice voices --language zh
      voice voices --sample alloy
      voice voices -b local --json | jq -r '.[].name'
    """
    session = common.session(ctx)
    if sample is not None:
        _play(session, sample, language)
        return
    _, backend = session.choose("voices")
    found = [each for each in common.run(lambda: _fetch(session)) if wanted(each, language, category)]
    if session.json:
        session.console.json_line(found)
        return
    if not found:
        session.console.note("No voice that fits is listed." if language or category else "No voice is listed.")
        return
    table: list[tuple[str, ...]] = [
        ("voice", "label", "language", "category"),
        *((v.name, v.label, v.language, v.category) for v in found),
    ]
    if session.console.out_is_terminal:
        table = _for_a_person(table, backend.voice)
    session.console.table(table[0], table[1:])


def _for_a_person(table: list[tuple[str, ...]], usual: str) -> list[tuple[str, ...]]:
    """Without the columns in which nothing stands; the voice that speaks unless asked otherwise has a star."""
    used = [at for at in range(len(table[0])) if any(row[at] for row in table[1:])]
    rows = [(f"{name} *" if name == usual else name, *rest) for name, *rest in table]
    return [tuple(row[at] for at in used) for row in rows]


def _play(session: Session, name: str, language: str | None) -> None:
    from voicecli.types import SpeechRequest
    from voicecli.usecases.trying import sample

    session.choose("speak")
    services, request = session.services(), SpeechRequest("", voice=common.voice_name(name), language=language)
    common.run(lambda: sample(services, request, language or ""))


async def _fetch(session: Session) -> Sequence[Voice]:
    async with session.open("voices") as catalog:
        return await catalog.voices()


def wanted(voice: Voice, language: str | None, category: str | None) -> bool:
    """`en` finds en, en-US and en_GB, `zh` Mandarin and Cantonese too; a category is found by a part of it."""
    spoken = voice.language.lower().replace("_", "-")
    asked = (language or "").lower().replace("_", "-")
    names = (asked, *WITHIN.get(asked, ()))
    fits = not asked or any(spoken == name or spoken.startswith(name + "-") for name in names)
    return fits and (category or "").lower() in voice.category.lower()
