"""The clipboard: a program of the desktop where there is one, else the terminal itself (OSC 52).

Belongs here: finding a way there, and taking a text along it. Does not belong here: which text.
"""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from shutil import which
from typing import TextIO

from voicecli.errors import UsageError

PROGRAMS = (
    ("pbcopy", "", ()),
    ("clip.exe", "", ()),
    ("wl-copy", "WAYLAND_DISPLAY", ()),
    ("xclip", "DISPLAY", ("-selection", "clipboard")),
    ("xsel", "DISPLAY", ("--clipboard", "--input")),
)
"""Programs that take stdin there, the variable that says that their desktop is there, their arguments."""

PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Clipboard:
    """A way there: a program (its name, its command), a terminal, or both: then the terminal is tried last."""

    name: str
    command: tuple[str, ...]
    terminal: TextIO | None

    def copy(self, text: str) -> str:
        """Puts `text` there; returns who did. A terminal does not tell whether it did. UsageError: nobody did."""
        if self.command and _piped(self.command, text):
            return self.name
        if self.terminal is None:
            raise UsageError(f"{self.name} did not take the text to the clipboard")
        coded = base64.b64encode(text.encode("utf-8", "replace")).decode()
        self.terminal.write(f"\x1b]52;c;{coded}\x07")
        self.terminal.flush()
        return "the terminal"


def clipboard(env: Mapping[str, str], *streams: TextIO | None) -> Clipboard:
    """The way there; of `streams` the first that is a terminal will do. Raises UsageError when there is none."""
    terminal = next((each for each in streams if each and each.isatty()), None)
    for name, desktop, arguments in PROGRAMS:
        if (not desktop or env.get(desktop)) and (path := which(name, path=env.get("PATH"))):
            return Clipboard(name, (path, *arguments), terminal)
    if terminal is None:
        names = ", ".join(name for name, *_ in PROGRAMS)
        raise UsageError("no way to the clipboard was found", cure=f"Install one of: {names}.")
    return Clipboard("", (), terminal)


def _piped(command: tuple[str, ...], text: str) -> bool:
    nowhere = subprocess.DEVNULL
    data = text.encode("utf-8", "replace")
    try:  # xclip goes on in the background: it must not hold our pipes
        done = subprocess.run(command, input=data, stdout=nowhere, stderr=nowhere, timeout=PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
