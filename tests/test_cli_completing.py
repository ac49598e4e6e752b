"""What a shell offers after Tab: the program asked as the shells ask it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Voice
from tests.fakes.server import FakeServer, Reply

CONFIG = """
[use]
speak = "work"
[backends.work]
family = "openai"
base_url = "{url}/v1"
[backends.ears]
family = "selfhosted"
[profiles.home.use]
chat = "work"
"""


def offered(voice: Voice, line: str, env: dict[str, str]) -> list[str]:
    words = line.split(" ")
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_VOICE_COMPLETE": "complete_bash"}
    run = voice(env=env | asked)
    assert b"Traceback" not in run.stderr
    return run.stdout.decode().split()


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("voice chat -b wo", ["work"]),
        ("voice -b ea", ["ears"]),
        ("voice speak --profile ", ["home"]),
        ("voice speak -f m", ["mp3"]),
        ("voice speak --voice sh", ["shimmer"]),
        ("voice speak -b nothing --voice a", []),
    ],
)
def test_names_are_completed(line: str, names: list[str], voice: Voice, tmp_path: Path) -> None:
    with FakeServer() as server:
        server.on("/v1/audio/voices", Reply.json({"voices": [{"id": "alloy"}, {"id": "shimmer"}]}))
        file = tmp_path / "voice.toml"
        file.write_text(CONFIG.format(url=server.url))
        assert offered(voice, line, {"VOICE_CONFIG": str(file)}) == names


def test_a_broken_configuration_offers_nothing_and_says_nothing(voice: Voice, tmp_path: Path) -> None:
    file = tmp_path / "voice.toml"
    file.write_text("[[[")
    assert offered(voice, "voice chat -b wo", {"VOICE_CONFIG": str(file)}) == []
