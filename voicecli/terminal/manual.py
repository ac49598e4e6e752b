"""What `voice COMMAND --help` prints: how it is typed, prose and examples, then arguments and options by their groups.

Belongs here: a command of Typer as rows of a terminal, every word of them at any width. Does not belong here: `voice`
and `voice --help` (help), what the texts say (the commands).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from voicecli.terminal.help import USAGE, Say, is_code, table
from voicecli.text.width import headed, wrapped

if TYPE_CHECKING:
    from typer._click.core import Command, Context, Parameter

TITLES = ("Examples", "Arguments", "Options", "Commands")
DEFAULT, REQUIRED = "default", "required"
EXAMPLES, ARGUMENTS, OPTIONS, COMMANDS = TITLES


def manual(command: Command, ctx: Context, width: int, say: Say) -> str:
    """The whole text, in rows of at most so many columns. Raises nothing; hidden options are left out."""
    pieces = command.collect_usage_pieces(ctx)
    for each in command.params:
        if getattr(each, "hidden", False):
            pieces = [piece for piece in pieces if piece not in each.get_usage_pieces(ctx)]
    usage = " ".join([ctx.command_path, *pieces])
    lines = [wrapped(headed(say(USAGE), usage), width, "    "), ""]
    for part in (command.help or "").strip().split("\n\n"):
        part = part.replace(f"{EXAMPLES}:", headed(say(EXAMPLES)), 1)
        lines += [wrapped(part, width, "    ") if is_code(part) else wrapped(part, width), ""]
    for title, rows in _sections(command, ctx):
        lines += [headed(say(title)), *table([(flags, _meant(meaning, say)) for flags, meaning in rows], width), ""]
    return "\n".join(lines).rstrip() + "\n"


def _meant(meaning: str, say: Say) -> str:
    """What a flag is for, the value that it has without being given, and whether it must be."""
    text, default, value = meaning.partition(f"  [{DEFAULT}: ")
    text, required, _ = text.partition(f"  [{REQUIRED}]")
    told = say(text) + (f"  [{say(REQUIRED)}]" if required else "")
    return told + (f"  [{headed(say(DEFAULT), value)}" if default else "")


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
