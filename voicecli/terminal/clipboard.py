"""The clipboard: a program of the desktop where there is one, else the terminal itself (OSC 52).

Belongs here: putting a text there. Does not belong here: which text.
"""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Mapping
from shutil import which
from typing import TextIO

PROGRAMS = (
    ("pbcopy", "darwin", ()),
    ("clip.exe", "", ("WSL_DISTRO_NAME",)),
    ("clip", "win32", ()),
    ("wl-copy", "", ("WAYLAND_DISPLAY",)),
    ("xclip", "", ("DISPLAY",)),
    ("xsel", "", ("DISPLAY",)),
)
"""Each program, the system it belongs to, and the variables that say that its desktop is there."""

ARGUMENTS = {"xclip": ("-selection", "clipboard"), "xsel": ("--clipboard", "--input")}
PATIENCE_S = 3.0


def copy(text: str, env: Mapping[str, str], terminal: TextIO) -> str:
    """Puts `text` into the clipboard; returns who did it. A terminal does not tell whether it did."""
    for name, system, variables in PROGRAMS:
        here = sys.platform == system if system else all(env.get(each) for each in variables)
        if here and (path := which(name, path=env.get("PATH"))) and _piped([path, *ARGUMENTS.get(name, ())], text):
            return name
    coded = base64.b64encode(text.encode("utf-8", "replace")).decode()
    terminal.write(f"\x1b]52;c;{coded}\x07")
    terminal.flush()
    return "the terminal"


def _piped(command: list[str], text: str) -> bool:
    nowhere = subprocess.DEVNULL
    try:  # xclip goes on in the background: it must not hold our pipes
        done = subprocess.run(command, input=text.encode(), stdout=nowhere, stderr=nowhere, timeout=PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
