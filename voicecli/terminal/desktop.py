"""Programs of the desktop that take a text: onto the clipboard, or typed into whatever window has the keyboard.

Belongs here: finding such a program, and handing it a text. Does not belong here: which text. Where no program takes
one to the clipboard, the terminal itself does (OSC 52).
"""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from shutil import which
from typing import TextIO

from voicecli.errors import UsageError

Programs = Sequence[tuple[str, str, tuple[str, ...]]]
"""Programs, the variable that says that their desktop is there, their arguments."""

COPYING: Programs = (
    ("pbcopy", "", ()),
    ("clip.exe", "", ()),
    ("wl-copy", "WAYLAND_DISPLAY", ()),
    ("xclip", "DISPLAY", ("-selection", "clipboard")),
    ("xsel", "DISPLAY", ("--clipboard", "--input")),
)
"""They take the text on stdin."""
TYPING: Programs = (
    ("osascript", "", ("-e", "on run argv", "-e", 'tell application "System Events" to keystroke (item 1 of argv)')),
    ("wtype", "WAYLAND_DISPLAY", ("--",)),
    ("ydotool", "", ("type", "--")),
    ("xdotool", "DISPLAY", ("type", "--clearmodifiers", "--")),
)
"""They take the text as their last argument."""

COPIES_S, TYPES_S = 10.0, 30.0


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
    name, command = _program(COPYING, env)
    if not name and terminal is None:
        raise UsageError("no way to the clipboard was found", cure=_install(COPYING))
    return Clipboard(name, command, terminal)


def typist(env: Mapping[str, str]) -> Callable[[str], None]:
    """What types a text; it raises UsageError where the program fails. Raises UsageError for none."""
    name, command = _program(TYPING, env)
    if not name:
        raise UsageError("nothing that types was found", cure=_install(TYPING))
    return lambda text: _typed(name, [*command, text])


def _program(programs: Programs, env: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The first of them that is here, and its command; "" and nothing where none is."""
    for name, desktop, arguments in programs:
        if (not desktop or env.get(desktop)) and (path := which(name, path=env.get("PATH"))):
            return name, (path, *arguments)
    return "", ()


def _install(programs: Programs) -> str:
    names = ", ".join(name for name, *_ in programs)
    return f"Install one of: {names}."


def _piped(command: tuple[str, ...], text: str) -> bool:
    nowhere = subprocess.DEVNULL
    data = text.encode("utf-8", "replace")
    try:  # xclip goes on in the background: it must not hold our pipes
        done = subprocess.run(command, input=data, stdout=nowhere, stderr=nowhere, timeout=COPIES_S)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _typed(name: str, command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, timeout=TYPES_S, check=False)
    except subprocess.TimeoutExpired as exc:  # its own words repeat the whole command, with what was said
        raise UsageError(f"{name} did not type it within {TYPES_S:.0f} s") from exc
    except OSError as exc:
        raise UsageError(f"{name} did not type it: {exc.strerror}") from exc
    if done.returncode:
        raise UsageError(f"{name} did not type it: {done.stderr.decode(errors='replace').strip()[:200]}")
