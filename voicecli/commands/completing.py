"""What a shell offers when a value is completed: backends, profiles, voices, formats.

Belongs here: the names, quickly, and none where anything goes wrong. Does not belong here: flags, long requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicecli.commands.common import Session

PATIENCE_S = 2.0
"""A person who presses Tab waits no longer."""


def _completer(names: Callable[[Session], Iterable[str]]) -> Callable[[Any, str], list[str]]:
    """For Typer's `autocompletion`: the names that begin as what was typed. A shell must never see a traceback."""

    def complete(ctx: Any, incomplete: str) -> list[str]:
        try:
            return [name for name in names(ctx.find_root().obj) if name.startswith(incomplete)]
        except Exception:
            return []

    # Typer tells the parameters by their annotations, which must be classes.
    import typer

    complete.__annotations__ = {"ctx": typer.Context, "incomplete": str, "return": list}
    return complete


def _backends(session: Session) -> Iterable[str]:
    from voicecli.backends.registry import FAMILIES

    local = [each.name for each in FAMILIES.values() if each.local]
    return sorted({*session.config().backends, *local})


def _profiles(session: Session) -> Iterable[str]:
    return session.config().profiles


def _voices(session: Session) -> Iterable[str]:
    import asyncio

    async def listed() -> list[str]:
        async with asyncio.timeout(PATIENCE_S), session.open("voices") as catalog:
            return [each.name for each in await catalog.voices()]

    session.console.quiet = True
    return asyncio.run(listed())


def _sounds(session: Session) -> Iterable[str]:
    from voicecli.commands.speak import FORMATS

    return (*FORMATS, "aac")


backends = _completer(_backends)
profiles = _completer(_profiles)
voices = _completer(_voices)
sounds = _completer(_sounds)
