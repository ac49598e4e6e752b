"""`[tools]` and `[mcp.NAME]`: what they may hold, what is told of mistakes, and that nothing secret is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from voicecli.config import Config
from voicecli.config.resolve import parse, resolve
from voicecli.config.show import rows
from voicecli.errors import ConfigError

FILE = Path("voice.toml")


def configured(text: str, env: dict[str, str] | None = None, profile: str = "") -> Config:
    return resolve(env or {}, parse(text, FILE), profile)


def test_by_default_everything_is_offered_and_no_server_is_there() -> None:
    config = configured("")
    assert (config.tools.enabled, config.tools.folder, dict(config.mcp)) == (None, "", {})


def test_variables_beat_the_file() -> None:
    text = "[tools]\nenabled = ['clock']\nfolder = 'made'"
    assert configured(text).tools.enabled == ("clock",)
    variables = {"VOICE_TOOLS_ENABLED": '["convert"]', "VOICE_TOOLS_FOLDER": "~/made"}
    config = configured(text, variables)
    assert (config.tools.enabled, config.tools.folder) == (("convert",), "~/made")
    assert configured("", {"VOICE_TOOLS_ENABLED": "[]"}).tools.enabled == ()


def test_a_profile_adds_and_changes_servers() -> None:
    text = """
    [mcp.notes]
    command = ["notes", "--quiet"]
    env.OWNER = "Ada"
    [profiles.work.mcp.notes]
    trust = true
    env.PLACE = "here"
    [profiles.work.mcp.wiki]
    url = "https://wiki.example/mcp/"
    """
    assert list(configured(text).mcp) == ["notes"]
    servers = configured(text, profile="work").mcp
    notes, wiki = servers["notes"], servers["wiki"]
    assert (notes.name, notes.command, notes.trust) == ("notes", ("notes", "--quiet"), True)
    assert notes.env == {"OWNER": "Ada", "PLACE": "here"}
    assert (wiki.url, wiki.trust, wiki.timeout_s) == ("https://wiki.example/mcp", False, 60.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[tools]\nenabled = 'clock'", "tools.enabled must be a list of texts, not text"),
        ("[tools]\nenabeld = []", "tools.enabeld is not a setting. Did you mean tools.enabled?"),
        ("[mcp.notes]\ncommand = 'notes'", "mcp.notes.command must be a list of texts, not text"),
        ("[mcp.notes]\nurl = 'ftp://x'", "mcp.notes.url must begin with"),
        ("[mcp.notes]\ntrust = 1", "mcp.notes.trust must be true or false, not a whole number"),
        ("[mcp.notes]\nname = 'x'", "mcp.notes.name is not a setting"),
        ("[mcp.notes]\nenv = 'A=b'", "mcp.notes.env must be a table"),
        ("[mcp]\nnotes = 1", "mcp.notes must be a table, as in [mcp.notes], not a whole number"),
        ("[mcp.'a b']\ntrust = true", 'mcp."a b" is no usable name'),
        ("[mcps.notes]\ntrust = true", "mcps is not a setting. Did you mean mcp?"),
    ],
)
def test_mistakes_are_told(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as failure:
        configured(text)
    assert told in str(failure.value)


def test_what_is_shown_keeps_secrets() -> None:
    text = """
    [mcp.notes]
    command = ["notes", "--token", "sk-marked"]
    env = { API_TOKEN = "sk-marked", OWNER = "Ada" }
    """
    shown = {row.key: (row.value, row.source) for row in rows(configured(text), {})}
    assert shown["mcp.notes.command"] == ("notes …", "file voice.toml")
    assert shown["mcp.notes.env.API_TOKEN"] == ("****", "file voice.toml")
    assert shown["mcp.notes.env.OWNER"] == ("Ada", "file voice.toml")
    assert shown["tools.enabled"] == (None, "default")
    assert "sk-marked" not in str(shown)
