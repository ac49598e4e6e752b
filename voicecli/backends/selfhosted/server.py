"""What the local servers have in common: addresses, form fields, lines of JSON, and paths that some lack.

Belongs here: from a backend's setting to an HttpService, and the shapes of bodies. Does not belong here:
the transport itself (http), or what any one server's fields mean.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any, TypeVar

from voicecli.backends.transport import ndjson
from voicecli.backends.transport.http import HttpService, Reply
from voicecli.backends.transport.wording import complaint_in
from voicecli.errors import ConfigError, ProtocolError, VoiceError
from voicecli.types import AudioClip, Backend

LACKING = (404, 405)
"""How a server answers to a path, or a method, that it does not have."""

Field = tuple[str, Any]
T = TypeVar("T")


def server_at(backend: Backend, setting: str, endings: Sequence[str]) -> tuple[HttpService, str]:
    """The server at `setting`, not yet opened, and the one path to ask there; "" for any.

    `endings` are the paths that an address may end with, longer ones first. Raises ConfigError.
    """
    url = str(getattr(backend, setting)).rstrip("/")
    if not url:
        raise ConfigError(f"[backends.{backend.name}] has no {setting}", cure=f"Set {setting}, as in http://host:port")
    path = next((each for each in endings if url.endswith(each)), "")
    return HttpService(backend, url.removesuffix(path), setting=setting, placeholder=""), path


@asynccontextmanager
async def opened(
    backend: Backend, setting: str, endings: Sequence[str], adapter: Callable[[HttpService, str], T]
) -> AsyncIterator[T]:
    """What `adapter` makes of the server at `setting`, opened, and of the path to ask there. Raises ConfigError."""
    server, path = server_at(backend, setting, endings)
    async with server:
        yield adapter(server, path)


@asynccontextmanager
async def answered(
    server: HttpService,
    paths: list[str],
    read: Mapping[str, Callable[[HttpService, Reply], AsyncGenerator[T, None]]],
    **body: object,
) -> AsyncIterator[AsyncIterator[T]]:
    """The answer of the first of `paths` that the server has, as its function in `read` reads it.

    A path that the server lacks is never asked again.
    """
    async with AsyncExitStack() as stack:
        path, reply = await _first(stack, server, paths, body)
        if path in paths:
            del paths[: paths.index(path)]
        yield await stack.enter_async_context(aclosing(read[path](server, reply)))


async def _first(
    stack: AsyncExitStack, server: HttpService, paths: Sequence[str], body: Mapping[str, Any]
) -> tuple[str, Reply]:
    for path in paths[:-1]:
        try:
            return path, await stack.enter_async_context(server.stream("POST", path, **body))
        except VoiceError as exc:
            if exc.status not in LACKING:
                raise
    return paths[-1], await stack.enter_async_context(server.stream("POST", paths[-1], **body))


async def messages(server: HttpService, reply: Reply) -> AsyncGenerator[Mapping[str, object], None]:
    """The objects of a body by lines. Raises what an object that reports an error says."""
    try:
        async for line in reply.lines():
            for message in ndjson.objects(line):
                server.complain(message)
                if message.get("event") == "error":
                    raise server.error(complaint_in(message))
                yield message
    except ProtocolError as exc:
        raise server.own(exc) from exc.__cause__


def member(server: HttpService, data: object, name: str) -> str:
    """The text called `name` in an answer. Raises what it reports instead, or ProtocolError."""
    server.complain(data)
    found = data.get(name) if isinstance(data, Mapping) else None
    if not isinstance(found, str):
        raise server.protocol_error(f"answered without {name!r}", shown(data))
    return found


def shown(data: object) -> str:
    """An answer as a message quotes it."""
    return json.dumps(data, ensure_ascii=False)


def form_fields(values: Mapping[str, object]) -> list[Field]:
    """Form fields as httpx wants them among files, so that a body without a file is multipart too."""
    return [(name, (None, _written(value))) for name, value in values.items() if value is not None]


def form_file(field: str, clip: AudioClip, name: str) -> Field:
    """A file of a form. Its name is ours: a recording's own is nobody's business, and may upset a server."""
    return field, (f"{name}.{clip.container}", clip.data)


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
