"""The search finds what comparing everything would find, and no vector can break it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from voicecli.notes.nearest import BLOCK, WIDEST, Nearest, cosines, packed


def random(count: int, width: int, seed: int = 7) -> list[bytes]:
    rows = np.random.default_rng(seed).normal(size=(count, width))
    return [found for row in rows if (found := packed(row.tolist()))]


@pytest.mark.parametrize(("count", "width"), [(1, 3), (BLOCK // 1024, 1024), (3 * (BLOCK // 256) + 17, 256)])
def test_the_nearest_are_found(count: int, width: int) -> None:
    vectors = random(count, width)
    nearest = Nearest(width, ((1000 + at, each) for at, each in enumerate(vectors)))
    assert len(nearest) == count
    for question in random(5, width, seed=8):
        exact = cosines(question, vectors)
        best = sorted(range(count), key=lambda at: -exact[at])[:8]
        found = nearest.search(question, 48)
        assert {1000 + at for at in best} <= set(found)
        assert found[0] in [1000 + at for at in best[:3]]


def test_nothing_is_found_in_nothing() -> None:
    assert Nearest(3, []).search(random(1, 3)[0], 5) == []
    assert cosines(random(1, 3)[0], []) == []


def test_a_vector_is_of_length_one() -> None:
    for raw in ([3.0, 4.0], [3e-30, 4e-30], [3e30, 4e30]):
        found = np.frombuffer(packed(raw) or b"", dtype=np.float32)
        assert found == pytest.approx([0.6, 0.8])
    assert packed([0.0, 0.0]) == bytes(8)


@pytest.mark.parametrize("raw", [[], [math.nan, 1.0], [math.inf, 1.0], [1e308, -math.inf], [1.0] * (WIDEST + 1)])
def test_what_is_no_vector(raw: list[float]) -> None:
    assert packed(raw) is None


def test_damaged_vectors_are_never_the_best() -> None:
    good = packed([1.0, 0.0]) or b""
    rows = [np.array(row, dtype=np.float32).tobytes() for row in ([math.nan, 1], [math.inf, 0], [0, 0])]
    nearest = Nearest(2, [(1, rows[0]), (2, rows[1]), (3, rows[2]), (4, good)])
    assert nearest.search(good, 1) == [4]
    assert sorted(nearest.search(good, 9)) == [1, 2, 3, 4]
    assert cosines(good, [*rows, good]) == [-1.0, -1.0, 0.0, 1.0]
