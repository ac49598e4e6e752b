"""What `voice talk` shows before anything is loaded.

Belongs here: the prompt that stands at once. Does not belong here: the live screen that takes its place (screen.py).
"""

from __future__ import annotations

from voicecli.terminal.console import Console

STARTING = "starting …"
METER = "▁" * 8


def starting(console: Console) -> None:
    """The prompt of `voice talk` at once, before anything is loaded: what is typed there is asked when it is ready."""
    if console.animated and console.err is not None and not console.json:
        console.rows.show(console.err, [f" {METER} {console.say(STARTING)}", "› "])
