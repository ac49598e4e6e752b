"""Results of which a service tells only the address: fetched at once, within limits, and only from where they may be.

An address may be relative to the base. The key goes with requests to the base's own scheme, host and port and
nowhere else; a redirect is followed on the same scheme only; a service elsewhere cannot have us ask this machine, nor
hear what another host answered (elsewhere).

Belongs here: from an address (or base64) to the pieces of a picture or a video. Does not belong here: which field
of an answer holds the address, files, names.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

from voicecli.backends.transport.door import origin
from voicecli.backends.transport.elsewhere import Elsewhere
from voicecli.backends.transport.http import HttpService, Reply
from voicecli.backends.transport.wording import clean, complaint_of
from voicecli.errors import RefusedError, ServiceError, VoiceError
from voicecli.types import MediaChunk
from voicecli.types import filekinds as media

PICTURE_BYTES = 64 * 1024 * 1024
VIDEO_BYTES = 1 << 30
"""The most that is taken as one result; it is never kept in memory."""

PICTURE, VIDEO = "picture", "video"
_KINDS = {PICTURE: ("image/",), VIDEO: ("video/", "image/gif")}
_LIMITS = {PICTURE: PICTURE_BYTES, VIDEO: VIDEO_BYTES}
_WORDS_BYTES = 64 * 1024


@asynccontextmanager
async def fetched(service: HttpService, address: object, what: str) -> AsyncIterator[AsyncIterator[MediaChunk]]:
    """The `what` (PICTURE or VIDEO) at `address`, in pieces. Raises ServiceError, and what every request raises."""
    url = resolved(service, address, what)
    async with AsyncExitStack() as stack:
        door = service
        if origin(url) != origin(service.base_url):
            door = await stack.enter_async_context(_Door(service.backend, url, service.base_url))
        try:
            reply = await stack.enter_async_context(door.stream("GET", url))
        except RefusedError as exc:
            raise ServiceError(f"its {what} cannot be fetched: {exc.what}", who=exc.who, cure="Try again") from exc
        yield await stack.enter_async_context(aclosing(_pieces(door, reply, what)))


def resolved(service: HttpService, address: object, what: str) -> str:
    """`address` as a whole one. Raises ProtocolError for what is none. Whether it may be asked is judged elsewhere."""
    if not isinstance(address, str) or not address.strip():
        raise service.protocol_error(f"answered without the address of a {what}", str(address or ""))
    try:
        url = urljoin(service.base_url + "/", address.strip())
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc or not url.isprintable():
        raise service.protocol_error(f"gives its {what} an address that is not followed", address)
    return url


class _Door(Elsewhere):
    """The door to a result at another host; a redirect stays on its scheme."""

    def _schemes(self, scheme: str) -> tuple[str, ...]:
        return (scheme,)

    def redirected(self, url: str, target: str) -> str:
        if "@" in target.partition("?")[0]:
            raise ServiceError(f"redirects to {clean(target, 100)}, which is not followed", who=self.who)
        return super().redirected(url, target)


async def _pieces(service: HttpService, reply: Reply, what: str) -> AsyncGenerator[MediaChunk, None]:
    limit, head, kind = _LIMITS[what], b"", ""
    told = reply.headers.get("content-length", "")
    if told.isdecimal() and int(told) > limit:
        raise service.protocol_error(f"sends more than {limit:,} bytes as a {what}")
    chunks = reply.chunks(limit)
    async for piece in chunks:
        if kind:
            yield MediaChunk(piece, kind)
            continue
        head += piece
        if len(head) >= media.HEAD:
            kind = _kind(service, head, reply.content_type, what)
            yield MediaChunk(head, kind)
    if not kind:
        raise _unlike(service, head, reply.content_type, what)


def _kind(service: HttpService, head: bytes, content_type: str, what: str) -> str:
    kind = media.kind_of(head)
    if not kind.startswith(_KINDS[what]):
        raise _unlike(service, head, content_type, what)
    return kind


def _unlike(service: HttpService, head: bytes, content_type: str, what: str) -> VoiceError:
    """What a service says where a picture or a video should stand."""
    if not head:
        return ServiceError(f"sent an empty {what}", who=service.who, cure="Try again")
    if head[:1] in b"{[":
        return service.error(complaint_of(head[:_WORDS_BYTES], content_type))
    return service.protocol_error(f"sent something that is no {what}", head if head.isascii() else repr(head[:16]))


def decoded(service: HttpService, text: Any) -> MediaChunk:
    """A picture that came as base64. Raises ServiceError."""
    try:
        data = b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError) as exc:
        raise service.protocol_error("sent a picture that is no base64", str(text)[:200]) from exc
    if len(data) > PICTURE_BYTES:
        raise service.protocol_error(f"sent more than {PICTURE_BYTES:,} bytes as a picture")
    return MediaChunk(data, _kind(service, data, "", PICTURE))
