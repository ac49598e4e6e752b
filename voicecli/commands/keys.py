"""`voice keys`: keep the keys of services in a file that only its owner may read.

Belongs here: the three subcommands and asking for a key. Does not belong here: the file itself
(voicecli.config.keys). A key is never an argument: it would be in the shell's history.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from voicecli.commands.session import Session, session
from voicecli.errors import UsageError

app = typer.Typer(help="Keep the keys of services.", no_args_is_help=True, add_completion=False)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The backend's name in the configuration.")]


@app.command("set")
def set_(
    ctx: typer.Context,
    name: Name,
    key: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
) -> None:
    """Store a key: asked for on a terminal (it is not shown), else read from stdin.

    Examples:
      voice keys set work
      pass show work | voice keys set work
    """
    from voicecli.config.files import folders
    from voicecli.config.keys import key_file, store
    from voicecli.config.layers import check_name

    run = session(ctx)
    check_name(name)
    if key:
        what = "a key is no argument: others see those, and the shell keeps them"
        raise UsageError(what, cure=f"Give it where 'voice keys set {name}' asks, or in a pipe; change this one.")
    secret = _ask(run, name) if sys.stdin is not None and sys.stdin.isatty() else _read()
    run.console.hide(secret)
    place = folders().config
    store(place, name, secret)
    run.done({"stored": name, "file": key_file(place)}, f"The key for {name} is in {key_file(place)}.")
    _note_unknown(run, name)


@app.command("list")
def list_(ctx: typer.Context) -> None:
    """Print the names of the backends whose keys are stored; never the keys.

    Examples:
      voice keys list
      voice keys list --json
    """
    from voicecli.config.files import folders
    from voicecli.config.keys import stored

    run = session(ctx)
    names = sorted(stored(folders().config))
    if run.json:
        run.console.json_line({"keys": names})
        return
    for name in names:
        run.console.result(name)
    if not names:
        run.console.note("No key is stored: voice keys set NAME stores one.")


@app.command()
def rm(ctx: typer.Context, name: Name) -> None:
    """Forget a stored key.

    Examples:
      voice keys rm work
    """
    from voicecli.config.files import folders
    from voicecli.config.keys import remove

    run = session(ctx)
    remove(folders().config, name)
    run.done({"removed": name}, f"The key for {name} is forgotten.")


def _ask(run: Session, name: str) -> str:
    answer: str = typer.prompt(run.console.say(f"Key for {name}"), hide_input=True, err=True)
    return answer


def _read() -> str:
    """The first line of stdin, within a limit no key reaches."""
    from voicecli.config.keys import LONGEST
    from voicecli.errors import InputError

    line = sys.stdin.readline(LONGEST + 2) if sys.stdin is not None else ""
    if not line.strip():
        raise InputError("no key was given on stdin", cure="On a terminal 'voice keys set NAME' asks for it.")
    return line


def _note_unknown(run: Session, name: str) -> None:
    """A word about a name that no backend has (yet); a configuration that is broken is another command's matter."""
    from voicecli.errors import ConfigError

    try:
        have = run.config().backends
    except ConfigError:
        return
    if name not in have:
        run.console.note(f'No backend is called "{name}" yet. There are: {", ".join(sorted(have))}.')
