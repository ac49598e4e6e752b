"""What packaging/ holds fits the program: its flags exist, its configuration is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from voicecli.config import load

PACKAGING = Path(__file__).parents[2] / "packaging"


@pytest.mark.parametrize("name", ["voice-serve.service", "Containerfile", "compose.yaml"])
def test_its_flags_exist(name: str) -> None:
    known = set(re.findall(r"--[a-z-]+", (PACKAGING.parent / "docs" / "commands" / "serve.md").read_text()))
    lines = [line for line in (PACKAGING / name).read_text().splitlines() if re.search(r"\bserve\b", line)]
    assert lines and {flag for line in lines for flag in re.findall(r"--(?:host|port|wyoming)", line)} <= known


def test_its_configuration_is_read(home: dict[str, str]) -> None:
    found = load(home | {"VOICE_CONFIG": str(PACKAGING / "voice.toml")})
    assert (found.use.chat, found.use.speak, found.backends["ollama"].family) == ("ollama", "local", "openai")
