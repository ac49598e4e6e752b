"""Nearness in meaning from a local server: vectors, two texts compared, candidates ranked.

    POST /MODEL {"texts": […]}                 one vector per text; where a server lacks it, GET /MODEL/TEXT for each
    POST /similarity {"a", "b"}                one number
    POST /rerank {"query", "candidates": […]}  scores, or the candidates in a new order

The shapes of the answers are documented nowhere: see shapes.

Belongs here: what goes into these requests. Does not belong here: the transport (http), shapes of answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from voicecli.backends.selfhosted.server import LACKING, opened, shown
from voicecli.backends.transport.http import HttpAdapter, HttpService
from voicecli.backends.transport.shapes import Vector, ranking_in, score_in, vectors_in
from voicecli.errors import InputError, VoiceError
from voicecli.ports import Opened
from voicecli.types import Backend, EmbedOptions, Ranked

MODEL = "Qwen3-Embedding-4B"
"""What stands in the address when neither the options nor the settings name a model."""

ENDINGS = (f"/{MODEL}", "/similarity", "/rerank")

LONGEST = 2000
"""Characters of a text that stands in an address."""

_BYTES = 256 * 1024 * 1024
_SAMPLE = "ok"


def open_meaning(backend: Backend) -> Opened[Meaning]:
    """The server at `embedding_url`. Raises ConfigError without one."""
    return opened(backend, "embedding_url", ENDINGS, lambda server, _path: Meaning(server))


class Meaning(HttpAdapter):
    """`Embedder`, `Comparer` and `Reranker` of a local server."""

    def __init__(self, service: HttpService) -> None:
        super().__init__(service)
        self._one_by_one = False

    async def embed(self, texts: Sequence[str], options: EmbedOptions) -> Sequence[Vector]:
        """One vector per text. Raises ProtocolError when the answer holds other than that."""
        path = "/" + quote(options.model or self._service.backend.embed_model or MODEL, safe="/")
        if not self._one_by_one:
            try:
                body = self._service.backend.extra_for("embed") | {"texts": list(texts)}
                data = await self._service.json("POST", path, verb="embed", json=body, limit=_BYTES)
                return self._vectors(data, len(texts))
            except VoiceError as exc:
                if exc.status not in LACKING:
                    raise
                self._one_by_one = True
        found = [await self.embed_one(text, path) for text in texts]
        if len({len(each) for each in found}) > 1:
            raise self._service.protocol_error("answered with vectors of several lengths")
        return found

    async def embed_one(self, text: str, path: str = f"/{MODEL}") -> Vector:
        """The vector of a short text, by its address. Raises InputError for a long one."""
        # A slash inside would be another address, however it is written.
        told = quote(" ".join(text.replace("/", " ").split()), safe="")
        if not told or len(told) > LONGEST:
            what = "is empty" if not told else "is too long for a server that takes texts in addresses only"
            raise InputError(f"a text {what}", who=self._service.who)
        return self._vectors(await self._service.json("GET", f"{path}/{told}", verb="embed"), 1)[0]

    async def similar(self, a: str, b: str, options: EmbedOptions) -> float:
        """The server's own measure."""
        body = self._extra() | {"a": a, "b": b}
        data = await self._service.json("POST", "/similarity", verb="similar", json=body)
        self._service.complain(data)
        if (found := score_in(data)) is None:
            raise self._service.protocol_error("answered without a number", shown(data))
        return found

    async def rerank(self, query: str, candidates: Sequence[str], options: EmbedOptions) -> Sequence[Ranked]:
        """The server's own order. Raises ProtocolError when a candidate is missing in it."""
        body = self._extra() | {"query": query, "candidates": list(candidates)}
        data = await self._service.json("POST", "/rerank", verb="rerank", json=body)
        self._service.complain(data)
        found = ranking_in(data, candidates)
        if found is None or len(found) != len(candidates):
            raise self._service.protocol_error(f"did not rank the {len(candidates)} candidates", shown(data))
        return found

    async def check(self) -> None:
        """No health is documented: one word is embedded."""
        await self.embed_one(_SAMPLE, "/" + quote(self._service.backend.embed_model or MODEL, safe="/"))

    def _extra(self) -> dict[str, object]:
        return self._service.backend.extra_for("embed")

    def _vectors(self, data: object, count: int) -> list[Vector]:
        self._service.complain(data)
        if (found := vectors_in(data, count)) is None:
            raise self._service.protocol_error(f"sent no {count} vectors of one length", shown(data)[:2000])
        return found
