"""What `voice` and `voice --help` print: a dozen lines, and one screen by groups.

Pure. Belongs here: the words' layout. Does not belong here: which commands there are (verbs), the help of one command
(its docstring, which Typer lays out).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from voicecli.verbs import COMMANDS

ABOUT = "The command-line voice assistant: talk, transcribe, speak and chat, over any service or none."
ALONE = "With nothing configured, everything runs on this machine, without a key or a network."
MORE = "More: voice --help, voice help COMMAND"
OPTIONS = "Options, before a command or after it:"
HELP = "A command by itself, with examples: voice help COMMAND, or voice COMMAND --help"

EXAMPLES = (
    ("voice talk", "hold a spoken conversation"),
    ("voice transcribe interview.mp3 -o talk.txt", "turn a recording into text"),
    ('voice speak "Good morning." -o hello.wav', "read a text aloud, or into a file"),
    ('git diff | voice chat "Review this change."', "ask a chat model"),
    ("voice setup", "set up a service, or this machine"),
)

Rows = Iterable[tuple[str, str]]
Say = Callable[[str], str]


def short(say: Say) -> str:
    """For `voice` alone."""
    names = [name for name in COMMANDS if not any(f"voice {name} " in f"{line} " for line, _ in EXAMPLES)]
    also = say(f"Also: {', '.join(names)}.")
    examples = ((line, say(what)) for line, what in EXAMPLES)
    lines = [say(ABOUT), "", *table(examples), "", *wrapped(also), say(ALONE), say(MORE)]
    return "\n".join(lines) + "\n"


def whole(options: Rows, say: Say) -> str:
    """For `voice --help`: the commands by their groups, then the options that every command has."""
    lines = ["Usage: voice [OPTIONS] COMMAND [ARGS]...", "", say(ABOUT)]
    for group, commands in groupby(COMMANDS.values(), lambda each: each.group):
        lines += ["", f"{say(group)}:", *table((each.name, say(each.line)) for each in commands)]
    lines += ["", say(OPTIONS), *table((flag, say(what)) for flag, what in options)]
    lines += ["", say(HELP)]
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


def is_code(paragraph: str) -> bool:
    """Whether a paragraph of help is kept line by line: examples."""
    return paragraph.startswith(" ") or "\n " in paragraph
