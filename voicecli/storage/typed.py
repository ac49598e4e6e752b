"""The lines that were typed at the prompt of `voice chat`, kept so that the arrow keys bring them back.

Belongs here: the file, which lines of it go when conversations do. Does not belong here: the prompt itself
(terminal.prompt, whose library writes the file), the conversations (conversations).

An entry is a comment with the local time, then each of its lines behind a "+".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from voicecli.errors import InputError
from voicecli.storage.atomic import replace_file

NAME = "typed"
"""The file, in the folder for state."""


@dataclass(frozen=True, slots=True)
class TypedLine:
    """What was typed at once; `at` in seconds since 1970, 0 where that is not known."""

    at: float
    text: str


def entries(path: Path) -> list[TypedLine]:
    """What the file holds, the oldest first; nothing where there is none. OSError where it cannot be read."""
    try:
        lines = path.read_bytes().decode("utf-8", "replace").split("\n")
    except FileNotFoundError:
        return []
    return list(_parsed(lines))


def _parsed(lines: Iterable[str]) -> Iterator[TypedLine]:
    at, text = 0.0, list[str]()
    for line in (*lines, ""):
        if line.startswith("+"):
            text.append(line[1:])
            continue
        if text:
            yield TypedLine(at, "\n".join(text))
        text = []
        at = _moment(line[1:]) if line.startswith("#") else at


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text.strip()).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


def forget(path: Path, goes: Callable[[TypedLine], bool]) -> None:
    """Takes out the entries that `goes` names; without any left the file is gone. Raises InputError."""
    try:
        found = entries(path)
        stay = [each for each in found if not goes(each)]
        if not stay:
            path.unlink(missing_ok=True)
        elif len(stay) < len(found):
            _write(path, stay)
    except OSError as exc:
        raise InputError(f"cannot be cleared: {exc.strerror or exc}", who=str(path)) from exc


def _write(path: Path, stay: Iterable[TypedLine]) -> None:
    text = ""
    for each in stay:
        lines = "".join(f"+{line}\n" for line in each.text.split("\n"))
        text += f"\n# {datetime.fromtimestamp(each.at)}\n{lines}"
    replace_file(path, text.encode())
