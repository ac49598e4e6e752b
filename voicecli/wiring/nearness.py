"""Nearness in meaning, out of vectors: for families that embed texts and neither compare nor rank them.

Belongs here: cosine, and the bridges that lift `embed` to `similar` and `rerank`. Does not belong here: requests,
numpy (a search over many vectors is another matter).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from voicecli.errors import ProtocolError
from voicecli.types import EmbedOptions, Ranked

if TYPE_CHECKING:
    from voicecli.ports import Embedder

BATCH = 64
"""Texts that are embedded with one request."""


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """The cosine of the angle between two vectors, -1 to 1; 0 where one is zero. ProtocolError: not of one length."""
    if len(a) != len(b):
        raise ProtocolError(f"answered with vectors of {len(a)} and of {len(b)} numbers")
    lengths = math.hypot(*a) * math.hypot(*b)
    product = math.fsum(x * y for x, y in zip(a, b, strict=True))
    return max(-1.0, min(1.0, product / lengths)) if lengths else 0.0


class SimilarByEmbedding:
    """Two texts are as similar as their vectors."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner

    async def similar(self, a: str, b: str, options: EmbedOptions) -> float:
        """The cosine of both vectors."""
        return cosine(*await self._inner.embed([a, b], options))


class RerankByEmbedding:
    """Candidates in the order of their vectors' nearness to the query's."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner

    async def rerank(self, query: str, candidates: Sequence[str], options: EmbedOptions) -> Sequence[Ranked]:
        """The nearest first; those equally near in the order in which they came."""
        (wanted,) = await self._inner.embed([query], options)
        found: list[Ranked] = []
        for at in range(0, len(candidates), BATCH):
            texts = candidates[at : at + BATCH]
            vectors = await self._inner.embed(texts, options)
            scored = zip(texts, vectors, strict=True)
            found += [Ranked(at + n, text, cosine(wanted, vector)) for n, (text, vector) in enumerate(scored)]
        return sorted(found, key=lambda each: -(each.score or 0.0))
