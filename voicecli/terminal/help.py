"""What `voice` and `voice --help` print: a dozen lines, and one screen by groups.

Pure. Belongs here: the words' layout. Does not belong here: which commands there are (verbs), the help of one command
(its docstring, which Typer lays out).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
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
    ('voice speak "Good morning." -o hello.wav', "read a text aloud or into a file"),
    ('git diff | voice chat "Review this change."', "ask a chat model"),
    ("voice setup", "set up a service or this machine"),
)

ALSO = "Also"
USAGE = "Usage"
WIDEST = 99
"""Longer rows are hard to read."""
ROOM = 24
"""Cells that a meaning wants beside its flags; with less it stands below them."""

Rows = Sequence[tuple[str, str]]
Say = Callable[[str], str]


def short(say: Say, columns: int) -> str:
    """For `voice` alone, in rows of at most so many columns."""
    from voicecli.text.width import headed

    names = [name for name in COMMANDS if not any(f"voice {name} " in f"{line} " for line, _ in EXAMPLES)]
    examples = table([(line, say(what)) for line, what in EXAMPLES], columns, max(len(line) for line, _ in EXAMPLES))
    also = headed(say(ALSO), ", ".join(names) + ".")
    return _joined([say(ABOUT), "", *examples, "", also, say(ALONE), say(MORE)], columns)


def whole(options: Rows, say: Say, columns: int) -> str:
    """For `voice --help`: the commands by their groups, then the options that every command has."""
    from voicecli.text.width import headed

    lines = [headed(say(USAGE), "voice [OPTIONS] COMMAND [ARGS]..."), "", say(ABOUT)]
    for group, commands in groupby(COMMANDS.values(), lambda each: each.group):
        lines += ["", headed(say(group)), *table([(each.name, say(each.line)) for each in commands], columns)]
    lines += ["", say(OPTIONS), *table([(flag, say(what)) for flag, what in options], columns)]
    return _joined([*lines, "", say(HELP)], columns)


def _joined(lines: Iterable[str], columns: int) -> str:
    from voicecli.text.width import wrapped

    return "".join(wrapped(line, columns) + "\n" for line in lines)


def table(rows: Rows, width: int, widest: int = 34) -> Iterator[str]:
    """Names or flags, and beside or below them what they mean; names of more cells than `widest` have their own row."""
    from voicecli.text.width import cells, wrapped  # needed by help alone, and every command starts with this file

    column = min(widest, max(cells(name) for name, _ in rows)) + 2
    below = width - column - 2 < ROOM
    indent = " " * (6 if below else column + 2)
    for name, meaning in rows:
        head = f"  {name}"
        if below or cells(name) > column - 2:
            yield wrapped(head, width, "    ")
            yield wrapped(indent + meaning, width, indent)
        else:
            yield wrapped(head + " " * (column + 2 - cells(head)) + meaning, width, indent).rstrip()


def is_code(paragraph: str) -> bool:
    """Whether a paragraph of help is kept line by line: examples."""
    return paragraph.startswith(" ") or "\n " in paragraph
