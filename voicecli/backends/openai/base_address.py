"""The base address of an OpenAI-compatible service, as people write it and as it is used.

Belongs here: pure functions on addresses. Does not belong here: whether anything answers there.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_DOUBLED = re.compile(r"^(?:https?://)+(?=https?://)", re.IGNORECASE)
_ENDPOINT = re.compile(
    r"/(?:chat/completions|completions|audio/(?:transcriptions|speech)|images/generations|models|embeddings)$"
)


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


def realtime(url: str) -> str:
    """The address of a realtime transcription; a bare `…/realtime` says what it is for."""
    parts = urlsplit(url)
    if parts.path.endswith("/realtime") and not parts.query:
        parts = parts._replace(query="intent=transcription")
    return urlunsplit(parts)
