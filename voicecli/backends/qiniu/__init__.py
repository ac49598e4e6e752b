"""Qiniu's cloud voice: recognition over a binary WebSocket, speech, voices, and chat as OpenAI's.

Belongs here: the factories that the registry names. Does not belong here: anything that costs an import
before a factory is called. The rooms: `frames`, `answers` and `session` are pure; `addresses` chooses
between its two bases; `adapters` and `speech` carry bytes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicecli.backends.qiniu.adapters import Catalog, Recogniser, Thinker
    from voicecli.backends.qiniu.speech import Mouth
    from voicecli.types import Backend


@asynccontextmanager
async def ears(backend: Backend) -> AsyncIterator[Recogniser]:
    """Recognition of live sound and of recordings."""
    from voicecli.backends.qiniu.adapters import Recogniser
    from voicecli.backends.qiniu.addresses import Addresses

    async with Addresses(backend) as addresses:
        yield Recogniser(addresses)


@asynccontextmanager
async def mouth(backend: Backend) -> AsyncIterator[Mouth]:
    """Speech."""
    from voicecli.backends.qiniu.addresses import Addresses
    from voicecli.backends.qiniu.speech import Mouth

    async with Addresses(backend) as addresses:
        yield Mouth(addresses)


@asynccontextmanager
async def thinker(backend: Backend) -> AsyncIterator[Thinker]:
    """Chat, and the models for it."""
    from voicecli.backends.qiniu.adapters import Thinker
    from voicecli.backends.qiniu.addresses import Addresses

    async with Addresses(backend) as addresses:
        yield Thinker(addresses)


@asynccontextmanager
async def catalog(backend: Backend) -> AsyncIterator[Catalog]:
    """The list of voices, which is also the test of health."""
    from voicecli.backends.qiniu.adapters import Catalog
    from voicecli.backends.qiniu.addresses import Addresses

    async with Addresses(backend) as addresses:
        yield Catalog(addresses)
