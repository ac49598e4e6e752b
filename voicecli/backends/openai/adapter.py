"""The adapter of an OpenAI-compatible service, which joins the parts over one client.

Belongs here: the factory, the address as people write it, the parts side by side. Does not belong here: what any one
part asks.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

from voicecli.backends.openai.catalog import OpenAICatalog
from voicecli.backends.openai.completions import OpenAIChat
from voicecli.backends.openai.embeddings import Embeddings
from voicecli.backends.openai.pictures import Pictures
from voicecli.backends.openai.realtime import Realtime
from voicecli.backends.openai.synthesis import OpenAISpeech
from voicecli.backends.openai.transcriptions import Transcriptions
from voicecli.backends.transport.http import HttpService
from voicecli.types import Backend

_DOUBLED = re.compile(r"^(?:https?://)+(?=https?://)", re.IGNORECASE)
_ENDPOINT = re.compile(
    r"/(?:chat/completions|completions|audio/(?:transcriptions|speech)|images/generations|models|embeddings)$"
)


class OpenAI:
    """All that an OpenAI-compatible service can do, over one client: the parts, side by side."""

    def __init__(self, service: HttpService) -> None:
        self.warm = service.warm
        self.chat = OpenAIChat(service).chat
        self.transcribe = Transcriptions(service).transcribe
        self.transcribe_live = Realtime(service).transcribe_live
        self.speak = OpenAISpeech(service).speak
        self.embed = Embeddings(service).embed
        pictures = Pictures(service)
        self.image_make, self.image_describe = pictures.image_make, pictures.image_describe
        catalog = OpenAICatalog(service)
        self.models, self.voices, self.check = catalog.models, catalog.voices, catalog.check


@asynccontextmanager
async def open_openai(backend: Backend) -> AsyncIterator[OpenAI]:
    """The adapter for `backend`. Raises ConfigError for an address or key that cannot be used."""
    async with HttpService(backend, normalised(backend.base_url)) as service:
        yield OpenAI(service)


def normalised(url: str) -> str:
    """`url` without a doubled scheme or an endpoint's path, and with `/v1` where it has no path at all."""
    url = _DOUBLED.sub("", url.strip())
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    path = _ENDPOINT.sub("", parts.path.rstrip("/"))
    if parts.scheme and parts.netloc and not path:
        path = "/v1"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
