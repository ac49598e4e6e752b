"""Every verb over every family, through the real command line: the table is tests/families.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests import families
from tests.families import COMMANDS, SERVED, Command, Served
from voicecli.backends.registry import FAMILIES


@pytest.fixture(scope="module", params=list(FAMILIES))
def served(request: pytest.FixtureRequest) -> Iterator[tuple[Served, Any]]:
    row = SERVED[request.param]
    with row.serve() as running:
        yield row, running


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_every_verb_over_every_family(
    served: tuple[Served, Any], command: Command, tmp_path: Path, home: dict[str, str]
) -> None:
    row, running = served
    command, backend = row.own.get(command.name, command), row.backend(running)
    families.recorded(tmp_path)
    env = home | families.configured(tmp_path, backend)
    outcome = families.run(command, tmp_path, env)
    assert families.fault(command, row, backend, outcome) == ""
    assert backend.key is None or backend.key.reveal() not in outcome.out + outcome.err


def test_the_demo_shows_what_is_right_and_what_is_not(capfd: pytest.CaptureFixture[str]) -> None:
    from scripts import demo_services

    chat, models = (next(each for each in COMMANDS if each.name == name) for name in ("chat", "models"))
    odd = replace(chat, name="odd", wrong=lambda served, outcome: "not as it should be")
    assert demo_services.main([SERVED["gov"]], [chat, models]) == 0
    shown = capfd.readouterr()
    assert "refused" in shown.out and "2 of 2 cells are right" in shown.out
    assert demo_services.main([SERVED["gov"]], [chat, odd]) == 1
    shown = capfd.readouterr()
    assert "WRONG" in shown.out and "1 of 2 cells" in shown.out and "gov odd: not as it should be" in shown.err


def test_no_family_skips_the_table() -> None:
    assert set(SERVED) == set(FAMILIES)


def test_the_judges_see_what_is_wrong(tmp_path: Path) -> None:
    """A fault that no run could show would make the table say nothing."""
    families.recorded(tmp_path)
    for name in ("spoken.wav", "replies.wav"):
        (tmp_path / name).write_bytes((tmp_path / "digits.wav").read_bytes())
    row = SERVED["openai"]
    with row.serve() as running:
        backend = row.backend(running)
    wrong = families.Outcome(0, '["another"]', "", tmp_path)
    odd = {
        "voices": families.Outcome(0, '[{"name": "another"}]', "", tmp_path),
        "doctor": families.Outcome(0, '{"backends": [{"ok": false}]}', "", tmp_path),
        "talk": families.Outcome(0, '{"event": "user_said", "turn": 1, "text": "123"}', "", tmp_path),
    }
    for command in COMMANDS:
        outcome = odd.get(command.name, wrong)
        told = families.fault(command, row, backend, outcome)
        assert bool(told) is (command.name != "speak"), told
        assert families.refused(command, outcome)
    silence = families.Outcome(0, "\n", "", tmp_path)
    soundfile.write(tmp_path / "spoken.wav", np.zeros(16_000, np.int16), 16_000)
    for name, command in families.LOCAL.items():
        told = command.wrong(SERVED["embedded"], odd["talk"] if name == "talk" else silence)
        assert told, name
