"""`voice mcp`: ears and a voice for agents, as a server of tools; and its entry in their configurations."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated

import typer

from voicecli.commands import session as common
from voicecli.errors import UsageError

app = typer.Typer(help="Give agents a voice and ears, as a server of tools.", add_completion=False)

_Print = Annotated[bool, typer.Option("--print", help="Show what would be written; change nothing.")]
_Client = Annotated[
    str, typer.Argument(metavar="CLIENT", help="claude, codex, gemini, qwen, opencode, cursor or vscode.")
]


@app.callback(invoke_without_command=True)
def mcp(
    ctx: typer.Context,
    input: Annotated[
        str | None, typer.Option("-i", "--input", metavar="FILE", help="Hear FILE in place of the microphone.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write what is said to FILE, not the loudspeaker."),
    ] = None,
) -> None:
    """Serve the tools converse, speak, listen and ask over stdio (Model Context Protocol).

    The microphone is open only while a call listens. An agent's program starts this by itself, once it is told of it:

    Examples:
      voice mcp install claude
      voice mcp install cursor --print
    """
    if ctx.invoked_subcommand is not None:
        return
    if find_spec("mcp") is None:
        raise UsageError("this needs the package mcp", cure="Install it: pip install 'voicecli[mcp]'")
    here = common.session(ctx)
    from voicecli.server.greeting import greeted

    here.config()
    with greeted() as hang_up:
        from voicecli.server.tools import VoiceCalls, serve
        from voicecli.usecases.parley import Parley
        from voicecli.wiring.devices import Ends

        services = here.services()
        calls = VoiceCalls(Parley(services, Ends(input, output)), services.config.state_dir)
        common.run(lambda: serve(calls, hang_up))


@app.command()
def install(ctx: typer.Context, client: _Client, show: _Print = False) -> None:
    """Tell an agent's program of `voice mcp`: an entry in its configuration, beside what is there.

    Examples:
      voice mcp install claude
      voice mcp install vscode --print
    """
    _change(ctx, client, show=show, remove=False)


@app.command()
def uninstall(ctx: typer.Context, client: _Client, show: _Print = False) -> None:
    """Take that entry out again.

    Examples:
      voice mcp uninstall claude
    """
    _change(ctx, client, show=show, remove=True)


def _change(ctx: typer.Context, client: str, *, show: bool, remove: bool) -> None:
    from pathlib import Path

    from voicecli.config.files import changing, write_whole
    from voicecli.usecases.mcp_clients import client_of, read

    here = common.session(ctx)
    found = client_of(client, Path.home(), here.env)
    with changing(found.path):
        before = read(found.path)
        after = found.without(before) if remove else found.entered(before)
        if show:
            here.console.result(f"{found.path}:\n{after}".rstrip())
        elif after != before:
            write_whole(found.path, after)
    if here.json and not show:
        here.console.json_line({"client": client, "file": str(found.path), "changed": after != before})
    elif not show:
        done = f"{found.path} holds no entry of voice." if remove else f"{found.path} tells it of voice mcp."
        here.console.note(done if after != before else f"{found.path} is as it was.")
