"""The text that a person gave a command: as arguments, in a file, or through a pipe.

Belongs here: which of them it is, and what is said when there is none. Does not belong here: what it is for, reading
files and pipes (usecases.inputs).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.errors import InputError, UsageError
from voicecli.text.decoding import exact_text
from voicecli.usecases.inputs import STD, read_text

if TYPE_CHECKING:
    from voicecli.terminal.console import Console


def by_pipe(words: list[str] | None, input: str | None) -> bool:
    """Whether neither arguments nor a file were given, or a dash in their place: stdin is meant."""
    return words in (None, [], [STD]) and input in (None, STD)


def text(console: Console, words: list[str] | None, input: str | None = None, *, cure: str) -> str:
    """The arguments, joined, else the text of the file `input`, else what is piped in.

    Raises UsageError for none or for two, InputError for what can't be read.
    """
    if words and input is not None:
        raise UsageError("there is a text and -i", cure="Give one of them.")
    if not by_pipe(words, input):
        return " ".join(words) if words else read_text(Path(str(input)))
    if console.in_is_terminal:
        raise UsageError("no text was given", cure=cure)
    return exact_text(console.piped_bytes(), "stdin")


def words(console: Console, given: list[str] | None) -> str:
    """A text without a flag for its file, trimmed. Raises UsageError and InputError for none."""
    found = text(console, given, cure="Write it behind the command, or pipe it in.").strip()
    if not found:
        raise InputError("the text is empty")
    return found


def lines(console: Console, given: list[str] | None, input: str | None) -> list[str]:
    """Texts: each argument, or each line of `input` or of stdin that is not blank. Raises UsageError and InputError."""
    if given and given != [STD] and input is None:
        found = [each.strip() for each in given]
        if not all(found):
            raise InputError("one of the texts is empty")
        return found
    cure = "Write them behind the command, or pipe them in, one a line."
    whole = text(console, given, input, cure=cure)
    if not (found := [line.strip() for line in whole.splitlines() if line.strip()]):
        raise InputError("there are no texts", cure="The input is empty.")
    return found
