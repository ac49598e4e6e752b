"""Cosines, and the bridges that make comparing and ranking out of embedding."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.meaning import nearness, vector
from voicecli.errors import ProtocolError
from voicecli.types import EmbedOptions
from voicecli.wiring.bridges import BATCH, RerankByEmbedding, SimilarByEmbedding, cosine

pytestmark = pytest.mark.anyio

numbers = st.floats(-1e18, 1e18, allow_nan=False)


class Counting:
    """Counts letters, and how many texts it was given at a time."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def embed(self, texts: Sequence[str], options: EmbedOptions) -> Sequence[Sequence[float]]:
        self.sizes.append(len(texts))
        return [vector(each) for each in texts]


@given(st.integers(1, 8).flatmap(lambda n: st.tuples(*[st.lists(numbers, min_size=n, max_size=n)] * 2)))
def test_a_cosine_is_one(pair: tuple[list[float], list[float]]) -> None:
    a, b = pair
    assert -1 <= cosine(a, b) <= 1 and cosine(a, b) == cosine(b, a)


def test_known_cosines() -> None:
    assert cosine([3, 4], [3, 4]) == 1
    assert cosine([1, 0], [0, 2]) == 0
    assert cosine([1, 1], [-2, -2]) == pytest.approx(-1)
    assert cosine([0, 0], [1, 1]) == 0
    with pytest.raises(ProtocolError, match="of 1 and of 2 numbers"):
        cosine([1], [1, 2])


async def test_two_texts_cost_one_request() -> None:
    inner = Counting()
    found = await SimilarByEmbedding(inner).similar("a pig", "a big pig", EmbedOptions())
    assert math.isclose(found, nearness("a pig", "a big pig")) and inner.sizes == [2]


async def test_many_candidates_go_out_in_batches_and_come_back_in_order() -> None:
    inner = Counting()
    texts = [f"text {n}" for n in range(2 * BATCH + 3)] + ["a pig"]
    found = await RerankByEmbedding(inner).rerank("a pig", texts, EmbedOptions())
    assert inner.sizes == [1, BATCH, BATCH, 4]
    assert found[0].text == "a pig" and found[0].index == len(texts) - 1
    assert [each.score for each in found] == sorted((each.score for each in found), key=lambda s: -(s or 0))
    assert sorted(each.index for each in found) == list(range(len(texts)))
    assert all(texts[each.index] == each.text for each in found)


async def test_what_is_equally_near_stays_in_its_order() -> None:
    found = await RerankByEmbedding(Counting()).rerank("q", ["a", "q", "a"], EmbedOptions())
    assert [each.index for each in found] == [1, 0, 2]
