"""Writes what the documentation says of the program from the program: pages of commands, and the capability table.

    .venv/bin/python scripts/make_docs.py [--check]

docs/commands/NAME.md and docs/man/voice-NAME.1 (`make man`) come from the help texts; in docs/backends.md, the table of
capabilities comes from the registry of families and the checklist from the table of endpoints.
--check writes nothing and exits with 1 where a file is not what it should be. tests/test_docs.py does the same.

Belongs here: turning commands and families into Markdown. Does not belong here: any fact about either.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from scripts import roff  # noqa: E402
from voicecli import __version__, cli, errors  # noqa: E402
from voicecli.backends.family import Endpoint  # noqa: E402
from voicecli.backends.registry import ENDPOINTS, FAMILIES  # noqa: E402
from voicecli.commands.backends import capabilities  # noqa: E402
from voicecli.commands.session import shared_options  # noqa: E402
from voicecli.terminal.help import ABOUT, ALONE, HELP  # noqa: E402
from voicecli.verbs import COMMANDS, VERBS  # noqa: E402

PAGES = ROOT / "docs" / "commands"
MANUALS = ROOT / "docs" / "man"
PICTURES = ROOT / "docs" / "pictures"
BACKENDS = ROOT / "docs" / "backends.md"
TABLE = re.compile(r"(<!-- capabilities[^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)
NOTE = "<!-- made by scripts/make_docs.py from the help texts: change those -->"


# -- the capability table --------------------------------------------------------------------------


def capability_table() -> str:
    """What each family can do, as a Markdown table: a row for each verb."""
    can = {family.name: capabilities(family.at_best) for family in FAMILIES.values()}
    rows = [["", *can], ["---"] * (1 + len(can))]
    rows += [[row.title, *(_code(each[row.name]) for each in can.values())] for row in VERBS.values()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _code(cell: str) -> str:
    """ "with live_url or bridge" with the setting as code."""
    word, *rest = cell.split(" ", 2)
    return " ".join([word, f"`{rest[0]}`", *rest[1:]]) if rest else cell


def with_table(text: str) -> str:
    """docs/backends.md with the table between its marks."""
    return TABLE.sub(lambda found: found[1] + capability_table() + found[2], text)


# -- the checklist of endpoints --------------------------------------------------------------------

CHECKLIST = re.compile(r"(<!-- endpoints[^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)


def checklist() -> str:
    """Every endpoint, and the commands that ask it, as a Markdown table."""
    rows = [["Family", "Endpoint", "Used by"], ["---"] * 3]
    rows += [[family, _endpoint(each), used_by(each)] for family, table in ENDPOINTS.items() for each in table]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _endpoint(each: Endpoint) -> str:
    return f"`{each.method} {each.path}`" + (f" ({each.server})" if each.server else "")


def used_by(each: Endpoint) -> str:
    """The commands of an endpoint's verbs, each once, and when it is asked."""
    all_of_them = dict.fromkeys(command for verb in each.verbs for command in VERBS[verb].commands)
    commands = [each.command] if each.command else all_of_them
    return ", ".join(f"`voice {command}`" for command in commands) + (f", {each.note}" if each.note else "")


def with_checklist(text: str) -> str:
    """docs/backends.md with the checklist between its marks."""
    return CHECKLIST.sub(lambda found: found[1] + checklist() + found[2], text)


# -- pages -----------------------------------------------------------------------------------------


def pages() -> dict[str, str]:
    """Every page of docs/commands by its file name."""
    made = {f"{name}.md": _page(name) for name in COMMANDS}
    return made | {"README.md": _contents()}


def _contents() -> str:
    lines = [f"| [`voice {name}`]({name}.md) | {each.line} |" for name, each in COMMANDS.items()]
    table = "\n".join(["| command | |", "|---|---|", *lines])
    shared = "\n".join(_table("option", [(_names(each), _meaning(each)) for each in shared_options()]))
    return f"{NOTE}\n\n# Commands\n\n{table}\n\n## For every command\n\n{shared}\n"


def _page(name: str) -> str:
    command = cli.load(name)
    parts = [NOTE, *_described(command, f"voice {name}", "#")]
    for sub in getattr(command, "commands", {}).values():
        parts += _described(sub, f"voice {name} {sub.name}", "##")
    return (
        "\n\n".join([*parts, "Options for every command are in the [list of commands](README.md#for-every-command)."])
        + "\n"
    )


def own(command: Any) -> tuple[list[Any], list[Any]]:
    """Its arguments, and its options without those of every command."""
    shared = {opt for option in shared_options() for opt in option.opts}
    own = [each for each in command.params if not shared & set(each.opts) and not each.hidden]
    return [each for each in own if each.param_type_name == "argument"], [
        each for each in own if each.param_type_name == "option"
    ]


def _described(command: Any, name: str, mark: str) -> Iterator[str]:
    """A command's heading, what it does, its arguments and its options."""
    arguments, options = own(command)
    yield f"{mark} {name}"
    if (PICTURES / f"{name.removeprefix('voice ')}.svg").exists():
        yield f"![{name} at work](../pictures/{name.removeprefix('voice ')}.svg)"
    yield from _paragraphs(command.help or "")
    if arguments:
        rows = [(_as_code(_metavar(command, each)), _meaning(each)) for each in arguments]
        yield "\n".join(_table("argument", rows))
    if options:
        yield "\n".join(_table("option", [(_names(each), _meaning(each)) for each in options]))


def _paragraphs(text: str) -> Iterator[str]:
    """Help as it is written, its indented lines as code."""
    for paragraph in text.strip().split("\n\n"):
        lines = paragraph.split("\n")
        prose = [line for line in lines if not line.startswith(" ")]
        code = [line.strip() for line in lines if line.startswith(" ")]
        if prose:
            yield textwrap.fill(_escaped(" ".join(prose)), 118, break_long_words=False, break_on_hyphens=False)
        if code:
            yield "\n".join(["```", *code, "```"])


def _table(title: str, rows: list[tuple[str, str]]) -> Iterator[str]:
    yield from (f"| {title} | |", "|---|---|")
    yield from (f"| {name} | {meaning} |" for name, meaning in rows)


def _metavar(command: Any, argument: Any) -> str:
    return str(argument.make_metavar(command.make_context("voice", [], resilient_parsing=True)))


def _typed(option: Any) -> list[str]:
    """Each way in which an option is typed."""
    takes = "" if option.is_flag or option.count else f" {option.metavar or option.type.name.upper()}"
    return [name + takes for name in (*option.opts, *option.secondary_opts)]


def _names(option: Any) -> str:
    return ", ".join(map(_as_code, _typed(option)))


def _meaning(param: Any) -> str:
    return _escaped(_plain(param))


def _as_code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def _escaped(text: str) -> str:
    return re.sub(r"([|<*_])", r"\\\1", text)


# -- manual pages ----------------------------------------------------------------------------------


def manuals() -> dict[str, str]:
    """Every page of docs/man by its file name."""
    made = {f"voice-{name}.1": _manual(name) for name in COMMANDS}
    return made | {"voice.1": roff.page("voice", ABOUT.rstrip("."), "voice COMMAND ...", __version__, _overview())}


def _overview() -> Iterator[str]:
    yield from roff.section("DESCRIPTION", roff.prose(f"{ALONE}\n\n{HELP}"))
    yield from roff.section("COMMANDS", roff.listed((f"voice {name}", each.line) for name, each in COMMANDS.items()))
    yield from roff.section("OPTIONS", roff.listed(_flags(shared_options())))
    yield from roff.section("EXIT STATUS", roff.listed(_exit_codes()))


def _exit_codes() -> list[tuple[str, str]]:
    """As the tree of errors tells them."""
    told: dict[str, list[str]] = {"0": ["done"]}
    for code, what in re.findall(r"(\d+) {2,4}(\S.*)", errors.__doc__ or ""):
        told.setdefault(code, []).append(what)
    return [(code, "; ".join(what)) for code, what in told.items()] + [("130", "Ctrl-C")]


def _manual(name: str) -> str:
    command = cli.load(name)
    parts = list(_sections(command))
    for sub in getattr(command, "commands", {}).values():
        parts += roff.section(f"voice {name} {sub.name}", _sections(sub, below=True))
    parts += roff.section("SEE ALSO", roff.prose("voice(1) has the options of every command, and the exit codes."))
    typed = command.collect_usage_pieces(command.make_context(name, [], resilient_parsing=True))
    usage = " ".join([f"voice {name}", *typed])
    return roff.page(f"voice-{name}", COMMANDS[name].line.rstrip("."), usage, __version__, parts)


def _sections(command: Any, *, below: bool = False) -> Iterator[str]:
    arguments, options = own(command)
    said = roff.prose(command.help or "")
    rows = roff.listed([*((_metavar(command, each), _plain(each)) for each in arguments), *_flags(options)])
    yield from said if below else roff.section("DESCRIPTION", said)
    yield from rows if below else roff.section("OPTIONS", rows)


def _flags(options: list[Any]) -> Iterator[tuple[str, str]]:
    return ((", ".join(_typed(each)), _plain(each)) for each in options)


def _plain(param: Any) -> str:
    return " ".join((param.help or "").split())


# -- writing ---------------------------------------------------------------------------------------


def wanted() -> dict[Path, str]:
    """Every file that is made here, and what it should hold."""
    made = {PAGES / name: text for name, text in pages().items()}
    made |= {MANUALS / name: text for name, text in manuals().items()}
    return made | {BACKENDS: with_checklist(with_table(BACKENDS.read_text(encoding="utf-8")))}


def stale() -> list[Path]:
    """Files that are not what they should be, and pages of commands that are no more."""
    goals = wanted()
    changed = [path for path, text in goals.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    return changed + [path for path in (*PAGES.glob("*.md"), *MANUALS.glob("*.1")) if path not in goals]


def main() -> int:
    """Writes what is stale, or only tells of it."""
    check, goals = "--check" in sys.argv[1:], wanted()
    paths = stale()
    MANUALS.mkdir(exist_ok=True)
    for path in paths:
        print(f"{'stale' if check else 'written'}: {path.relative_to(ROOT)}")
        if not check and path in goals:
            path.write_text(goals[path], encoding="utf-8")
        elif not check:
            path.unlink()
    return 1 if check and paths else 0


if __name__ == "__main__":
    sys.exit(main())
