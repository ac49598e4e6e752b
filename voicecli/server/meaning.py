"""Embeddings, nearness and ranking: OpenAI's shape, the rerankers', and that of the local servers.

Belongs here: these routes. Does not belong here: arithmetic on vectors (wiring.bridges).
Source: OpenAI's API reference, "Embeddings"; the local servers' document ("Embedding").
"""

from __future__ import annotations

import base64
from array import array
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from voicecli.server.pool import Pool
from voicecli.server.refusals import DECLARED
from voicecli.server.requests import Lenient, Opened, Several, Whole
from voicecli.types import EmbedOptions

router = APIRouter(responses=DECLARED, tags=["meaning"])

MOST_TEXTS = 2048
"""Texts in one request, as OpenAI bounds it."""


class EmbedIn(Lenient):
    """`POST /v1/embeddings`."""

    input: (
        Annotated[str, Field(min_length=1, max_length=8_000_000)]
        | Annotated[Several[str], Field(min_length=1, max_length=MOST_TEXTS)]
    )
    model: str | None = None
    encoding_format: Literal["float", "base64"] = "float"


class RerankIn(Lenient):
    """`POST /v1/rerank` (Jina's and Cohere's shape), and `POST /rerank` of the local servers (`candidates`)."""

    query: str = Field(min_length=1)
    documents: Several[str | dict[str, object]] = Field(default_factory=list, max_length=MOST_TEXTS)
    candidates: Several[str] = Field(default_factory=list, max_length=MOST_TEXTS)
    model: str | None = None
    top_n: Whole | None = Field(default=None, ge=1)


class SimilarIn(Lenient):
    a: str = Field(min_length=1)
    b: str = Field(min_length=1)


class TextsIn(Lenient):
    texts: Several[str] = Field(min_length=1, max_length=MOST_TEXTS)


async def vectors_of(pool: Pool, texts: list[str], name: str | None) -> list[list[float]]:
    """The vectors of texts, in order, from the backend that `name` means."""
    meant = await pool.meant("embed", name)
    async with pool.named(meant.backend).open("embed") as embedder:
        return [list(each) for each in await embedder.embed(texts, EmbedOptions(model=meant.model))]


@router.post("/v1/embeddings")
async def embeddings(asked: EmbedIn, pool: Opened) -> dict[str, object]:
    """Turn texts into vectors."""
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    vectors = await vectors_of(pool, texts, asked.model)
    data = [{"object": "embedding", "index": at, "embedding": _written(each, asked)} for at, each in enumerate(vectors)]
    return {"object": "list", "data": data, "model": asked.model, "usage": {"prompt_tokens": 0, "total_tokens": 0}}


def _written(vector: list[float], asked: EmbedIn) -> list[float] | str:
    """As numbers, or as little-endian float32 in base64, which OpenAI's own client asks for."""
    if asked.encoding_format == "float":
        return vector
    return base64.b64encode(array("f", vector).tobytes()).decode()


@router.post("/v1/rerank")
@router.post("/rerank")
async def rerank(asked: RerankIn, pool: Opened) -> dict[str, object]:
    """Put texts in the order in which they fit a question."""
    texts = asked.candidates or [
        each if isinstance(each, str) else str(each.get("text", "")) for each in asked.documents
    ]
    if not texts:
        return {"results": []}
    meant = await pool.meant("rerank", asked.model)
    async with pool.named(meant.backend).open("rerank") as reranker:
        ranked = await reranker.rerank(asked.query, texts, EmbedOptions(model=meant.model))
    results = [
        {"index": each.index, "relevance_score": each.score, "score": each.score, "document": {"text": each.text}}
        for each in list(ranked)[: asked.top_n]
    ]
    return {"model": asked.model, "results": results}


@router.post("/similarity")
async def similarity(asked: SimilarIn, pool: Opened) -> dict[str, float]:
    """Tell how near two texts are in meaning."""
    async with pool.named().open("similar") as comparer:
        return {"similarity": await comparer.similar(asked.a, asked.b, EmbedOptions())}


@router.get("/{model}/{text}")
async def embedded(model: str, text: str, pool: Opened) -> dict[str, object]:
    """One text's vector, as the local embedding server gives it."""
    (vector,) = await vectors_of(pool, [text], model)
    return {"embedding": vector}


@router.post("/{model}")
async def embedded_texts(model: str, asked: TextsIn, pool: Opened) -> dict[str, object]:
    """The vectors of several texts, as the local embedding server gives them."""
    return {"embeddings": await vectors_of(pool, asked.texts, model)}
