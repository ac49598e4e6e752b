"""What there is: models, voices, health, figures.

Belongs here: routes that only tell. Does not belong here: work.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from voicecli import __version__
from voicecli.errors import VoiceError
from voicecli.server.pool import MODEL_OF, USUAL, Pool
from voicecli.server.refusals import DECLARED, Refused
from voicecli.server.requests import Opened

router = APIRouter(responses=DECLARED, tags=["about"])
SINCE = 1_700_000_000
"""A date for models that tell none: clients want a number."""


@router.get("/v1/")
@router.get("/v1", include_in_schema=False)
async def about() -> dict[str, object]:
    """Tell what this is. Clients warm their connection up with it."""
    return {"object": "service", "name": "voicecli", "version": __version__}


@router.get("/v1/models")
async def models(pool: Opened) -> dict[str, object]:
    """Every model of every backend in use, and the names that stand for them."""
    known, verbs = await _known(pool), _verbs(pool)
    return {"object": "list", "data": [_model(name, owner, verbs.get(name)) for name, owner in known.items()]}


@router.get("/v1/models/{model:path}")
async def model(model: str, pool: Opened) -> dict[str, object]:
    """One model. 404: nobody here has it."""
    known = await _known(pool)
    if model not in known and model not in USUAL:
        raise Refused(404, f"The model '{model[:80]}' does not exist here.", "model_not_found")
    return _model(model, known.get(model, "voicecli"), _verbs(pool).get(model))


def _model(name: str, owner: str, verbs: list[str] | None) -> dict[str, object]:
    return {"id": name, "object": "model", "created": SINCE, "owned_by": owner} | ({"verbs": verbs} if verbs else {})


def _verbs(pool: Pool) -> dict[str, list[str]]:
    """What each configured model is for."""
    found: dict[str, list[str]] = {}
    for verb, field in MODEL_OF.items():
        for backend in pool.services.config.backends.values():
            if name := getattr(backend, field):
                found.setdefault(name, []).append(verb)
    return found


async def _known(pool: Pool) -> dict[str, str]:
    """Models by their names, each with its backend: those configured first, then what the backends list."""
    config = pool.services.config
    found = {"default": "voicecli"}
    for backend in config.backends.values():
        named = [getattr(backend, field) for field in MODEL_OF.values()]
        found |= {name: backend.name for name in named if name} | {backend.name: backend.name}
    used = {name for name in (config.use.chat, config.use.speak, config.use.transcribe) if name in config.backends}
    for backend_name, names in zip(used, await asyncio.gather(*(pool.listed(each) for each in used)), strict=True):
        found = dict.fromkeys(names, backend_name) | found
    return found


@router.get("/v1/audio/voices")
async def voices(pool: Opened) -> dict[str, list[dict[str, str]]]:
    """The voices that the backend in use lists; none where it lists none."""
    try:
        async with pool.named().open("voices") as catalog:
            found = list(await catalog.voices())
    except VoiceError:
        found = []
    named = [{"id": each.name, "name": each.label or each.name, "language": each.language} for each in found]
    return {"voices": named}


@router.get("/health")
async def health(pool: Opened) -> dict[str, str]:
    """This process is up; whether the services behind are is `voice doctor`'s to say."""
    return {"status": "ok", "model": pool.services.config.use.chat}


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Counters for Prometheus."""
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

    return Response(generate_latest(request.app.state.figures), media_type=CONTENT_TYPE_LATEST)
