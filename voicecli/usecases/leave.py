"""A person's yes or no to what the program offers.

Belongs here: what counts as a yes, and that a no is remembered. Does not belong here: showing the question (the
terminal), leave for a tool (dialogue).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

Ask = Callable[[str], Awaitable[str]]
"""Puts a question to the person at the terminal, and returns the typed answer."""


async def agreed(ask: Ask, question: str, declined: Path | None = None) -> bool:
    """Whether the person says yes; Enter does. A no makes the empty file `declined`, if the disk allows it."""
    if (await ask(question)).strip().lower() in ("", "y", "yes", "是", "好"):
        return True
    if declined is not None:
        _remember(declined)
    return False


def _remember(declined: Path) -> None:
    with suppress(OSError):
        declined.parent.mkdir(parents=True, exist_ok=True)
        declined.touch()
