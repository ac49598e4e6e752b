"""`voice backends`: which backends are configured, and what each family can do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from voicecli.commands import session as common
from voicecli.commands.session import Session
from voicecli.verbs import VERBS, Verb

if TYPE_CHECKING:
    from voicecli.backends.family import Capabilities


def backends(ctx: typer.Context) -> None:
    """Show the configured backends, and what each service family can do.

    Examples:
      voice backends
      voice backends --json | jq .families
    """
    from voicecli.backends.registry import FAMILIES

    session = common.session(ctx)
    configured = _configured(session)
    families = [{"name": each.name, "summary": each.summary} | capabilities(each.at_best) for each in FAMILIES.values()]
    if session.json:
        session.console.json_line({"backends": configured, "families": families})
        return
    console = session.console
    columns = ("name", "family", "host", "used for")
    rows = [[str(each[name]) for name in columns] for each in configured]
    console.table(("backend", "family", "host", "used for"), rows)
    console.result("")
    say = console.say if console.out_is_terminal else str
    able = [{name: " ".join(map(say, can.split())) for name, can in each.items()} for each in families]
    rows = [[row.title, *(each[row.name] for each in able)] for row in VERBS.values()]
    console.table(("can", *(each["name"] for each in families)), rows)


def capabilities(can: Capabilities) -> dict[str, str]:
    """Per verb: "yes", "with SETTING", "bridge" where another capability is lifted to it, "-" for no."""

    def one(verb: Verb) -> str:
        lifted = VERBS[verb].lifted
        bridge = "bridge" if lifted and can.can(lifted) else ""
        if can.can(verb):
            return " or ".join(filter(None, (f"with {can.needs[verb]}", bridge))) if verb in can.needs else "yes"
        return bridge or "-"

    return {verb: one(verb) for verb in VERBS}


def _configured(session: Session) -> list[dict[str, object]]:
    """Each backend with the host it speaks to and what `[use]` gives it."""
    from dataclasses import asdict

    from voicecli import wiring

    config = session.config()
    verbs: tuple[Verb, ...] = ("transcribe", "chat", "speak", "embed")
    used = asdict(config.use)
    return [
        {
            "name": name,
            "family": backend.family,
            "host": ", ".join(dict.fromkeys(host for verb in verbs for host in wiring.hosts(verb, backend))) or "-",
            "used for": ", ".join(use for use, served in used.items() if served == name) or "-",
        }
        for name, backend in config.backends.items()
    ]
