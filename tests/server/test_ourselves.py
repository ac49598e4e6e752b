"""`voice` with its base_url at `voice serve`: the cells of the openai family's contract, with our server between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.contracts import OPENAI, Cell
from tests.server.conftest import CONFIG, Served, serving
from tests.test_contracts import answer, nothing_left, opened

pytestmark = pytest.mark.anyio

CELLS = [cell for cell in OPENAI if not cell.verb.startswith("image_make")]
EMBEDS = 'embed_model = "letters-embed"\n[talk]\nvad = "webrtc"\n'
"""Tones are no speech for Silero."""


@dataclass(frozen=True)
class Front:
    """Where a client's configuration leads."""

    server: Served

    @property
    def base_url(self) -> str:
        return f"{self.server.url}/v1"

    @property
    def live_url(self) -> str:
        return f"ws://127.0.0.1:{self.server.port}/v1/realtime"

    talk_url = live_url


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    config = CONFIG.replace("[use]", '[use]\nembed = "work"') + EMBEDS
    with serving(tmp_path_factory.mktemp("served"), config=config) as server:
        yield Front(server)


@pytest.mark.parametrize("cell", CELLS, ids=str)
async def test_answers_are_right(front: Front, cell: Cell) -> None:
    assert cell.right(await answer(cell, front))
    await nothing_left()


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.slow], ids=str)
async def test_who_leaves_early_leaves_nothing(front: Front, cell: Cell) -> None:
    async with opened(cell, front) as adapter, asyncio.timeout(60):
        async with cell.call(adapter) as items:
            assert await anext(items) is not None
        async with cell.call(adapter) as items:
            assert cell.right([item async for item in items])
    await nothing_left()
