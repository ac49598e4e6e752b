"""The clipboard for `--copy`, by a program that must be here: it is refused before any work is paid for.

Belongs here: finding it, and giving it a text. Does not belong here: what is copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from voicecli.errors import UsageError

CLIPBOARDS = (
    ("pbcopy",),
    ("wl-copy",),
    ("xclip", "-selection", "clipboard"),
    ("xsel", "--clipboard", "--input"),
    ("clip.exe",),
)
"""Programs that take stdin to the clipboard; the first that is there is used."""


def clipboard(env: Mapping[str, str]) -> tuple[str, ...]:
    """The program that reaches the clipboard. Raises UsageError when there is none."""
    import shutil

    wayland, screen = bool(env.get("WAYLAND_DISPLAY")), bool(env.get("DISPLAY"))
    usable = {"wl-copy": wayland, "xclip": screen, "xsel": screen}
    for program, *rest in CLIPBOARDS:
        found = shutil.which(program, path=env.get("PATH")) if usable.get(program, True) else None
        if found:
            return found, *rest
    names = ", ".join(each[0] for each in CLIPBOARDS)
    raise UsageError("--copy finds no way to the clipboard", cure=f"Install one of: {names}.")


def copy(program: tuple[str, ...], text: str) -> None:
    """Puts the text on the clipboard. Raises UsageError when the program fails."""
    import subprocess

    quiet = subprocess.DEVNULL
    try:
        done = subprocess.run(program, input=text.encode("utf-8", "replace"), stdout=quiet, stderr=quiet, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise UsageError(f"--copy failed: {exc}") from exc
    if done.returncode:
        raise UsageError(f"--copy failed: {Path(program[0]).name} ended with {done.returncode}")
