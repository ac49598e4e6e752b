"""Real models, loaded once for all tests of a file.

Belongs here: fixtures of the local family. Does not belong here: speech (speech.py).
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests import weights
from voicecli.backends.local.ears import Ears
from voicecli.backends.local.mouth import LocalSpeaker
from voicecli.backends.local.settings import LocalSettings

BACKEND = LocalSettings("local", "local", models_folder=str(weights.FOLDER))


@pytest.fixture(scope="module")
async def ears(anyio_backend: object) -> AsyncIterator[Ears]:
    opened = Ears(BACKEND)
    await opened.warm()
    yield opened


@pytest.fixture(scope="module")
async def mouth(anyio_backend: object) -> AsyncIterator[LocalSpeaker]:
    opened = LocalSpeaker(BACKEND)
    await opened.warm()
    yield opened
