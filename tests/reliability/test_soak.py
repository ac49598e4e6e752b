"""A conversation with services that fail: no turn without an outcome. `make soak` holds a thousand turns."""

from __future__ import annotations

from pathlib import Path

from tests.people import says
from tests.reliability import soak


def test_every_turn_is_answered_or_reported_lost(home: dict[str, str], tmp_path: Path) -> None:
    says("1", soak.RATE)  # speech is made once, and outside of threads
    account = soak.hold(20, 1, home, tmp_path)
    assert account.code == 0, account.error
    assert account.holes == []
    assert account.answered + account.broken + sum(account.lost.values()) == account.turns
    assert account.answered and account.lost, "the seed makes both"
    assert 0 < account.kept <= 20
    assert account.grown(account.files) <= 2
