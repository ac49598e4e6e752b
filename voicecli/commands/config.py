"""`voice config`: make, find, show and change the configuration file.

Belongs here: the four subcommands. Does not belong here: what the keys mean or how the file is edited
(voicecli.config).
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from voicecli.commands.common import session

app = typer.Typer(help="Make, show and change the configuration.", no_args_is_help=True, add_completion=False)


@app.command()
def init(
    ctx: typer.Context,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write a first configuration file.

    Examples:
      voice config init
      voice config init --config ./voice.toml
    """
    from voicecli.config.edit import write_start
    from voicecli.config.files import config_path

    run = session(ctx)
    path = config_path(run.env, run.config_path)
    write_start(path, run.env, force=force)
    _say(run, path)


@app.command()
def path(ctx: typer.Context) -> None:
    """Print where the configuration file is, or would be.

    Examples:
      voice config path
      $EDITOR "$(voice config path)"
    """
    from voicecli.config.files import config_path

    run = session(ctx)
    where = config_path(run.env, run.config_path)
    _say(run, where)
    if not where.exists():
        run.console.note("There is no such file yet: voice config init writes one.")


@app.command()
def show(ctx: typer.Context) -> None:
    """Print every setting, its value, and where it comes from. Secrets are masked.

    Examples:
      voice config show
      voice config show --profile travel --json
    """
    from voicecli.config import VERBS
    from voicecli.config.show import rows

    run = session(ctx)
    config = run.config({f"use.{verb}": run.backend for verb in VERBS} if run.backend else None)
    found = rows(config, run.env)
    if run.json:
        values = {row.key: {"value": row.value, "source": row.source} for row in found}
        run.console.json_line({"path": config.path, "profile": config.profile or None, "settings": values})
    else:
        run.console.table(("key", "value", "source"), [(key, _toml(value), source) for key, value, source in found])


@app.command("set")
def set_(
    ctx: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="As 'voice config show' prints it: talk.end_ms")],
    value: Annotated[str, typer.Argument(metavar="VALUE")],
) -> None:
    """Change one setting in the file; comments stay.

    Examples:
      voice config set talk.end_ms 400
      voice config set backends.work.family openai
      voice config set use.chat work
    """
    from voicecli.config.edit import parts, set_value
    from voicecli.config.files import config_path
    from voicecli.config.show import shown

    run = session(ctx)
    where = config_path(run.env, run.config_path)
    written = shown(parts(key), set_value(where, key, value, run.env))
    if run.json:
        run.console.json_line({"path": where, "key": key, "value": written})
    else:
        run.console.note(f"{key} = {_toml(written)} in {where}")


def _say(run: Any, where: Any) -> None:
    if run.json:
        run.console.json_line({"path": where})
    else:
        run.console.result(str(where))


def _toml(value: Any) -> str:
    """A value as the file would have it; - for what is not set."""
    import json

    return "-" if value is None else json.dumps(value, ensure_ascii=False)
