"""Vectors, scores and rankings in answers of any shape: some services document none.

Belongs here: pure functions from decoded JSON to numbers, which accept a bare list or number, or an object that
holds one under any name. Does not belong here: requests, errors. None means: there is none in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from voicecli.types import Ranked

T = TypeVar("T")

Vector = tuple[float, ...]

DEEPEST = 4
"""How deep an answer is looked into."""

LARGEST = 1e18
"""No coordinate and no score is larger: sums of squares stay finite."""

_VECTORS = ("embeddings", "embedding", "vectors", "vector", "data", "result", "results", "output")
_SCORES = ("similarity", "score", "relevance_score", "cosine_similarity", "cosine", "result", "data", "value")
_RANKINGS = ("results", "result", "ranking", "ranked", "rerank", "scores", "data", "documents", "candidates")
_TEXTS = ("text", "candidate", "document", "content", "passage", "sentence")
_INDICES = ("index", "idx", "corpus_id", "id")


# -- vectors ---------------------------------------------------------------------------------------


def vectors_in(data: object, count: int) -> list[Vector] | None:
    """`count` vectors of one length, in the order of the texts."""
    return _searched(data, lambda each: _vectors(each, count), _VECTORS)


def _vectors(data: object, count: int) -> list[Vector] | None:
    if not isinstance(data, list):
        return None
    if count == 1 and (one := _vector(data)):
        return [one]
    found = [_vector(each) or _vector(_member(each, _VECTORS)) for each in _in_order(data)]
    whole = [each for each in found if each]
    return whole if len(whole) == len(data) == count and len({len(each) for each in whole}) == 1 else None


def _vector(data: object) -> Vector | None:
    """A list of numbers, or a list that holds only such a list."""
    if not isinstance(data, list) or not data:
        return None
    numbers = [_number(each) for each in data]
    if all(each is not None for each in numbers):
        return tuple(each for each in numbers if each is not None)
    return _vector(data[0]) if len(data) == 1 else None


def _in_order(data: list[object]) -> list[object]:
    """Objects that tell their index in its order; anything else as it came."""
    places = [_index(each) for each in data]
    if all(place is not None for place in places) and len(set(places)) == len(data):
        return [each for _, each in sorted(zip(places, data, strict=True), key=lambda pair: pair[0] or 0)]
    return data


# -- one number ------------------------------------------------------------------------------------


def score_in(data: object) -> float | None:
    """The one number of an answer."""
    return _searched(data, _one, _SCORES)


def _one(data: object) -> float | None:
    while isinstance(data, list) and len(data) == 1:
        data = data[0]
    return _number(data)


# -- rankings --------------------------------------------------------------------------------------


def ranking_in(data: object, candidates: Sequence[str]) -> list[Ranked] | None:
    """The candidates, best first, each at most once: out of scores, texts, pairs, or objects of these."""
    return _searched(data, lambda each: _ranking(each, candidates), _RANKINGS)


def _ranking(data: object, candidates: Sequence[str]) -> list[Ranked] | None:
    if not isinstance(data, list) or not data:
        return None
    scores = [_number(each) for each in data]
    if all(score is not None for score in scores):
        if len(scores) != len(candidates):
            return None
        pairs = [Ranked(n, text, score) for n, (text, score) in enumerate(zip(candidates, scores, strict=True))]
        return _sorted(pairs)
    left = list(range(len(candidates)))
    found = [_ranked(each, candidates, left) for each in data]
    whole = [each for each in found if each is not None]
    return _sorted(whole) if len(whole) == len(data) else None


def _ranked(entry: object, candidates: Sequence[str], left: list[int]) -> Ranked | None:
    """One entry; its place is taken from those that are `left`, so that of two equal texts each is found."""
    place, score = _place(entry, candidates, left), None
    if place is None:
        return None
    left.remove(place)
    if isinstance(entry, Mapping):
        score = _number(_member(entry, _SCORES))
    elif isinstance(entry, list):
        score = _number(entry[1])
    return Ranked(place, candidates[place], score)


def _place(entry: object, candidates: Sequence[str], left: list[int]) -> int | None:
    named = _named(entry)
    if isinstance(named, str):
        return next((place for place in left if candidates[place] == named), None)
    return named if named in left else None


def _named(entry: object) -> str | int | None:
    """The text, or the index, that an entry tells."""
    if isinstance(entry, str):
        return entry
    if isinstance(entry, list):
        first = entry[0] if len(entry) == 2 else None
        return first if isinstance(first, str | int) and not isinstance(first, bool) else None
    if (place := _index(entry)) is not None:
        return place
    text = _member(entry, _TEXTS)
    text = _member(text, _TEXTS) if isinstance(text, Mapping) else text
    return text if isinstance(text, str) else None


def _sorted(found: list[Ranked]) -> list[Ranked]:
    """By score where all have one; else the order is the service's."""
    if any(each.score is None for each in found):
        return found
    return sorted(found, key=lambda each: -(each.score or 0.0))


# -- looking ---------------------------------------------------------------------------------------


def _searched(data: object, read: Callable[[object], T | None], names: tuple[str, ...], depth: int = 0) -> T | None:
    """What `read` makes of `data`, or of something in it: telling names first."""
    found = read(data)
    if found is None and isinstance(data, Mapping) and depth < DEEPEST:
        for each in _values(data, names):
            if (found := _searched(each, read, names, depth + 1)) is not None:
                return found
    return found


def _values(data: Mapping[str, object], names: tuple[str, ...]) -> Iterator[object]:
    yield from (data[name] for name in names if name in data)
    yield from (value for name, value in data.items() if name not in names and isinstance(value, list | Mapping))


def _member(entry: object, names: tuple[str, ...]) -> object:
    if not isinstance(entry, Mapping):
        return None
    return next((entry[name] for name in names if entry.get(name) is not None), None)


def _index(entry: object) -> int | None:
    place = _member(entry, _INDICES)
    return place if isinstance(place, int) and not isinstance(place, bool) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= LARGEST else None  # so neither infinite nor no number at all
