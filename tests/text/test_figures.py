"""Figures in short words."""

from __future__ import annotations

import pytest

from voicecli.text.figures import counted, length, size


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.0 kB"), (31_249, "31 kB"), (10**9, "1.0 GB")],
)
def test_sizes(count: int, words: str) -> None:
    assert size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0, "0.0 s"), (0.7, "0.7 s"), (59.96, "1:00 min"), (192.4, "3:12 min"), (3723, "1:02:03 h")],
)
def test_lengths(seconds: float, words: str) -> None:
    assert length(seconds) == words


def test_counts() -> None:
    assert [counted(1, "entry", "entries"), counted(1200, "entry", "entries")] == ["1 entry", "1,200 entries"]
