"""The pictures of the documentation: made by a real run, and what the terminal in them makes of what it is sent."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from scripts import make_pictures as pictures
from tests import weights
from tests.conftest import ROOT


def words(picture: Path) -> str:
    text = "".join(ElementTree.parse(picture).getroot().itertext())
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.needs_models
@pytest.mark.timeout(400)
def test_pictures_are_made_of_real_runs(tmp_path: Path, home: dict[str, str]) -> None:
    command = [sys.executable, "scripts/make_pictures.py", str(tmp_path), "--fast"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=300, env=home | weights.ENV)
    talk, transcribe = words(tmp_path / "talk.svg"), words(tmp_path / "transcribe.svg")
    assert "$ voice talk" in talk and "12 times 7 is 84." in talk
    assert "$ voice transcribe meeting.wav -f srt" in transcribe and "00:00:00,000 -->" in transcribe


def test_the_pictures_of_the_readmes_are_there() -> None:
    for readme in ("README.md", "README.zh.md"):
        assert "](docs/pictures/talk.svg)" in (ROOT / readme).read_text(encoding="utf-8")
    for name in ("talk", "transcribe"):
        path = f"docs/pictures/{name}.svg"
        assert f"$ voice {name}" in words(ROOT / path)
        assert f"](../pictures/{name}.svg)" in (ROOT / "docs" / "commands" / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.needs_models
@pytest.mark.timeout(400)
def test_a_result_takes_the_place_of_the_progress_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_MODELS_FOLDER", str(weights.FOLDER))
    pictures.said(tmp_path, "meeting.wav", pictures.SENTENCES[:1])
    command = ["transcribe", "meeting.wav", "-f", "srt"]
    shown = pictures.plain(pictures.played(pictures.Screen(), command, tmp_path, lambda shown: False))
    assert "\n1\n00:00:00,000 --> " in shown
    assert "━" not in shown


def test_the_terminal_draws_over_erases_and_wraps() -> None:
    screen = pictures.Screen()
    screen.feed("first\r\nsecond\r\n\x1b[31mred\x1b[0m\r\x1b[2A\x1b[2Cx\x1b[K\r\n\x1b[3Cy\x1b[J")
    assert pictures.plain(screen.shown()) == "fix\nsecy"
    screen.feed("\r\n中" + "a" * 88)
    assert pictures.plain(screen.shown()).splitlines()[2:] == ["中" + "a" * 86, "aa"]
