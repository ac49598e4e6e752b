"""The models of this machine in a server: let go after a rest; fetched and removed by clients, where that is allowed.

Belongs here: `voice serve --manage-models`. Does not belong here: fetching (usecases.models), the list (listing).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, Request

from voicecli.backends.local.engine import unload
from voicecli.errors import UsageError
from voicecli.server.listing import SINCE
from voicecli.server.pool import Pool
from voicecli.server.refusals import DECLARED, Refused
from voicecli.server.requests import Opened
from voicecli.storage.models import catalogue
from voicecli.usecases.models import pull, store

router = APIRouter(responses=DECLARED, tags=["models"])


@asynccontextmanager
async def resting(pool: Pool) -> AsyncIterator[None]:
    """While it is entered models that nobody asks for are let go."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_rest(pool, pool.services.config.models.rest_s))
        yield
        task.cancel()


async def _rest(pool: Pool, rest_s: float) -> None:
    while rest_s:
        await asyncio.sleep(rest_s / 4)
        if gone := await asyncio.to_thread(unload, time.monotonic() - rest_s):
            pool.services.report.note(f"models that rest, let go: {gone}")


@router.post("/v1/models/{model:path}")
async def fetch(model: str, request: Request, pool: Opened) -> dict[str, object]:
    """Fetch a model of the catalogue; answered once it is here. 404: the catalogue has none of that name."""
    if model not in catalogue():
        raise Refused(404, f"The catalogue has no model '{model[:80]}'.", "model_not_found")
    services = pool.services
    async with request.app.state.changing:
        try:
            await pull(services.config, [model], services.report)
        except UsageError as exc:
            services.report.warn(f"/v1/models: {exc}")
            raise Refused(503, "Another process fetches models now, or the disk is full.") from None
        await _changed(pool)
    return {"id": model, "object": "model", "created": SINCE, "owned_by": "local"}


@router.delete("/v1/models/{model:path}")
async def remove(model: str, request: Request, pool: Opened) -> dict[str, object]:
    """Remove a model from this machine, as OpenAI's clients do with one of theirs. 404: it is not here."""
    folder = store(pool.services.config)
    async with request.app.state.changing:
        if model not in {each.name for each in folder.installed()}:
            raise Refused(404, f"The model '{model[:80]}' is not on this machine.", "model_not_found")
        await asyncio.to_thread(folder.remove, model)
        await _changed(pool)
    return {"id": model, "object": "model", "deleted": True}


async def _changed(pool: Pool) -> None:
    """What was known of the models here is looked at again."""
    pool.forget()
    await asyncio.to_thread(unload, time.monotonic())
