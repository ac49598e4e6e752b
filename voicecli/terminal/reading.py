"""The sentence that is being read aloud, where somebody watches.

Belongs here: its rows. Does not belong here: when it sounds (audio.solo).
"""

from __future__ import annotations

from collections.abc import Callable

from voicecli.terminal.console import DIM, PLAIN, Console
from voicecli.text.clean import clean, one_line
from voicecli.text.width import tail, wrapped

ROWS = 4


def reading(console: Console) -> Callable[[str], None] | None:
    """Shows a text in the place of the one before, "" nothing; None where nobody watches."""
    stream = console.err
    if not console.animated or stream is None:
        return None

    def show(text: str) -> None:
        width = console.size()[0] - 1
        rows = wrapped(f"♪ {tail(one_line(clean(text)), ROWS * (width - 4))}", width, "  ").split("\n")
        style, plain = (DIM, PLAIN) if console.colour(stream) else ("", "")
        console.rows.show(stream, [f"{style}{row}{plain}" for row in rows]) if text else console.rows.clear()

    return show
