"""Every verb over every family, through the real command line: the table is tests/families.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import families
from tests.families import COMMANDS, SERVED, Command, Served
from voicecli.backends.registry import FAMILIES

REMOTE = [name for name, family in FAMILIES.items() if not family.local]


@pytest.fixture(scope="module", params=REMOTE)
def served(request: pytest.FixtureRequest) -> Iterator[tuple[Served, Any]]:
    row = SERVED[request.param]
    with row.serve() as running:
        yield row, running


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_every_verb_over_every_family(
    served: tuple[Served, Any], command: Command, tmp_path: Path, home: dict[str, str]
) -> None:
    row, running = served
    backend = row.backend(running)
    families.recorded(tmp_path)
    env = home | families.configured(tmp_path, backend)
    outcome = families.run(command, tmp_path, env)
    assert families.fault(command, row, backend, outcome) == ""
    assert backend.key is None or backend.key.reveal() not in outcome.out + outcome.err


def test_no_family_skips_the_table() -> None:
    assert set(SERVED) == set(REMOTE)


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
        "talk": families.Outcome(0, '{"event": "user_said", "text": "123"}', "", tmp_path),
    }
    for command in COMMANDS:
        outcome = odd.get(command.name, wrong)
        told = families.fault(command, row, backend, outcome)
        assert bool(told) is (command.name != "speak"), told
        assert families.refused(command, outcome)
