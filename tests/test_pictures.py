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
    one = transcribe.partition("$ voice transcribe -r")[0]
    assert "$ voice transcribe meeting.wav -f srt" in one and "00:00:00,000 -->" in one
    assert "━" not in one, "a result takes the place of the progress bar"


def test_the_pictures_of_the_readmes_are_there() -> None:
    for readme in ("README.md", "README.zh.md"):
        assert "](docs/pictures/talk.svg)" in (ROOT / readme).read_text(encoding="utf-8")
    for name in ("talk", "transcribe"):
        path = f"docs/pictures/{name}.svg"
        assert f"$ voice {name}" in words(ROOT / path)
        assert f"](../pictures/{name}.svg)" in (ROOT / "docs" / "commands" / f"{name}.md").read_text(encoding="utf-8")


def test_a_film_shows_each_moment_in_its_turn_and_its_end_where_nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    film, now = pictures.Film(began=0.0), iter((0.0, 1.0, 3.0))
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    for text in ("\x1b[2mfirst", "\r\x1b[Ksecond <b>", "\r\n\x1b[1;32mthird"):
        film.feed(text)
    picture = ElementTree.fromstring(pictures.moving(film, "voice"))
    frames = [each for each in picture.iter("{http://www.w3.org/2000/svg}g") if each.get("visibility")]
    turns = [each.find("{http://www.w3.org/2000/svg}animate") for each in frames]
    assert [each.get("visibility") for each in frames] == ["hidden", "hidden", "visible"]
    assert [each.get("keyTimes") for each in turns if each is not None] == [
        *("0.0000;0.1429", "0.0000;0.1429;0.4286", "0.0000;0.4286")
    ]
    assert "second <b>" in "".join(picture.itertext())
