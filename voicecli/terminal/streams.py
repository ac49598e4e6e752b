"""The standard streams: what they can do, and what it means when one is gone.

Belongs here: terminal or not, colour or not, width, a closed pipe. Does not belong here: writing words.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, TextIO

NARROWEST, USUAL = 20, 80


class OutputClosedError(Exception):
    """Nobody reads stdout any more (`voice … | head`): the program ends quietly."""


def is_terminal(stream: IO[str] | None) -> bool:
    """Whether a person looks at `stream`; not when it is closed or missing."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def is_pipe(stream: IO[str] | None) -> bool:
    """Whether another program reads `stream`: it may write to our terminal whenever it likes."""
    if stream is None:
        return False
    try:
        mode = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError, AttributeError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def size(stream: IO[str] | None, env: Mapping[str, str]) -> tuple[int, int]:
    """Columns and rows of the terminal behind `stream`; COLUMNS beats it."""
    columns, rows = USUAL, 24
    with suppress(OSError, ValueError, AttributeError):
        columns, rows = os.get_terminal_size(stream.fileno()) if stream is not None else (columns, rows)
    asked = env.get("COLUMNS", "")
    columns = int(asked) if asked.isdecimal() else columns
    return max(NARROWEST, columns or USUAL), max(2, rows or 24)


def coloured(stream: IO[str] | None, env: Mapping[str, str]) -> bool:
    """Whether `stream` may be coloured: NO_COLOR beats FORCE_COLOR beats what the stream is."""
    if env.get("NO_COLOR") or env.get("TERM") == "dumb":
        return False
    if env.get("FORCE_COLOR") not in (None, "", "0"):
        return True
    old_windows = sys.platform == "win32" and not (env.get("WT_SESSION") or env.get("TERM"))
    return is_terminal(stream) and not old_windows


def means_closed(exc: BaseException, stream: TextIO) -> bool:
    """EPIPE, Windows' EINVAL for a closed pipe, or a stream that was closed before."""
    if isinstance(exc, OSError):
        return exc.errno == errno.EPIPE or (sys.platform == "win32" and exc.errno == errno.EINVAL)
    return stream.closed


def abandon(stream: TextIO) -> None:
    """Points `stream` at nothing, so that the interpreter's last flush cannot fail."""
    with suppress(OSError, ValueError, AttributeError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)


def prepare_streams() -> None:
    """UTF-8 on Windows, and on every system no crash over a character that the stream cannot show.

    stderr gets a descriptor of its own: what native libraries write to theirs can then be caught without our words.
    """
    with suppress(AttributeError, OSError, ValueError):
        if sys.stderr.fileno() == 2:
            sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding)
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace", **({"encoding": "utf-8"} if sys.platform == "win32" else {}))


class Streams:
    """stdout and stderr, and what may be done on them. `quiet` is set by a flag."""

    def __init__(self, env: Mapping[str, str], out: TextIO | None, err: TextIO | None) -> None:
        self.out = out if out is not None else sys.stdout  # None where it is closed
        self.err: TextIO | None = err if err is not None else sys.stderr
        self.env = env
        self.quiet = False

    @property
    def out_is_terminal(self) -> bool:
        return is_terminal(self.out)

    @property
    def err_is_terminal(self) -> bool:
        return is_terminal(self.err)

    def colour(self, stream: IO[str] | None) -> bool:
        """Whether `stream` may be coloured."""
        return coloured(stream, self.env)

    @property
    def animated(self) -> bool:
        """Whether stderr may be redrawn: a real terminal that somebody looks at."""
        watched = self.err_is_terminal and self.env.get("TERM") != "dumb" and not self.env.get("CI")
        return watched and not self.quiet

    def size(self) -> tuple[int, int]:
        """Columns and rows of the terminal."""
        return size(self.err if self.err_is_terminal else self.out, self.env)
