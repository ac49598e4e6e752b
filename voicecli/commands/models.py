"""`voice models`: the models on this machine, and what `--model` may be at a service."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.commands import session as common
from voicecli.commands.session import Session
from voicecli.errors import SomeFailedError

if TYPE_CHECKING:
    from voicecli.storage.models import Installed
    from voicecli.usecases.models import ModelRow

app = typer.Typer(
    invoke_without_command=True,
    add_completion=False,
    help="""List the models of the backend that answers; list, fetch and check those that run on this machine.

    Examples:
      voice models
      voice models --backend work --json
      voice models list
      voice models pull en
    """,
)

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Models; without, all that are here.")]


@app.callback()
def models(ctx: typer.Context) -> None:
    """The models of the backend that answers: a service's, or those of this machine."""
    if ctx.invoked_subcommand is None:
        session = common.session(ctx)
        if session.choose("models")[0].name == "local":
            list_(ctx)
        else:
            _of_a_service(session)


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """List what is installed on this machine, and what can be had.

    Examples:
      voice models list
      voice models list --json
    """
    from voicecli.usecases.models import listed

    session = common.session(ctx)
    rows = list(listed(session.config()))
    if session.json:
        session.console.json_line([_row(each) for each in rows])
        return
    say = session.console.say
    cells = [_row(each) | {"has": ", ".join(map(say, each.abilities))} for each in rows]
    table = [
        [_mark(row), row.name, *(say(str(cell)) for cell in list(each.values())[4:])]
        for row, each in zip(rows, cells, strict=True)
    ]
    session.console.table(("here", "name", "for", "languages", "size", "licence", "has", "what"), table)
    session.console.note(f"in {session.config().models_dir}; * serves without a wish. Fetch: voice models pull NAME")


def _mark(row: ModelRow) -> str:
    return "damaged" if row.trouble else "*" if row.default else "yes" if row.installed else "-"


def _row(row: ModelRow) -> dict[str, object]:
    from voicecli.text.figures import size

    count = row.installed.bytes if row.installed else row.model.bytes if row.model else 0
    return {
        "name": row.name,
        "installed": row.installed is not None,
        "default": row.default,
        "trouble": row.trouble,
        "for": row.model.task if row.model else row.installed.task if row.installed else "",
        "languages": ", ".join((row.model.languages or ("any",)) if row.model else ()),
        "size": size(count),
        "licence": row.model.licence if row.model else "",
        "has": ", ".join(row.abilities),
        "what": (row.model.title + ("" if row.model.heard else " (not yet heard by us)")) if row.model else "yours",
    }


def _of_a_service(session: Session) -> None:
    found = common.run(lambda: _fetch(session))
    if session.json:
        session.console.json_line(list(found))
        return
    for name in found:
        session.console.result(name.replace("\n", " "))


async def _fetch(session: Session) -> Sequence[str]:
    async with session.open("models") as catalog:
        return await catalog.models()


@app.command()
def pull(
    ctx: typer.Context, names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Models or sets.")]
) -> None:
    """Fetch models, or sets of them: en, zh, all-local. What is here and whole is not fetched again.

    Examples:
      voice models pull en
      voice models pull kokoro-v1.0
    """
    from voicecli.usecases.models import pull as fetched

    session = common.session(ctx)
    found = common.run(lambda: fetched(session.config(), names, session.console))
    _told(session, found)


@app.command()
def verify(ctx: typer.Context, names: Names = None) -> None:
    """Read every file of installed models again, compare it with what was installed, and load it. Exit 9: damaged.

    Examples:
      voice models verify
      voice models verify moonshine-tiny-en
    """
    from voicecli.usecases.models import verified

    session = common.session(ctx)
    damaged, some = 0, False
    for model, problems in verified(session.config(), names or []):
        some = True
        damaged += bool(problems)
        told = f"{model.name}: {'; '.join(problems)}" if problems else f"{model.name}: whole"
        said = session.console.say(told) if session.console.out_is_terminal else told
        session.answer({"name": model.name, "problems": problems}, said)
    if not some:
        session.console.note("No model is installed: voice models pull NAME fetches one.")
    if damaged:
        raise SomeFailedError(f"{damaged} damaged", who="models", cure="Fetch again: voice models pull NAME")


@app.command()
def rm(ctx: typer.Context, names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Models.")]) -> None:
    """Remove models from this machine.

    Examples:
      voice models rm kokoro-v1.0
    """
    from voicecli.usecases.models import store

    session = common.session(ctx)
    for name in names:
        store(session.config()).remove(name)
        session.console.note(f"removed {name}")


@app.command("import")
def import_(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE|FOLDER", help="An archive of a model, or its folder.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What to call it; else the file's name.")] = "",
) -> None:
    """Take in a model that was fetched by other means; its kind is told from its files.

    Examples:
      voice models import sherpa-onnx-whisper-base.tar.bz2 --name whisper-base
    """
    from voicecli.usecases.models import take_in

    session = common.session(ctx)
    _told(session, [take_in(session.config(), path, name)])


@app.command("path")
def path_(ctx: typer.Context, name: Annotated[str, typer.Argument(metavar="[NAME]", help="A model.")] = "") -> None:
    """Print the folder of models, or of one.

    Examples:
      voice models path
    """
    from voicecli.usecases.models import located

    session = common.session(ctx)
    session.console.result(str(located(session.config(), name)))


def _told(session: Session, found: Sequence[Installed]) -> None:
    from voicecli.text.figures import size

    for each in found:
        told = {"name": each.name, "path": str(each.path), "bytes": each.bytes}
        session.answer(told, f"{each.name}: {size(each.bytes)} in {each.path}")
