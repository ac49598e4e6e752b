"""How a failure is shown: a sentence and its cure, JSON for scripts, a traceback in a file.

Belongs here: what is written of an error that ends the program. Does not belong here: which exit code it means (cli).
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from voicecli.terminal.console import Console
from voicecli.terminal.streams import OutputClosedError
from voicecli.text.clean import one_line
from voicecli.text.join import ended

KEPT = 20
"""Tracebacks that are kept."""


def failed(console: Console, code: int, message: str, cure: str = "") -> None:
    """Why the command failed: on stderr for a person, with --json on stdout for a program too."""
    if console.err_is_terminal:
        console.error(message, cure)
    else:
        console.error(f"{console.say(ended(message))} {console.say(cure)}" if cure else message)
    if console.json:
        with suppress(OutputClosedError, OSError, ValueError):
            told = {"code": code, "message": console.masked(message), "cure": console.masked(cure)}
            console.json_line({"error": told})


def crashed(console: Console, exc: BaseException, code: int) -> None:
    """A bug: one line on the screen, the traceback in a file (on the screen where no file can be written).

    Without the values of variables: they may hold keys.
    """
    import traceback

    told = console.masked("".join(traceback.format_exception(exc)))
    what = one_line(f"this is a bug in voice: {type(exc).__name__}: {exc}", 300)
    try:
        path = _kept(told)
    except OSError:
        console.usage(told)
        failed(console, code, what, "Please report it with the lines above.")
        return
    if console.verbose:
        console.usage(told)
    failed(console, code, what, f"Please report it with the file {path}")


def _kept(text: str) -> Path:
    """Writes `text` to a file of its own beside the last few; raises OSError."""
    from voicecli.config.files import folders

    folder = folders().state / "bugs"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.txt"))[: -KEPT + 1]:
        with suppress(OSError):
            old.unlink()
    path = folder / f"{datetime.now():%Y%m%d-%H%M%S-%f}.txt"
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8", errors="replace")
    return path
