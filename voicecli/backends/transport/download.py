"""Recordings at an address, fetched into a file: for services that do not fetch them themselves.

Belongs here: one download, its size limit. Does not belong here: keys (none is ever sent), what the
recording is, where it goes.
"""

from __future__ import annotations

from typing import BinaryIO

from voicecli.backends.transport.elsewhere import Elsewhere
from voicecli.backends.transport.wording import clean
from voicecli.errors import InputError, ProtocolError, ServiceError
from voicecli.text.figures import size
from voicecli.types import Backend


async def download(url: str, file: BinaryIO, limit: int) -> None:
    """Writes what is at `url` to `file`. InputError: more than `limit` bytes; else as every request."""
    door = Elsewhere(Backend("download", "download", base_url=url), url, url)
    try:
        async with door, door.stream("GET", url.partition("#")[0]) as reply:
            told = reply.headers.get("content-length", "")
            if told.isdecimal() and int(told) > limit:
                raise _too_large(url, limit)
            async for piece in reply.chunks(limit):
                file.write(piece)
    except ProtocolError as exc:
        raise _too_large(url, limit) from exc
    except ServiceError as exc:
        if 400 <= exc.status < 500:  # there is no model here that a wrong address might be the fault of
            exc.cure = "Check the address"
        raise


def _too_large(url: str, limit: int) -> InputError:
    return InputError(f"holds more than {size(limit)}", who=clean(url, 200), cure="Allow more with --max-download MB.")
