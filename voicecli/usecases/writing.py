"""What a piece of work writes: where it may go, that it appears whole, and the one line that says so.

Belongs here: what every command that writes has to refuse and to tell. Does not belong here: formats, flags.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from voicecli.errors import UsageError
from voicecli.text.figures import length, size
from voicecli.usecases.inputs import STD

if TYPE_CHECKING:
    from voicecli.ports import Reporter


def refuse_target(target: Path | str | None, *inputs: Path | str | None, flag: str = "-o") -> None:
    """Raises UsageError for a file that could not be written, or is an input, before anything is paid for.

    None and - are stdout, which always can be.
    """
    from voicecli.storage.writing import refuse_input, writable

    if target in (None, STD):
        return
    target = Path(str(target))
    with writable(target):
        with suppress(FileNotFoundError):
            target.stat()
        if target.is_dir():
            raise UsageError(f"{flag} {target} is a folder", cure="Name a file in it.")
        if not target.absolute().parent.is_dir():
            raise UsageError(f"{flag} {target}: there is no such folder", cure=f"Make it: mkdir -p {target.parent}")
        refuse_input(target, *(each for each in inputs if each != STD))


def refuse_terminal(output: str | None, is_terminal: bool, what: str, example: str) -> None:
    """Raises UsageError where the bytes of `what` would be written to a terminal, which they upset."""
    if output == STD and is_terminal:
        raise UsageError(f"a terminal cannot show {what}", cure=f"Give -o {example}, or pipe it on.")


@dataclass(slots=True)
class Output:
    """A file on its way. Who writes sound tells how long it lasts, in seconds."""

    file: BinaryIO
    seconds: float | None = None


@contextmanager
def output(path: Path, report: Reporter) -> Iterator[Output]:
    """A file that appears whole or not at all; that it did is told. Raises UsageError: it cannot be written."""
    from voicecli.storage.writing import atomic

    replaced = path.exists()
    with atomic(path) as file:
        found = Output(file)
        yield found
    if path.is_file():  # of a pipe or a device nobody asks what it holds
        report.note(told(path, found.seconds, replaced=replaced))


def owned(path: Path, text: str) -> str:
    """Writes what was said, whole or not at all; a new file is its owner's alone. Returns the line that tells of it."""
    from voicecli.config.files import write_whole

    replaced = path.exists()
    write_whole(path, text)
    return told(path, replaced=replaced)


def told(path: Path, seconds: float | None = None, *, replaced: bool = False) -> str:
    """ "wrote hello.wav (0.7 s, 31 kB)": the line about a file that was written just now."""
    figures = ", ".join([*([] if seconds is None else [length(seconds)]), size(path.stat().st_size)])
    return f"replaced {path} ({figures})" if replaced else f"wrote {path} ({figures})"
