"""The entry of `voice mcp` in seven configurations: what is there stays, byte for byte."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tests.conftest import Voice
from voicecli.errors import ConfigError, UsageError
from voicecli.text import jsonc
from voicecli.usecases.mcp_clients import client_of, own_command

COMMENTED = """// mine
{
    /* a "tricky" { comment */
    "theme": "dark", // "mcpServers": {
    "SECTION": {
        "other": {"command": "x", "args": ["a", "}"]}, // stays
    },
}
"""
FILES = [
    COMMENTED,
    '{"SECTION": {"other": {"command": "x"}}}',
    '{"SECTION": {}}',
    '{\n\t"SECTION": {\n\t}\n}\n',
    '{"a": [1, {"b": "\\"}"}], "c": null}',
    "{}",
    "{\n}\n",
]
PLACES = {
    "claude": (".claude.json", "mcpServers"),
    "gemini": (".gemini/settings.json", "mcpServers"),
    "qwen": (".qwen/settings.json", "mcpServers"),
    "opencode": (".config/opencode/opencode.jsonc", "mcp"),
    "cursor": (".cursor/mcp.json", "mcpServers"),
    "vscode": (".config/Code/User/mcp.json", "servers"),
}
TOML = 'model = "m" # mine\n\n[mcp_servers.other]\ncommand = "x"\n'


@pytest.mark.parametrize("text", FILES)
@pytest.mark.parametrize("client", PLACES)
def test_an_entry_comes_and_goes_and_all_else_stays(client: str, text: str, tmp_path: Path) -> None:
    place, section = PLACES[client]
    found, text = client_of(client, tmp_path, {}), text.replace("SECTION", section)
    assert found.path == tmp_path / place
    after = found.entered(text)
    assert after.count('"voice"') == 1 and all(line in after for line in text.splitlines() if "//" in line)
    assert found.entered(after) == after and found.without(after) == text and found.without(text) == text
    if "//" not in text:
        entry = json.loads(after)[section]["voice"]
        command = entry["command"] if isinstance(entry["command"], list) else [entry["command"], *entry["args"]]
        assert command == own_command() and json.loads(text).items() <= (json.loads(after) | json.loads(text)).items()


@pytest.mark.parametrize("text", [TOML, TOML + "\n[tools]\nx = 1\n", ""])
def test_toml_keeps_its_lines(text: str, tmp_path: Path) -> None:
    found = client_of("codex", tmp_path, {"CODEX_HOME": str(tmp_path)})
    after = found.entered(text)
    assert tomllib.loads(after)["mcp_servers"]["voice"]["args"][-1] == "mcp"
    assert after.startswith(text) and found.entered(after) == after and found.without(after) == text


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_toml_that_others_went_on_with_keeps_its_comments_and_its_ends_of_lines(end: str, tmp_path: Path) -> None:
    before, after = "a = 1\n", "\n# mine\n\n[mcp_servers.other] # [x]\n# k\n\n[tools]\n# the end\n"
    ours = "\n[mcp_servers.voice]\n# ours\ncommand = 'v'\n[mcp_servers.voice.env]\nX = '1'\n"
    text = (before + ours + after).replace("\n", end)
    left = client_of("codex", tmp_path, {}).without(text)
    assert left.split() == (before + after).split() and left.count("\r") in (0, left.count("\r\n"))
    assert tomllib.loads(left)["mcp_servers"] == {"other": {}}


def test_a_section_that_a_client_wrote_goes_on_without_us() -> None:
    text = '{\n  "mcpServers": {\n    "a": {},\n    "voice": {"command": "v"}\n  }\n}\n'
    assert jsonc.without(text, "mcpServers", "voice") == '{\n  "mcpServers": {\n    "a": {}\n  }\n}\n'


@pytest.mark.parametrize(
    "text", ["[1]", '{"mcpServers": 3}', '{"a" 1}', '{"a": 1 "b": 2}', '{"a": ', "{'a': 1}", "{" * 9999]
)
def test_what_cannot_be_read_is_left_alone(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="by hand"):
        client_of("cursor", tmp_path, {}).entered(text)


def test_a_client_that_is_unknown_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="vscode"):
        client_of("emacs", tmp_path, {})


def test_print_shows_and_install_writes(voice: Voice, home: dict[str, str]) -> None:
    path = Path(home["HOME"]) / ".cursor/mcp.json"
    shown = voice("mcp", "install", "cursor", "--print").stdout.decode()
    assert str(path) in shown and '"mcpServers"' in shown and not path.exists()
    assert voice("mcp", "install", "cursor").returncode == 0
    assert json.loads(path.read_text())["mcpServers"]["voice"]["args"][-1] == "mcp"
    assert b"is as it was" in voice("mcp", "install", "cursor").stderr
    assert voice("mcp", "uninstall", "cursor").returncode == 0 and json.loads(path.read_text()) == {}
