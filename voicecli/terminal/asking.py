"""A question to the person at the terminal.

Belongs here: one line asked for and read, without a thread. Does not belong here: the line editor of `voice chat`.
"""

from __future__ import annotations

import sys
from contextlib import suppress

from voicecli.terminal.console import Console
from voicecli.terminal.stdin import forget_typed, typed
from voicecli.text.clean import clean
from voicecli.text.width import wrapped


async def ask(console: Console, question: str) -> str:
    """What a person at the terminal types; "" for the end of the input."""
    forget_typed(sys.stdin)
    text = console.masked(clean(console.say(question)).replace("\n", " "))
    console.rows.finish()
    _write(console, wrapped(text, console.size()[0] - 1) + " ")
    line = ""
    try:
        line = await typed(sys.stdin)
    finally:
        _write(console, "" if line.endswith("\n") else "\n", closed=True)
    return line.strip()


def _write(console: Console, text: str, *, closed: bool = False) -> None:
    with suppress(OSError, ValueError):
        if console.err is not None:
            console.rows.write(console.err, text, closed=closed)
