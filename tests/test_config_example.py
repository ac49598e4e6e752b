"""config.example.toml: every setting explained exactly once, nothing else in it, and all of it loads."""

from __future__ import annotations

import re
from dataclasses import MISSING
from pathlib import Path

import pytest

from voicecli.config.model import NAMED
from voicecli.config.resolve import File, parse, resolve
from voicecli.config.schema import default_of, keys_of, named_keys, sections

PATH = Path(__file__).parents[1] / "config.example.toml"
TEXT = PATH.read_text(encoding="utf-8")
SETTING = re.compile(r"#(\w+) = (.*?)(?:\s+# (\S.*))?")
"""A setting switched off, its value, and its comment."""

Lines = list[tuple[str, str, str, str | None]]


def lines() -> Lines:
    """Each setting's table, key, value and comment; of a key in several backends the comment stands at one."""
    table, found = "", []
    for line in TEXT.splitlines():
        if head := re.fullmatch(r"#\[(\S+)\]", line):
            table = head[1]
        elif setting := SETTING.fullmatch(line):
            found.append((table, setting[1], setting[2], setting[3]))
        else:
            assert not line or line.startswith("# ") or line == "#", f"neither a setting nor a comment: {line}"
    return found


def switched_on() -> File:
    return parse(re.sub(r"^#(?=[\[\w])", "", TEXT, flags=re.MULTILINE), PATH)


def explained(within: str) -> list[str]:
    return [key for table, key, _, comment in lines() if table.partition(".")[0] == within and comment]


@pytest.mark.parametrize("section", [*NAMED, *sections()])
def test_every_setting_is_explained_exactly_once(section: str) -> None:
    known = named_keys(section) if section in NAMED else keys_of(sections()[section])
    assert sorted(explained(section)) == sorted(known)


def test_every_line_is_of_a_known_table() -> None:
    assert {table.partition(".")[0] for table, *_ in lines()} == {*NAMED, "profiles", *sections()}


def test_it_changes_nothing_as_it_is() -> None:
    assert parse(TEXT, PATH) == File(PATH)


def test_it_loads_with_everything_switched_on() -> None:
    file = switched_on()
    config = resolve({}, file)
    assert {each.family for each in config.backends.values()} == {"openai", "qiniu", "selfhosted", "gov", "local"}
    assert config.use.chat == "work"
    assert resolve({}, file, "travel").use.speak == "local"


@pytest.mark.parametrize("section", [name for name in sections() if name != "use"])
def test_the_sections_show_the_defaults(section: str) -> None:
    shown = getattr(resolve({}, switched_on()), section)
    for key in keys_of(sections()[section]):
        default = default_of(sections()[section], key)
        assert default in (None, MISSING, getattr(shown, key)), f"{section}.{key}"
