"""Writing the configuration file: what was there stays, what would not load is never written."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.config import load
from voicecli.config.edit import edited, parts, set_value, starting_text, validate, write_start
from voicecli.config.files import write_whole
from voicecli.errors import ConfigError

TEXT = """\
# my settings
[use]
chat = "work"   # the good one

[backends.work]
family = "openai"
api_key_cmd = ["pass", "work"]
headers = { X-Team = "a" }  # theirs

# the loop
[talk]
end_ms = 400    # I speak slowly
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(TEXT)
    return path


def test_a_change_leaves_everything_else_as_it_was(path: Path) -> None:
    assert set_value(path, "talk.end_ms", "600", {}) == 600
    assert path.read_text() == TEXT.replace("400", "600")


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("talk.headphones", "yes", True),
        ("talk.max_turn_s", "30", 30.0),
        ("audio.input", "2", 2),
        ("audio.input", "USB", "USB"),
        ("chat.system", 'Say "hi",\nthen \\ stop. 好', 'Say "hi",\nthen \\ stop. 好'),
        ("backends.work.api_key_cmd", "pass show work", "pass show work"),
        ("backends.work.api_key_cmd", '["pass", "show"]', ["pass", "show"]),
        ("backends.work.extra.chat.top_k", "3", 3),
        ("backends.work.extra.chat.stop", "END", "END"),
        ('backends.work.headers."X.Odd"', "1", "1"),
        ("profiles.travel.talk.vad", "webrtc", "webrtc"),
        ("profiles.travel.backends.work.voice", "nova", "nova"),
    ],
)
def test_text_becomes_the_value_that_the_setting_wants(path: Path, key: str, text: str, value: Any) -> None:
    assert set_value(path, key, text, {}) == value
    found: Any = tomllib.loads(path.read_text())
    for part in parts(key):
        found = found[part]
    assert found == value and type(found) is type(value)
    assert "# I speak slowly" in path.read_text() and "# the good one" in path.read_text()
    load({}, path=path)


@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("talk.end_msx", "1", "talk.end_msx is not a setting. Did you mean talk.end_ms?"),
        ("talk", "1", "talk is a table of settings"),
        ("talk.end_ms.x", "1", "talk.end_ms.x is not a setting"),
        ("backends.work", "1", "is not a setting"),
        ("backends.work.headers", "1", "is not a setting"),
        ("profiles.travel", "1", "is not a setting"),
        ("a b", "1", '"a b" is not a key'),
        ("x = 1\ny", "1", "is not a key"),
        ("", "1", "is not a key"),
        ("talk.end_ms", "soon", 'talk.end_ms must be a whole number from 50 to 10000, not "soon"'),
        ("talk.end_ms", "2000", "must not be more than talk.end_ms_max"),
        ("use.chat", "wrk", 'there is no backend "wrk"'),
        ("backends.home.voice", "x", "backends.home.family is missing"),
        ("profiles.travel.use.chat", "wrk", "profile travel: there is no backend"),
        ("backends.work.api_key", "sk-marked", "a key does not belong in this file"),
        ("backends.work.base_urls", "http://a", 'must be a list in brackets, as in ["a", "b"]'),
    ],
)
def test_what_would_not_load_is_not_written(path: Path, key: str, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        set_value(path, key, text, {})
    assert told in str(caught.value) and "sk-marked" not in str(caught.value)
    assert path.read_text() == TEXT and list(path.parent.iterdir()) == [path]


def test_a_broken_file_is_told_and_left(path: Path) -> None:
    path.write_text("[talk\n")
    with pytest.raises(ConfigError, match="line 1"):
        set_value(path, "talk.end_ms", "600", {})
    assert path.read_text() == "[talk\n"


def test_the_first_setting_makes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "config.toml"
    set_value(path, "talk.end_ms", "600", {})
    assert load({}, path=path).talk.end_ms == 600
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700


tables = st.sampled_from(["", "[talk]", "[talk] # x", "talk.vad = 'webrtc'", "talk = {}", "talk = {vad = 'silero'}"])
others = st.sampled_from(["", "# end", "[chat]\nsystem = 'x'", "[use]\n", "[profiles.a.talk]\nend_ms = 500"])


@given(tables, others, st.sampled_from(["talk.end_ms", "profiles.a.talk.end_ms", "chat.max_tokens"]))
def test_in_every_way_to_write_a_table_the_value_arrives(table: str, other: str, key: str) -> None:
    path = Path("c.toml")
    text = f"# top\n{table}\n{other}\n"
    new = edited(text, parts(key), 444, path)
    wanted: Any = tomllib.loads(new)
    for part in parts(key):
        wanted = wanted[part]
    assert wanted == 444 and "# top" in new
    validate(new, path, {})


# -- the first file --------------------------------------------------------------------------------


def test_the_first_file_loads_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    write_start(path, {})
    assert load({}, path=path).use.chat == "local"


def test_the_first_file_loads_with_its_comments_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    text = "\n".join(
        line.removeprefix("# ") if line.startswith("# [") or " = " in line else line
        for line in starting_text({}).splitlines()
    )
    path.write_text(text)
    config = load({}, path=path, profile="travel")
    assert config.use.speak == "work" and config.use.chat == "local" and config.audio.input == "USB"


def test_the_first_file_takes_up_the_service_whose_key_is_set(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    env = {"OPENAI_API_KEY": "sk-marked", "OPENAI_BASE_URL": "http://127.0.0.1:7/v1"}
    write_start(path, env)
    config = load({}, path=path)
    assert config.backend_for("speak").base_url == "http://127.0.0.1:7/v1" and not config.guessed
    assert "sk-marked" not in path.read_text()


def test_a_file_that_is_there_is_kept_unless_forced(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"exists already\. --force"):
        write_start(path, {})
    assert path.read_text() == TEXT
    write_start(path, {}, force=True)
    assert path.read_text() == starting_text({})


# -- writing whole ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o664])
def test_a_file_keeps_its_mode(path: Path, mode: int) -> None:
    path.chmod(mode)
    write_whole(path, "x = 1\n")
    assert path.stat().st_mode & 0o777 == (mode if os.name == "posix" else path.stat().st_mode & 0o777)


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "config.toml"
    link.parent.mkdir()
    link.symlink_to(path)
    write_whole(link, "x = 1\n")
    assert link.is_symlink() and path.read_text() == "x = 1\n"


def test_nothing_but_a_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for odd in (tmp_path / "folder", Path(os.devnull)):
        with pytest.raises(ConfigError, match="cannot be written: it is no ordinary file"):
            write_whole(odd, "x = 1\n")
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_a_place_that_cannot_be_written_is_told(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be written: not a directory|cannot be written: file exists"):
        write_whole(path / "below" / "config.toml", "x = 1\n")
