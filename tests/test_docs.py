"""The documentation that is made from the program is what the program would make of itself now."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

from tests.conftest import ROOT
from voicecli.backends.registry import FAMILIES
from voicecli.cli import COMMANDS
from voicecli.commands.backends import TITLES
from voicecli.types import Verb


@pytest.fixture(scope="module")
def make_docs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "scripts" / "make_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_is_stale(make_docs: ModuleType) -> None:
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
    assert [row[0] for row in rows] == list(TITLES.values())
    for verb, (_, *cells) in zip(TITLES, rows, strict=True):
        has = [getattr(family, verb) is not None for family in FAMILIES.values()]
        assert [cell.split()[0] in ("yes", "with") for cell in cells] == has, verb


def test_every_verb_is_in_the_table() -> None:
    """But for the one that only conversations use."""
    assert set(TITLES) == set(get_args(Verb)) - {"speak_live"}


def test_a_stale_table_and_a_missing_page_are_found(
    make_docs: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
