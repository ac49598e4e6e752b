"""What is installed: a bound on every major, and a hash of every file. scripts/pin.sh writes the pins."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WANTED = [*PROJECT["dependencies"], *(each for extra in PROJECT["optional-dependencies"].values() for each in extra)]


@pytest.mark.parametrize("wanted", WANTED)
def test_no_new_major_comes_by_itself(wanted: str) -> None:
    assert re.search(r">=[\d.]+,<\d", wanted)


@pytest.mark.parametrize("file", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda file: file.stem)
def test_every_pin_has_its_hashes(file: Path) -> None:
    pins = re.split(r"\n(?=\w)", re.sub(r"(?m)^#.*\n", "", file.read_text(encoding="utf-8")))
    assert all(re.match(r"[\w.\[\]-]+==\S+.*?\\\n( +--hash=sha256:[0-9a-f]{64}( \\)?\n?)+$", each) for each in pins)


def test_what_voice_needs_is_pinned() -> None:
    pinned = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    names = [re.split(r"[\[><=]", each)[0].replace("_", "-") for each in PROJECT["dependencies"]]
    assert [each for each in names if f"\n{each}==" not in pinned] == []
