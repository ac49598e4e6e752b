"""Vectors, scores and rankings out of answers of any shape; and out of nonsense: nothing, never an exception."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.backends.transport.shapes import ranking_in, score_in, vectors_in

A, B = [1.0, 0.0], [0.5, 2.0]
TWO = [tuple(A), tuple(B)]


@pytest.mark.parametrize(
    "data",
    [
        [A, B],
        {"embeddings": [A, B]},
        {"data": [{"index": 1, "embedding": B}, {"index": 0, "embedding": A}]},
        {"result": {"vectors": [A, B]}, "count": 2},
        [{"vector": A}, {"vector": B}],
        {"model": "m", "anything": [A, B]},
        [[A], [B]],
        {"data": [{"index": 0, "embedding": [A]}, {"index": 1, "embedding": [B]}]},
        {"status": "ok", "data": {"output": {"x": [[1, 0], [0.5, 2]]}}},
    ],
)
def test_two_vectors(data: Any) -> None:
    assert vectors_in(data, 2) == TWO


@pytest.mark.parametrize("data", [A, [A], {"embedding": A}, {"embedding": [A]}, [{"embedding": A}], {"data": {"v": A}}])
def test_one_vector(data: Any) -> None:
    assert vectors_in(data, 1) == [tuple(A)]


@pytest.mark.parametrize(
    "data",
    [
        None, 1, "x", [], {}, [[]], [A], [A, B, A], [A, [1.0]], [A, ["x", "y"]], [A, [True, False]], [A, None],
        {"embeddings": []}, {"error": "x"}, [A, [float("nan"), 1.0]], [A, [float("inf"), 1.0]], [A, [10**400, 1]],
    ],
)  # fmt: skip
def test_no_two_vectors(data: Any) -> None:
    assert vectors_in(data, 2) is None


@pytest.mark.parametrize(
    "data", [0.5, [0.5], [[0.5]], {"similarity": 0.5}, {"data": {"score": 0.5}}, {"result": 0.5, "status": 200}]
)
def test_one_score(data: Any) -> None:
    assert score_in(data) == 0.5


@pytest.mark.parametrize("data", [None, "0.5", True, [], [0.1, 0.2], {}, {"similarity": None}, {"score": 10**400}])
def test_no_score(data: Any) -> None:
    assert score_in(data) is None


TEXTS = ["java", "python", "flask"]


@pytest.mark.parametrize(
    "data",
    [
        [0.1, 0.9, 0.5],
        {"scores": [0.1, 0.9, 0.5]},
        [["python", 0.9], ["flask", 0.5], ["java", 0.1]],
        [[1, 0.9], [2, 0.5], [0, 0.1]],
        {"results": [{"index": 0, "relevance_score": 0.1}, {"index": 1, "score": 0.9}, {"index": 2, "score": 0.5}]},
        {"data": [{"text": "python", "score": 0.9}, {"text": "flask", "score": 0.5}, {"text": "java", "score": 0.1}]},
        {
            "results": [
                {"document": {"text": t}, "score": s} for t, s in (("java", 0.1), ("python", 0.9), ("flask", 0.5))
            ]
        },
    ],
)
def test_a_ranking_with_scores(data: Any) -> None:
    found = ranking_in(data, TEXTS)
    assert found is not None
    assert [(each.index, each.text, each.score) for each in found] == [
        (1, "python", 0.9),
        (2, "flask", 0.5),
        (0, "java", 0.1),
    ]


@pytest.mark.parametrize("data", [["python", "flask", "java"], {"ranking": ["python", "flask", "java"]}])
def test_a_ranking_without_scores_keeps_its_order(data: Any) -> None:
    found = ranking_in(data, TEXTS)
    assert found is not None
    assert [(each.index, each.score) for each in found] == [(1, None), (2, None), (0, None)]


def test_two_equal_candidates_are_both_found() -> None:
    found = ranking_in(["a", "b", "a"], ["a", "a", "b"])
    assert found is not None
    assert [each.index for each in found] == [0, 2, 1]


@pytest.mark.parametrize(
    "data",
    [
        None,
        1,
        "x",
        [],
        {},
        [0.1],
        ["c++"],
        [{"index": 3}],
        [{"index": 0}, {"index": 0}],
        [["python"]],
        [[True, 0.5]],
        [[]],
    ],
)
def test_no_ranking(data: Any) -> None:
    assert ranking_in(data, TEXTS) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "embedding", "index", "score", "text", "result"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON)
def test_nonsense_is_nothing_or_what_was_asked_for(data: Any) -> None:
    vectors, score, ranks = vectors_in(data, 2), score_in(data), ranking_in(data, TEXTS)
    assert vectors is None or (len(vectors) == 2 and len(vectors[0]) == len(vectors[1]) > 0)
    assert score is None or isinstance(score, float)
    assert ranks is None or len({each.index for each in ranks}) == len(ranks) <= 3
