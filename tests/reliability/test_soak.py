"""A conversation with services that fail: no turn without an outcome. `make soak` holds a thousand turns."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.people import says
from tests.reliability import soak, spoken_turns


def test_every_turn_is_answered_or_reported_lost(home: dict[str, str], tmp_path: Path) -> None:
    says("1", soak.RATE)  # speech is made once, and outside of threads
    account = soak.hold(20, 1, home, tmp_path)
    assert account.code == 0, account.error
    assert account.holes == []
    assert account.answered + account.broken + sum(account.lost.values()) == account.turns
    assert account.answered and account.lost, "the seed makes both"
    assert 0 < account.kept <= 20
    assert account.grown(account.files) <= 2


@pytest.mark.parametrize("dialect", ["openai", "xai", "speaches"])
def test_turns_by_lot_with_one_service_that_hears_and_speaks(dialect: str) -> None:
    held = asyncio.run(spoken_turns.hold(dialect, 12, seed=1))
    assert held.wrong == [] and sum(held.done.values()) == 12
