"""The passages nearest to a question among many: cosines, over vectors in a quarter of their room.

Belongs here: NumPy, vectors as bytes and back, the search. Does not belong here: texts, files, services.

All vectors are normalised, so that a cosine is a sum of products. What is searched are their numbers rounded to one
byte each, in blocks (10,000 of 1,536 numbers take 15 MB, and a few milliseconds); the candidates are then compared by
their whole vectors, as `store` keeps them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 18
"""Numbers that are multiplied at once, 1 MB: they stay in the cache, and are too few for the library to use threads,
which wait for each other where other programs run."""
WIDEST = 20_000
"""Numbers of the longest vector that is believed."""
Floats = NDArray[np.float32]


def packed(vector: Sequence[float]) -> bytes | None:
    """A vector of length 1 as float32; None for one that is no vector: endless, empty, infinite or not a number."""
    if not 0 < len(vector) <= WIDEST:
        return None
    found = np.asarray(vector, dtype=np.float64)
    largest = float(np.abs(found).max())
    if not np.isfinite(largest):
        return None
    if largest:
        found = found / largest  # so that no square is too large or too small
        found = found / np.linalg.norm(found)
    return found.astype(np.float32).tobytes()


def cosines(question: bytes, vectors: Sequence[bytes]) -> list[float]:
    """The cosines of packed vectors of the question's width; -1 for a damaged one."""
    if not vectors:
        return []
    found = np.frombuffer(b"".join(vectors), dtype=np.float32).reshape(len(vectors), -1)
    with np.errstate(all="ignore"):
        products = np.nan_to_num(found @ np.frombuffer(question, dtype=np.float32), nan=-1.0, posinf=-1.0, neginf=-1.0)
    return [float(each) for each in products.clip(-1.0, 1.0)]


class Nearest:
    """Vectors by number, to be searched. `width` is the length of each."""

    def __init__(self, width: int, vectors: Iterable[tuple[int, bytes]]) -> None:
        self.width = width
        self._numbers = array("q")
        self._blocks: list[tuple[NDArray[np.int8], Floats]] = []
        each = iter(vectors)
        while block := list(islice(each, max(1, BLOCK // max(1, width)))):
            self._numbers.extend(number for number, _ in block)
            self._blocks.append(_rounded(b"".join(data for _, data in block), len(block)))

    def __len__(self) -> int:
        return len(self._numbers)

    def search(self, question: bytes, count: int) -> list[int]:
        """The numbers of the `count` vectors that are probably the nearest, the best first."""
        if not self._blocks:
            return []
        wanted = np.frombuffer(question, dtype=np.float32)
        scores = np.concatenate([(rows.astype(np.float32) @ wanted) * scales for rows, scales in self._blocks])
        count = min(count, len(scores))
        best = np.argpartition(-scores, count - 1)[:count]
        return [self._numbers[at] for at in best[np.argsort(-scores[best], kind="stable")]]


def _rounded(data: bytes, count: int) -> tuple[NDArray[np.int8], Floats]:
    """Vectors as whole numbers up to 127, and what each is to be multiplied with; damaged ones are all zero."""
    rows = np.frombuffer(data, dtype=np.float32).reshape(count, -1)
    with np.errstate(all="ignore"):
        largest = np.abs(rows).max(axis=1)
        good = np.isfinite(largest) & (largest > 0)
        scales = np.where(good, largest / 127, 1).astype(np.float32)
        numbers = np.where(good[:, None], np.rint(rows / scales[:, None]), 0)
    return numbers.astype(np.int8), scales
