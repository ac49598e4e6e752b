"""Texts to vectors.

Belongs here: the request. Does not belong here: what vectors are good for (meaning), shapes of answers (shapes).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from voicecli.backends.openai.part import OpenAIPart
from voicecli.backends.transport.shapes import Vector, vectors_in
from voicecli.types import EmbedOptions

_BYTES = 256 * 1024 * 1024
"""A few dozen texts with thousands of numbers each, written out."""


class Embeddings(OpenAIPart):
    """`Embedder` of OpenAI-compatible services."""

    async def embed(self, texts: Sequence[str], options: EmbedOptions) -> Sequence[Vector]:
        """Raises ConfigError when no model is set, ProtocolError when the vectors are not as many as the texts."""
        asked = {"model": self._model(options.model, "embed_model"), "input": list(texts)}
        body = self._backend.extra_for("embed") | asked
        data = await self._service.json("POST", "embeddings", verb="embed", json=body, limit=_BYTES)
        self._service.complain(data)
        if (found := vectors_in(data, len(texts))) is None:
            shown = json.dumps(data, ensure_ascii=False)[:200]
            raise self._service.protocol_error(f"sent no {len(texts)} vectors of one length", shown)
        return found
