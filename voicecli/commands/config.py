"""`voice config`: make, find, show and change the configuration file.

Belongs here: the four subcommands. Does not belong here: what the keys mean or how the file is edited
(voicecli.config).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicecli.commands.session import Session, session
from voicecli.commands.session import run as in_loop
from voicecli.terminal import completing

if TYPE_CHECKING:
    from voicecli.backends.family import Server
    from voicecli.config.edit import Found

app = typer.Typer(help="Make, show and change the configuration.", no_args_is_help=True, add_completion=False)


@app.command()
def init(
    ctx: typer.Context,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    find: Annotated[
        bool, typer.Option("--find", help="Look for servers that run on this machine, and for keys that are set.")
    ] = False,
    port: Annotated[
        list[int] | None,
        typer.Option("--port", metavar="N", min=1, max=65535, help="With --find: look at this port too; repeatable."),
    ] = None,
) -> None:
    """Write a first configuration file.

    Examples:
      voice config init
      voice config init --find
      voice config init --find --port 8123 --config ./voice.toml

    --find asks the usual ports of Ollama, LM Studio, llama.cpp, vLLM, LocalAI, speaches, Xinference and SenseVoice
    on this machine alone, and uses what answers; then services whose key is in a variable (OPENAI_API_KEY …).
    """
    from voicecli.config.edit import refuse_existing, write_start
    from voicecli.config.files import config_path

    run = session(ctx)
    path = config_path(run.env, run.config_path)
    refuse_existing(path, force=force)
    found = _find(run, port or []) if find else []
    write_start(path, run.env, force=force, found=found)
    _say(run, path)


def _find(run: Session, ports: list[int]) -> list[Found]:
    """Servers here, then services with a key; each is told of."""
    from voicecli.backends import nearby
    from voicecli.config.edit import keyed

    with run.console.progress("looking"):
        servers = in_loop(lambda: nearby.look(nearby.everywhere(tuple(ports))))
    found = [*filter(None, map(offered, servers)), *keyed(run.env)]
    for each in found:
        where = each.table.get("base_url") or next((v for k, v in each.table.items() if k.endswith("_url")), each.name)
        run.console.note(f"found {each.name} ({where}) for {', '.join(each.verbs)}")
    if not found:
        run.console.note("No server answers here, and no key is set: everything stays on this machine.")
    return found


def offered(server: Server) -> Found | None:
    """What a server has something for, and with which models; None where it lists nothing of use."""
    from voicecli.config import VERBS
    from voicecli.config.edit import Found

    if server.uses:
        return Found(server.name, {"family": server.family, **server.settings}, server.uses)
    fitting = {verb: [m for m, kind in server.models.items() if (kind or _guess(m)) == verb] for verb in VERBS}
    models = {verb: names[0] for verb, names in fitting.items() if names}
    table = {"family": server.family, **server.settings} | {f"{verb}_model": name for verb, name in models.items()}
    return Found(server.name, table, tuple(models)) if models else None


def _guess(model: str) -> str:
    """The verb that a model's name sounds like; "" for none."""
    from voicecli.config import VERBS
    from voicecli.wiring import is_for

    return next((verb for verb in VERBS if is_for(model, verb)), "")


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


@app.command()
def get(
    ctx: typer.Context,
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY", help="As 'voice config show' prints it: talk.end_ms", autocompletion=completing.settings
        ),
    ],
) -> None:
    """Print the value of one setting. Secrets are masked, and what is not set is empty.

    Examples:
      voice config get use.chat
      voice config get backends.work.base_url --profile travel
    """
    from voicecli.config.edit import parts
    from voicecli.config.layers import Origin, dotted, hint_for
    from voicecli.config.show import rows

    run = session(ctx)
    config = run.config()
    found = next((row for row in rows(config, run.env) if row.key == key), None)
    if found is None:
        hint_for(parts(key), Origin("", dotted, dotted))  # it is not set, or there is no such key
    value = found.value if found else None
    if run.json:
        run.console.json_line({"key": key, "value": value, "source": found.source if found else None})
    else:
        run.console.result(value if isinstance(value, str) else "" if value is None else _toml(value))


@app.command("set")
def set_(
    ctx: typer.Context,
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY",
            help="As 'voice config show' prints it: talk.end_ms",
            autocompletion=completing.settings,
        ),
    ],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="What it shall be.", autocompletion=completing.values)],
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
