"""What `voice COMMAND --help` prints: how it is typed, prose and examples, then arguments and options by their groups.

Belongs here: a command of Typer as rows of a terminal, every word of them at any width. Does not belong here: `voice`
and `voice --help` (help), what the texts say (the commands).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from voicecli.terminal.help import Say, is_code
from voicecli.text.width import cells, wrapped

if TYPE_CHECKING:
    from typer._click.core import Command, Context, Parameter

WIDEST = 100
"""Longer rows are hard to read."""
_FLAGS = 34
"""Cells of the flags' column at most; longer flags have a row of their own."""
_ROOM = 24
"""Cells that a meaning wants beside its flags; with less it stands below them."""
TITLES = ("Usage", "Examples", "Arguments", "Options", "Commands")
USAGE, EXAMPLES, ARGUMENTS, OPTIONS, COMMANDS = TITLES


def manual(command: Command, ctx: Context, columns: int, say: Say) -> str:
    """The whole text. Raises nothing; hidden options are left out."""
    width = min(columns, WIDEST) - 1
    usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    lines = [wrapped(f"{say(USAGE)}: {usage}", width, "    "), ""]
    for part in (command.help or "").strip().split("\n\n"):
        part = part.replace(f"{EXAMPLES}:", f"{say(EXAMPLES)}:", 1)
        lines += [wrapped(part, width, "    ") if is_code(part) else wrapped(part, width), ""]
    for title, rows in _sections(command, ctx):
        lines += [f"{say(title)}:", *_table([(flags, say(meaning)) for flags, meaning in rows], width), ""]
    return "\n".join(lines).rstrip() + "\n"


def _sections(command: Command, ctx: Context) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    subs = getattr(command, "commands", {})
    if subs:
        yield COMMANDS, [(name, (sub.help or "").partition("\n\n")[0]) for name, sub in subs.items()]
    found: dict[str, list[tuple[str, str]]] = {}
    for param in command.get_params(ctx):
        if (record := param.get_help_record(ctx)) is not None:
            found.setdefault(_group(param), []).append(record)
    yield from found.items()


def _group(param: Parameter) -> str:
    usual = ARGUMENTS if param.param_type_name == "argument" else OPTIONS
    return getattr(param, "rich_help_panel", None) or usual


def _table(rows: list[tuple[str, str]], width: int) -> Iterator[str]:
    """Flags, and beside or below them what they mean."""
    column = min(_FLAGS, max(cells(flags) for flags, _ in rows)) + 2
    below = width - column - 2 < _ROOM
    indent = " " * (6 if below else column + 2)
    for flags, meaning in rows:
        head = f"  {flags}"
        if below or cells(flags) > column - 2:
            yield wrapped(head, width, "    ")
            yield wrapped(indent + meaning, width, indent)
        else:
            yield wrapped(head + " " * (column + 2 - cells(head)) + meaning, width, indent).rstrip()
