"""The documentation that is made from the program is what the program would make of itself now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts import make_docs
from tests.conftest import ROOT
from voicecli.backends.registry import FAMILIES
from voicecli.verbs import COMMANDS, VERBS

ROOMS = "voicecli|tests|scripts|benchmarks"


def test_nothing_is_stale() -> None:
    stale = [str(path.relative_to(ROOT)) for path in make_docs.stale()]
    assert stale == [], "run: .venv/bin/python scripts/make_docs.py"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_page_that_opens_with_examples(name: str) -> None:
    text = (ROOT / "docs" / "commands" / f"{name}.md").read_text(encoding="utf-8")
    assert f"# voice {name}\n" in text
    assert f"```\nvoice {name}" in text


def test_the_table_of_capabilities_has_every_family_and_no_other() -> None:
    text = make_docs.BACKENDS.read_text(encoding="utf-8")
    table = text.partition("<!-- capabilities")[2].partition("<!-- end -->")[0]
    head, _, *rows = [[each.strip() for each in line.split("|")[1:-1]] for line in table.splitlines()[1:]]
    assert head[1:] == list(FAMILIES)
    assert [row[0] for row in rows] == [row.title for row in VERBS.values()]
    for verb, (_, *cells) in zip(VERBS, rows, strict=True):
        has = [family.at_best.can(verb) for family in FAMILIES.values()]
        assert [cell.split()[0] in ("yes", "with") for cell in cells] == has, verb


def test_a_stale_table_and_a_missing_page_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "backends.md"
    old.write_text("a\n<!-- capabilities -->\nold\n<!-- end -->\nb\n")
    monkeypatch.setattr(make_docs, "BACKENDS", old)
    monkeypatch.setattr(make_docs, "PAGES", tmp_path)
    assert old in make_docs.stale()
    assert tmp_path / "speak.md" in make_docs.stale()
    filled = make_docs.with_table(old.read_text())
    assert "old" not in filled
    assert re.match(r"a\n<!-- capabilities -->\n\|  \| openai \|", filled)
    assert filled.endswith("<!-- end -->\nb\n")


def test_every_file_and_test_that_the_documentation_names_is_there() -> None:
    """A test by its function (`tests/a.py::test_b`) or by its file (`TESTS=tests/a.py`)."""
    texts = [path.read_text(encoding="utf-8") for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]]
    named = {each for text in texts for each in re.findall(rf"\b(?:{ROOMS})/[\w/]+\.(?:py|sh)(?:::\w+)?", text)}
    assert len(named) > 50
    for each in named:
        path, _, function = each.partition("::")
        assert (ROOT / path).exists(), each
        assert not function or f"def {function}(" in (ROOT / path).read_text(encoding="utf-8"), each
