"""One recogniser process for all tests of a file: loading its model takes most of a second.

Belongs here: fixtures of the embedded family. Does not belong here: speech (speech.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from voicecli.backends.embedded.recogniser import Recogniser, open_recogniser
from voicecli.backends.embedded.settings import EmbeddedSettings

BACKEND = EmbeddedSettings("embedded", "embedded")


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"debug": True}


@pytest.fixture(scope="module")
async def ears(anyio_backend: object) -> AsyncIterator[Recogniser]:
    async with open_recogniser(BACKEND) as recogniser:
        yield recogniser
