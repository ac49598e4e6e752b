"""Text typed into whatever window has the keyboard, by a program of the desktop.

Belongs here: finding such a program, and handing it a text. Does not belong here: which text.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from shutil import which

from voicecli.errors import UsageError

PROGRAMS: Sequence[tuple[str, str, tuple[str, ...]]] = (
    ("osascript", "", ("-e", "on run argv", "-e", 'tell application "System Events" to keystroke (item 1 of argv)')),
    ("wtype", "WAYLAND_DISPLAY", ()),
    ("ydotool", "", ("type",)),
    ("xdotool", "DISPLAY", ("type", "--clearmodifiers")),
)
"""Programs, the variable that says that their desktop is there, and what stands before `--` and the text."""
PATIENCE_S = 30.0


def typist(env: Mapping[str, str]) -> Callable[[str], None]:
    """What types a text; it raises UsageError where the program fails. Raises UsageError for none."""
    for name, desktop, arguments in PROGRAMS:
        if (not desktop or env.get(desktop)) and (path := which(name, path=env.get("PATH"))):
            command = [path, *arguments, *(["--"] if name != "osascript" else [])]
            return lambda text: _typed(name, [*command, text])
    names = ", ".join(name for name, *_ in PROGRAMS)
    raise UsageError("nothing that types was found", cure=f"Install one of: {names}.")


def _typed(name: str, command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise UsageError(f"{name} did not type it: {exc}") from exc
    if done.returncode:
        raise UsageError(f"{name} did not type it: {done.stderr.decode(errors='replace').strip()[:200]}")
