"""Signs to a person who looks elsewhere: progress in the taskbar, a bell at the end of long work, the window's title.

Belongs here: which terminals know what, the sequences, when they are sent. Does not belong here: what is shown on rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TextIO

LONG_S = 30.0
"""After work that took longer a bell rings."""
SAVED_TITLE, EARLIER_TITLE = "\x1b[22;2t", "\x1b[23;2t"


def shows_progress(env: Mapping[str, str]) -> bool:
    """Whether the terminal takes OSC 9;4 for progress: others would show it as a message. tmux does not pass it on."""
    known = env.get("WT_SESSION") or env.get("ConEmuANSI") == "ON" or env.get("TERM_PROGRAM") in ("WezTerm", "ghostty")
    return bool(known) and not env.get("TMUX")


def titled(text: str) -> str:
    """What makes `text` (harmless, one line) the window's title."""
    return f"\x1b]2;{text}\x07"


class Taskbar:
    """Tells the terminal on `stream` how far a piece of work is, and that it is over."""

    def __init__(self, stream: TextIO, env: Mapping[str, str]) -> None:
        self._stream, self._there, self._last = stream, shows_progress(env), ""

    def shows(self, share: float | None) -> None:
        """`share` from 0 to 1; None: nobody knows."""
        self._state("3;0" if share is None else f"1;{share:.0%}".rstrip("%"))

    def over(self, took_s: float) -> None:
        """The work has ended, well or not."""
        if self._last:
            self._state("0;0")
        if took_s >= LONG_S:
            self._send("\a")

    def _state(self, state: str) -> None:
        if self._there and state != self._last:
            self._last = state
            self._send(f"\x1b]9;4;{state}\x1b\\")

    def _send(self, sequence: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(sequence)
            self._stream.flush()
