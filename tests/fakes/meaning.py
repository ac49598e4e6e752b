"""Nearness in meaning for strict local servers: letters counted, so that texts of the same words are near.

Belongs here: a text's vector, and how near two are. Does not belong here: requests, answers.
"""

from __future__ import annotations

import math
from zlib import crc32

SIZE = 24


def vector(text: str) -> list[float]:
    """Of length 1: pairs of letters, counted in `SIZE` bins."""
    padded = f" {text.casefold()} "
    bins = [0.0] * SIZE
    for at in range(len(padded) - 1):
        bins[crc32(padded[at : at + 2].encode()) % SIZE] += 1
    length = math.hypot(*bins)
    return [each / length for each in bins]


def nearness(a: str, b: str) -> float:
    """The cosine, 0 to 1."""
    return math.fsum(x * y for x, y in zip(vector(a), vector(b), strict=True))
