"""What all routes share: the pool, lenient models, a body that is written while it is made.

Belongs here: small things that touch the web framework. Does not belong here: a route.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict
from starlette.background import BackgroundTask
from starlette.responses import StreamingResponse

from voicecli.server.pool import Pool
from voicecli.server.refusals import told
from voicecli.server.relay import Relay

T = TypeVar("T")


def _pool(request: Request) -> Pool:
    found: Pool = request.app.state.pool
    return found


Opened = Annotated[Pool, Depends(_pool)]


def _no_truth(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("This must be a number.")
    return value


Whole = Annotated[int, BeforeValidator(_no_truth)]
Number = Annotated[float, BeforeValidator(_no_truth)]
"""Numbers, which true and false are not."""
Truth = Annotated[bool, Strict()]
"""True or false, which 0 and 1 are not."""

MOST = 10_000
Several = Annotated[list[T], Field(max_length=MOST, fail_fast=True)]
"""A list of a bounded length, read to the first thing that is wrong: a body may hold millions of them."""


class Lenient(BaseModel):
    """What we do not know is accepted and left alone: clients send fields of next year."""

    model_config = ConfigDict(extra="allow")


def streamed(relay: Relay[T], body: AsyncIterator[bytes], kind: str) -> StreamingResponse:
    """A body that ends the relay behind it however it ends itself."""
    return StreamingResponse(_ending(relay, body), media_type=kind, background=BackgroundTask(relay.aclose))


async def lines(found: AsyncIterable[Mapping[str, str]]) -> AsyncIterator[bytes]:
    """Each as a line of JSON; a failure is the last line."""
    try:
        async for each in found:
            yield _line(each)
    except Exception as exc:
        yield _line({"error": told(exc).body.error.message})


def _line(found: Mapping[str, str]) -> bytes:
    return json.dumps(found, ensure_ascii=False).encode() + b"\n"


async def _ending(relay: Relay[T], body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async with aclosing(relay):
        async for piece in body:
            yield piece
