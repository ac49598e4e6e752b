"""`voice config`: make, find, show, edit and change the configuration file.

Belongs here: the subcommands. Does not belong here: what the keys mean or how the file is edited
(voicecli.config).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from voicecli.commands.session import Session, session
from voicecli.commands.session import run as in_loop
from voicecli.errors import ConfigError, UsageError
from voicecli.terminal import completing

if TYPE_CHECKING:
    from pathlib import Path

    from voicecli.config.edit import FoundBackend

app = typer.Typer(help="Make, show and change the configuration.", no_args_is_help=True, add_completion=False)


_Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY", help="As 'voice config show' prints it: talk.end_ms", autocompletion=completing.settings
    ),
]


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

    run = session(ctx)
    path = run.file
    refuse_existing(path, force=force)
    found = _find(run, port or []) if find else []
    write_start(path, run.env, force=force, found=found)
    if find:
        from voicecli.backends.local.choosing import equipment

        for line in equipment(run.config().backends["local"]):
            run.console.note(line)
    run.answer({"path": path}, str(path))


def _find(run: Session, ports: list[int]) -> list[FoundBackend]:
    """Servers here, then services with a key; each is told of."""
    from voicecli.backends import nearby
    from voicecli.config.edit import keyed
    from voicecli.usecases.nearby import as_found

    with run.console.progress("looking for servers here"):
        servers = in_loop(lambda: nearby.look(nearby.everywhere(tuple(ports))))
    found = [*filter(None, map(as_found, servers)), *keyed(run.env)]
    for each in found:
        where = each.table.get("base_url") or next((v for k, v in each.table.items() if k.endswith("_url")), each.name)
        run.console.note(f"found {each.name} ({where}) for {', '.join(each.verbs)}")
    if not found:
        run.console.note("No server answers here, and no key is set: everything stays on this machine.")
    return found


@app.command()
def path(ctx: typer.Context) -> None:
    """Print where the configuration file is, or would be.

    Examples:
      voice config path
      $EDITOR "$(voice config path)"
    """
    run = session(ctx)
    where = run.file
    run.answer({"path": where}, str(where))
    if not where.exists():
        run.console.note("There is no such file yet: voice config init writes one.")


@app.command()
def show(ctx: typer.Context) -> None:
    """Print every setting, its value, and where it comes from. Secrets are masked.

    Examples:
      voice config show
      voice config show --profile travel --json
    """
    from voicecli.config import BASIC_VERBS
    from voicecli.config.show import rows

    run = session(ctx)
    config = run.config({f"use.{verb}": run.backend for verb in BASIC_VERBS} if run.backend else None)
    found = rows(config, run.env)
    if run.json:
        values = {row.key: {"value": row.value, "source": row.source} for row in found}
        run.console.json_line({"path": config.path, "profile": config.profile or None, "settings": values})
    else:
        table = [(key, _toml(value), _origin(run, source)) for key, value, source in found]
        run.console.table(("key", "value", "source"), table)


def _origin(run: Session, source: str) -> str:
    """Where a value comes from; its kind in the person's language, where a person reads it."""
    kind, _, name = source.partition(" ")
    said = run.console.say(kind) if run.console.out_is_terminal else kind
    return f"{said} {name}".strip() if kind != source or kind == "default" else source


@app.command()
def get(
    ctx: typer.Context,
    key: _Key,
) -> None:
    """Print the value of one setting. Secrets are masked, and what is not set is empty.

    Examples:
      voice config get use.chat
      voice config get backends.work.base_url --profile travel
    """
    from voicecli.config.edit import parts
    from voicecli.config.layers import ValueOrigin, dotted, hint_for
    from voicecli.config.show import rows

    run = session(ctx)
    config = run.config()
    found = next((row for row in rows(config, run.env) if row.key == key), None)
    if found is None:
        hint_for(parts(key), ValueOrigin("", dotted, dotted))  # it is not set, or there is no such key
    value = found.value if found else None
    run.answer(
        {"key": key, "value": value, "source": found.source if found else None},
        value if isinstance(value, str) else "" if value is None else _toml(value),
    )


@app.command("set")
def set_(
    ctx: typer.Context,
    key: _Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="What it shall be.", autocompletion=completing.values)],
) -> None:
    """Change one setting in the file; comments stay.

    Examples:
      voice config set talk.end_ms 400
      voice config set backends.work.family openai
      voice config set use.chat work
    """
    from voicecli.config.edit import parts, set_value
    from voicecli.config.show import shown

    run = session(ctx)
    where = run.file
    written = shown(parts(key), set_value(where, key, value, run.env))
    run.done({"path": where, "key": key, "value": written}, f"{key} = {_toml(written)} in {where}")


@app.command()
def unset(ctx: typer.Context, key: _Key) -> None:
    """Take one setting, or a whole table, out of the file; the default holds again.

    Examples:
      voice config unset talk.end_ms
      voice config unset backends.work
    """
    from voicecli.config.edit import unset_value

    run = session(ctx)
    where = run.file
    unset_value(where, key, run.env)
    run.done({"path": where, "key": key}, f"{key} is out of {where}")


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """Print what is set: by the file, a profile, a variable or a flag. Secrets are masked.

    Examples:
      voice config list
      voice config list --json
    """
    from voicecli.config.show import rows

    run = session(ctx)
    found = [row for row in rows(run.config(), run.env) if row.source != "default"]
    if run.json:
        run.console.json_line({row.key: {"value": row.value, "source": row.source} for row in found})
        return
    for key, value, _ in found:
        run.console.result(f"{key} = {_toml(value)}")
    if not found:
        run.console.note("Nothing is set: 'voice config show' prints the defaults.")


@app.command()
def edit(ctx: typer.Context) -> None:
    """Open the file in $VISUAL or $EDITOR; it is written when it can be loaded.

    Examples:
      voice config edit
      EDITOR=nano voice config edit --config ./voice.toml
    """
    from voicecli.config import files
    from voicecli.config.edit import replace_text, starting_text

    run = session(ctx)
    where = run.file
    old = files.read_else(where, starting_text(run.env))
    draft = where.with_name(f".{where.stem}.draft.toml")
    if draft.exists():
        run.console.note(f"What you wrote last time is in {draft}: go on with it, or remove it and begin anew.")
    else:
        files.write_whole(draft, old, 0o600)
    try:
        _run_editor(run, draft)
    except UsageError:
        if files.read_else(draft, old) == old:
            draft.unlink(missing_ok=True)
        raise
    new = files.read(draft)
    try:
        replace_text(where, new, run.env)
    except ConfigError as exc:
        raise ConfigError(exc.what, who=str(where), cure=f"Nothing was changed; what you wrote is in {draft}.") from exc
    draft.unlink(missing_ok=True)
    run.console.note(f"{where} is as it was." if new == old else f"{where} is changed.")


def _run_editor(run: Session, path: Path) -> None:
    """Waits for the person's editor. Raises UsageError where there is none, or it fails."""
    import shlex
    import subprocess

    editor = (run.env.get("VISUAL") or run.env.get("EDITOR") or "").strip() or "vi"
    cure = "Set EDITOR to the editor that you use, as in EDITOR=nano."
    try:
        code = subprocess.call([*shlex.split(editor), str(path)], env=dict(run.env))
    except (OSError, ValueError) as exc:  # ValueError: a quotation mark without its other
        why = getattr(exc, "strerror", None) or str(exc)
        raise UsageError(f"the editor {editor} cannot be run: {why}", cure=cure) from exc
    if code:
        raise UsageError(f"the editor {editor} ended with code {code}; nothing was changed", cure=cure)


def _toml(value: object) -> str:
    """A value as the file would have it; - for what is not set."""
    import json

    return "-" if value is None else json.dumps(value, ensure_ascii=False)
