"""What `voice` and `voice --help` print: a dozen lines, and one screen by groups.

Pure. Belongs here: the words' layout. Does not belong here: which commands there are (verbs), the help of one command
(its docstring, which Typer lays out).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from voicecli.verbs import COMMANDS

ABOUT = "The command-line voice assistant: talk, transcribe, speak and chat, over any service or none."

EXAMPLES = (
    ("voice talk", "hold a spoken conversation"),
    ("voice transcribe interview.mp3 -o talk.txt", "turn a recording into text"),
    ('voice speak "Good morning." -o hello.wav', "read a text aloud, or into a file"),
    ('git diff | voice chat "Review this change."', "ask a chat model"),
    ("voice setup", "set up a service, or this machine"),
)

Rows = Iterable[tuple[str, str]]


def short() -> str:
    """For `voice` alone."""
    names = [name for name in COMMANDS if not any(f"voice {name} " in f"{line} " for line, _ in EXAMPLES)]
    also = f"Also: {', '.join(names)}."
    more = "With nothing configured, everything runs on this machine, without a key or a network."
    lines = [ABOUT, "", *table(EXAMPLES), "", *wrapped(also), more, "More: voice --help, voice help COMMAND"]
    return "\n".join(lines) + "\n"


def whole(options: Rows) -> str:
    """For `voice --help`: the commands by their groups, then the options that every command has."""
    lines = ["Usage: voice [OPTIONS] COMMAND [ARGS]...", "", ABOUT]
    for group, commands in groupby(COMMANDS.values(), lambda each: each.group):
        lines += ["", f"{group}:", *table((each.name, each.line) for each in commands)]
    lines += ["", "Options, before a command or after it:", *table(options)]
    lines += ["", "voice help COMMAND (or voice COMMAND --help) shows what one can do, with examples."]
    return "\n".join(lines) + "\n"


def table(rows: Rows) -> Iterator[str]:
    """Two columns, the first as wide as it needs."""
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    return (f"  {name:<{width}}  {line}".rstrip() for name, line in rows)


def wrapped(text: str, width: int = 79) -> list[str]:
    """A paragraph that no terminal need break."""
    from textwrap import wrap

    return wrap(text, width)
