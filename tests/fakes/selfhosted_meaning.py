"""The local servers of the `selfhosted` family with the fourth one: vectors, similarity, ranks.

It implements what is documented and answers an error to anything else; the shapes of its answers, which are
documented nowhere, a test may choose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from tests.fakes.forms import Refused, json_body
from tests.fakes.meaning import nearness, vector
from tests.fakes.selfhosted_server import Messages, SelfHosted, app, echo
from tests.fakes.server import FakeServer, Reply, Request
from voicecli.backends.selfhosted.vectors import MODEL
from voicecli.types import Backend

Shape = Callable[[Any], Any]


def same(data: Any) -> Any:
    return data


class SelfHostedMeaning(SelfHosted):
    """See the module. `shape` makes an answer's body of what is answered; without `batches` there is no POST /MODEL."""

    def __init__(
        self,
        answer: Callable[[Messages], str] = echo,
        *,
        streams: bool = True,
        shape: Shape = same,
        batches: bool = True,
    ) -> None:
        super().__init__(answer, streams=streams)
        self.shape, self.batches = shape, batches
        self.embedding = FakeServer(self.near)

    def __enter__(self) -> Self:
        self.embedding.__enter__()
        return super().__enter__()

    def __exit__(self, *exc: Any) -> None:
        super().__exit__(*exc)
        self.embedding.__exit__(*exc)

    def backend(self, **settings: Any) -> Backend:
        """A backend at these addresses."""
        return super().backend(**({"embedding_url": self.embedding.url} | settings))

    def near(self, request: Request) -> Reply:
        head, _, text = request.path.removeprefix("/").partition("/")
        routes: dict[tuple[str, str], Callable[[Request], Reply]] = {
            ("POST", "/similarity"): self.similar,
            ("POST", "/rerank"): self.rerank,
        }
        if self.batches:
            routes["POST", f"/{MODEL}"] = self.embed
        if head == MODEL and text and "/" not in text:
            routes["GET", request.path] = self.embed_one
        return app(routes)(request)

    def embed_one(self, request: Request) -> Reply:
        return Reply.json(self.shape({"embedding": vector(request.path.rpartition("/")[2])}))

    def embed(self, request: Request) -> Reply:
        body = json_body(request, {"texts": list})
        _texts(body["texts"])
        return Reply.json(self.shape({"embeddings": [vector(each) for each in body["texts"]]}))

    def similar(self, request: Request) -> Reply:
        body = json_body(request, {"a": str, "b": str})
        _texts([body["a"], body["b"]])
        return Reply.json(self.shape({"similarity": nearness(body["a"], body["b"])}))

    def rerank(self, request: Request) -> Reply:
        body = json_body(request, {"query": str, "candidates": list})
        _texts([body["query"], *body["candidates"]])
        scored = [{"text": each, "score": nearness(body["query"], each)} for each in body["candidates"]]
        return Reply.json(self.shape({"results": sorted(scored, key=lambda each: -float(each["score"]))}))


def _texts(texts: list[Any]) -> None:
    if not all(isinstance(each, str) and each.strip() for each in texts):
        raise Refused(f"not texts: {texts}")
