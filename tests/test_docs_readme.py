"""The two READMEs and the pages of docs/: they say the same, and every command in them works.

A line in a block is run by a shell, in a folder with the files that it names, against a local server. What a `$` opens
is a session: it runs on this machine's own models and prints what the README says. What needs a device or never ends
is parsed by the real command line, as is every command inside a sentence.

Belongs here: what readers type. Does not belong here: pages made from the program (test_docs).
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tests import families, weights
from tests.conftest import ROOT
from tests.fakes.pictures import png
from tests.test_docs_backends import loaded
from voicecli import cli, errors
from voicecli.commands.session import Session
from voicecli.terminal.console import Console
from voicecli.verbs import COMMANDS
from voicecli.wiring import choose

ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md"))
PAGES = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}
LONGEST = 170
LATIN = re.compile(r'"[^"=]*"')


def blocks(text: str, kind: str = "") -> list[str]:
    """What stands in fences of this kind."""
    fences = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [inside for found, inside in fences if found == kind]


def typed(text: str) -> list[str]:
    """What the reader is told to type in blocks, without comments."""
    lines = [line for block in blocks(text) for line in block.splitlines()]
    lines += re.findall(r"^\$ (.*)$", text, re.MULTILINE)
    return [re.sub(r"\s+# .*", "", line) for line in lines if not line.startswith("#")]


def inline(text: str) -> list[str]:
    """Commands inside a sentence; a capital word stands for something."""
    return re.findall(r"`((?:voice|make|python|sudo|uv|pipx) [^`\n]*)`", text)


def told(text: str) -> list[str]:
    """All commands, without texts in quotes, which the languages have of their own."""
    return sorted({LATIN.sub('"…"', line) for line in (*typed(text), *inline(text))})


def parsed(args: list[str]) -> str:
    """The name of the command that the real command line takes `args` for; typer's UsageError where it refuses."""
    if args[:1] == ["help"]:
        return parsed(args[1:])
    if args[0] in ("--help", "--version", "--install-completion"):  # they act, and leave
        return args[0]
    command, context, rest = typer.main.get_command(cli.app), None, args
    while True:
        own: Any = command
        context = own.make_context(own.name or "voice", list(rest), parent=context, obj=Session({}, Console({})))
        rest = [*context._protected_args, *context.args]
        if not hasattr(own, "commands") or not rest:
            return str(own.name)
        _, command, rest = own.resolve_command(context, rest)


def calls(line: str) -> Iterator[list[str]]:
    """The arguments of every `voice` in a line of the shell."""
    for part in re.split(r"[|<]", LATIN.sub('"text"', line)):
        words = shlex.split(part.replace("COMMAND", "talk"))
        if words[:1] == ["voice"]:
            yield words[1:]


EVERYWHERE = {ENGLISH: "README.md", CHINESE: "README.zh.md"} | {text: name for name, text in PAGES.items()}


@pytest.mark.parametrize("text", EVERYWHERE, ids=EVERYWHERE.values())
def test_the_command_line_knows_every_command_that_is_told(text: str) -> None:
    for line in typed(text):
        assert all(map(parsed, filter(None, calls(line)))), line
    for line in inline(text):
        for args in filter(None, calls(line)):
            try:
                assert parsed(args)
            except cli.WRONG_USAGE as exc:  # a sentence may name `voice config`, or `voice talk --save`, and no more
                assert re.search("Missing|requires|NoArgs", f"{type(exc).__name__} {exc}"), line


# -- what can run here -------------------------------------------------------------------------------

ONLY_PARSED = re.compile(r"voice talk|--mic|\| voice speak|voice serve|^make |^uv |^pipx ")
"""What needs a device, never ends, or installs."""
RUN = [line for line in dict.fromkeys(typed(ENGLISH.partition("## The four verbs")[2])) if not ONLY_PARSED.search(line)]


@pytest.mark.parametrize("line", RUN)
@pytest.mark.needs_posix
def test_a_command_of_the_readme_runs(line: str, tmp_path: Path, home: dict[str, str]) -> None:
    families.recorded(tmp_path)
    sound = (tmp_path / "digits.wav").read_bytes()
    for name in ("film.mp4", "recordings/a.wav", "interview.mp3"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(sound)
    (tmp_path / "photo.png").write_bytes(png(families.DIGITS))
    (tmp_path / "chapter.txt").write_text("Dial 12.")
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    row = families.SERVED["openai"]
    with row.serve() as server:
        env = home | families.configured(tmp_path, row.backend(server))
        done = shell(line, tmp_path, env)
    assert done.returncode == 0, done.stderr


def shell(line: str, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    program = f'voice() {{ "{sys.executable}" -m voicecli "$@"; }}; set -o pipefail; '
    return subprocess.run(
        ["bash", "-c", program + line], cwd=folder, env=env, capture_output=True, text=True, timeout=90
    )


ELSEWHERE = {"piper-en-joe: 63 MB": "piper-en-ljspeech: 64 MB", "piper-en-joe": "piper-en-ljspeech"}
"""What is fetched where a registry of packages is all that can be reached, as in tests, and what the README shows."""


@pytest.mark.needs_models
@pytest.mark.needs_posix
def test_the_first_minute_prints_what_the_readme_says(tmp_path: Path, home: dict[str, str]) -> None:
    (session,) = blocks(ENGLISH, "console")
    for step in session.split("$ ")[1:]:
        line, _, output = step.partition("\n")
        done = shell(line, tmp_path, home | weights.ENV)
        printed = done.stdout.replace(str(weights.FOLDER), "~/.local/share/voicecli/models")
        for fetched, usual in ELSEWHERE.items():
            printed = printed.replace(fetched, usual)
        assert (done.returncode, printed) == (0, output), done.stderr


@pytest.mark.parametrize("recipe", blocks(ENGLISH, "toml"))
def test_a_recipe_is_a_whole_configuration(recipe: str, tmp_path: Path) -> None:
    config = loaded(recipe, tmp_path)
    for verb in ("transcribe", "chat", "speak"):
        family, backend = choose(verb, config)
        assert family.can(verb) and f'{verb} = "{backend.name}"' in recipe
        assert backend.key is None


# -- the two say the same ----------------------------------------------------------------------------


def test_both_readmes_are_short_and_tell_the_same_commands_and_recipes() -> None:
    assert ENGLISH.count("\n") <= LONGEST and CHINESE.count("\n") <= LONGEST
    assert told(CHINESE) == told(ENGLISH)
    bare = [[re.sub(r"#.*", "#", each) for each in blocks(text, "toml")] for text in (ENGLISH, CHINESE)]
    assert bare[0] == bare[1]
    assert blocks(CHINESE, "console") == blocks(ENGLISH, "console")


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["english", "chinese"])
def test_both_readmes_lead_to_every_command(text: str) -> None:
    assert sorted(set(re.findall(r"docs/commands/(\w+)\.md", text))) == sorted(COMMANDS)


@pytest.mark.parametrize(("english", "chinese"), [("## Figures", "## 测得的数据")])
def test_both_readmes_tell_the_same_figures_which_are_those_of_the_page(english: str, chinese: str) -> None:
    numbers = [
        sorted(re.findall(r"\d+", text.partition(mark)[2].partition("\n[")[0]))
        for text, mark in ((ENGLISH, english), (CHINESE, chinese))
    ]
    assert numbers[0] == numbers[1]
    assert set(numbers[0]) <= set(re.findall(r"\d+", PAGES["performance.md"]))


@pytest.mark.parametrize("text", EVERYWHERE, ids=EVERYWHERE.values())
def test_every_link_leads_to_a_file_and_its_heading(text: str) -> None:
    folder = ROOT if text in (ENGLISH, CHINESE) else ROOT / "docs"
    for path, anchor in re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", text):
        if path and (folder / path).is_dir() and not anchor:
            continue
        page = (folder / path).read_text(encoding="utf-8") if path else text
        headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


# -- the pages ---------------------------------------------------------------------------------------


def rows_after(text: str, mark: str) -> list[list[str]]:
    """The cells of the first table behind `mark`, without its head."""
    table = re.search(r"^\|.*?(?=^$)", text.partition(mark)[2], re.MULTILINE | re.DOTALL)
    assert table is not None
    return [re.split(r" *(?<!\\)\| *", line.strip("| ")) for line in table[0].splitlines()[2:]]


def test_every_exit_code_is_told_and_no_other() -> None:
    def codes(kind: type[errors.VoiceError]) -> set[int]:
        return {kind.exit_code}.union(*map(codes, kind.__subclasses__()))

    told = {int(row[0]) for row in rows_after(PAGES["scripting.md"], "## Exit codes")}
    assert told == {0, errors.INTERRUPTED} | codes(errors.VoiceError)


def test_every_dependency_is_told_and_no_other() -> None:
    wanted = re.search(r"^dependencies = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL)
    assert wanted is not None
    rows = rows_after(PAGES["development.md"], "## What it is made of")
    told = [re.sub(r" \(.*", "", name) for row in rows for name in row[0].split(", ")]
    assert sorted(told) == sorted(set(re.findall(r'"([\w-]+)', wanted[1])))
