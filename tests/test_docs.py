"""The documentation that is made from the program is what the program would make of itself now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts import make_docs
from tests.conftest import ROOT
from voicecli import errors
from voicecli.backends.registry import FAMILIES
from voicecli.verbs import COMMANDS, VERBS


def test_nothing_is_stale() -> None:
    stale = [str(path.relative_to(ROOT)) for path in make_docs.stale()]
    assert stale == [], "run: .venv/bin/python scripts/make_docs.py"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_page_that_opens_with_examples(name: str) -> None:
    text = (ROOT / "docs" / "commands" / f"{name}.md").read_text(encoding="utf-8")
    assert f"# voice {name}\n" in text
    assert f"```\nvoice {name}" in text
    assert "[not dim]" not in text


def test_the_table_in_the_readme_has_every_family_and_no_other() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("<!-- capabilities")[2].partition("<!-- end -->")[0]
    head, _, *rows = [[each.strip() for each in line.split("|")[1:-1]] for line in table.splitlines()[1:]]
    assert head[1:] == list(FAMILIES)
    assert [row[0] for row in rows] == [row.title for row in VERBS.values()]
    for verb, (_, *cells) in zip(VERBS, rows, strict=True):
        has = [family.at_best.can(verb) for family in FAMILIES.values()]
        assert [cell.split()[0] in ("yes", "with") for cell in cells] == has, verb


def test_a_stale_table_and_a_missing_page_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "README.md"
    old.write_text("a\n<!-- capabilities -->\nold\n<!-- end -->\nb\n")
    monkeypatch.setattr(make_docs, "READMES", (old,))
    monkeypatch.setattr(make_docs, "PAGES", tmp_path)
    assert old in make_docs.stale()
    assert tmp_path / "speak.md" in make_docs.stale()
    filled = make_docs.with_table(old.read_text())
    assert "old" not in filled
    assert re.match(r"a\n<!-- capabilities -->\n\|  \| openai \|", filled)
    assert filled.endswith("<!-- end -->\nb\n")


# -- the two READMEs ---------------------------------------------------------------------------------

ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md"))


def commands_in(text: str) -> list[str]:
    """What the reader is told to type, without comments and without texts in quotes."""
    lines = re.findall(r"^(?:voice|make|git|export) .*$", text, re.MULTILINE)
    lines += re.findall(r"`((?:voice|make|python|pipx|sudo) [^`\n]*)`", text)
    return sorted({re.sub(r'"[^"=]*"', '"…"', line.partition("  #")[0]).strip() for line in lines})


def rows_after(text: str, mark: str) -> list[list[str]]:
    """The cells of the first table behind `mark`, without its head."""
    table = re.search(r"^\|.*?(?=^$)", text.partition(mark)[2], re.MULTILINE | re.DOTALL)
    assert table is not None
    return [re.split(r" *(?<!\\)\| *", line.strip("| ")) for line in table[0].splitlines()[2:]]


def test_both_readmes_tell_the_same_commands() -> None:
    assert commands_in(CHINESE) == commands_in(ENGLISH)


@pytest.mark.parametrize("text", [ENGLISH, CHINESE], ids=["english", "chinese"])
def test_both_readmes_tell_of_every_command_in_a_table_and_show_it_used(text: str) -> None:
    found = re.findall(r"docs/commands/(\w+)\.md", text)
    assert sorted({*found} - {"README"}) == sorted(COMMANDS)
    for row in VERBS.values():
        assert not row.ability or any(line.startswith(f"voice {row.commands[0]} ") for line in commands_in(text)), row


@pytest.mark.parametrize(("english", "chinese"), [("## Figures", "## 测得的数据"), ("## Exit codes", "## 退出码")])
def test_both_readmes_tell_the_same_figures_and_codes(english: str, chinese: str) -> None:
    def figures(rows: list[list[str]]) -> list[list[str]]:
        numbers = [re.findall(r"\d[\d,.]*(?<![,.])", " ".join(row[:2])) for row in rows]
        return [[*sorted(found), *row[2:]] for found, row in zip(numbers, rows, strict=True)]

    assert figures(rows_after(CHINESE, chinese)) == figures(rows_after(ENGLISH, english))


def test_the_readme_tells_every_exit_code_and_no_other() -> None:
    def codes(kind: type[errors.VoiceError]) -> set[int]:
        return {kind.exit_code}.union(*map(codes, kind.__subclasses__()))

    told = {int(row[0]) for row in rows_after(ENGLISH, "## Exit codes")}
    assert told == {0, errors.INTERRUPTED} | codes(errors.VoiceError)


def test_both_readmes_have_the_table_of_capabilities() -> None:
    tables = [re.search(r"<!-- capabilities.*?<!-- end -->", text, re.DOTALL) for text in (ENGLISH, CHINESE)]
    assert tables[0] is not None
    assert tables[1] is not None
    assert tables[0][0] == tables[1][0]


def test_every_dependency_is_named_in_both() -> None:
    names = [
        [re.split(r"[, 、（(]+", row[0])[0] for row in rows_after(text, mark)]
        for text, mark in ((ENGLISH, "## What it is made of"), (CHINESE, "## 由什么组成"))
    ]
    assert names[0] == names[1]
