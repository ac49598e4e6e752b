"""`voice backends`: which backends are configured, and what each family can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from voicecli.commands import session as common
from voicecli.commands.session import Session
from voicecli.types import ALL_VERBS, Verb

if TYPE_CHECKING:
    from voicecli.backends.registry import Family

SHOWN = tuple(verb for verb in ALL_VERBS if verb != "speak_live")
"""Every family speaks live, itself or by a bridge from `speak`: a row of its own would tell nothing."""
TITLES = {verb: verb.replace("transcribe_live", "live").replace("_", " ") for verb in SHOWN}
"""What a verb is called in a table."""


def backends(ctx: typer.Context) -> None:
    """Show the configured backends, and what each service family can do.

    Examples:
      voice backends
      voice backends --json | jq .families
    """
    from voicecli.backends.registry import FAMILIES

    session = common.session(ctx)
    configured = _configured(session)
    families = [{"name": each.name, "summary": each.summary} | capabilities(each) for each in FAMILIES.values()]
    if session.json:
        session.console.json_line({"backends": configured, "families": families})
        return
    console = session.console
    columns = ("name", "family", "host", "used for")
    console.table(("backend", *columns[1:]), [[str(each[name]) for name in columns] for each in configured])
    console.result("")
    rows = [[TITLES[verb], *(each[verb] for each in families)] for verb in SHOWN]
    console.table(("can", *(each["name"] for each in families)), rows)


def capabilities(family: Family) -> dict[str, str]:
    """Per verb: "yes", "with SETTING", "bridge" where another capability is lifted to it, "-" for no."""
    from voicecli import wiring

    def one(verb: Verb) -> str:
        if family.can(verb):
            return f"with {family.needs[verb]}" if verb in family.needs else "yes"
        return "bridge" if wiring.able(family, verb) else "-"

    return {verb: one(verb) for verb in SHOWN}


def _configured(session: Session) -> list[dict[str, Any]]:
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
