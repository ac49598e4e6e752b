"""The application: routes, doors and the pool behind them, put together.

Belongs here: making it out of a configuration. Does not belong here: what a route does, listening (commands.serve).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException
from starlette.requests import Request

from voicecli import __version__
from voicecli.config.keys import stored
from voicecli.errors import ConfigError, VoiceError, culprit
from voicecli.server import chat, ears, front, listing, meaning, models, mouth
from voicecli.server.doors import Bounds, Doors
from voicecli.server.guard import LOOPBACK, AccessPolicy
from voicecli.server.pool import Pool
from voicecli.server.realtime import route as realtime
from voicecli.server.refusals import Refused, ToldError, body, told
from voicecli.server.reporting import Log
from voicecli.types import Secret
from voicecli.wiring.services import Services

KEY_NAME = "serve"
KEY_CURE = "Keep one: voice keys set serve"

ROUTERS = (front, listing, chat, ears, mouth, realtime, meaning)
"""In this order: the embedding server's `/{model}` would take every other path."""


Beside = Callable[[Pool], AbstractAsyncContextManager[None]]
"""What else is served out of the same pool."""


def app_of(
    services: Services,
    policy: AccessPolicy,
    bounds: Bounds | None = None,
    beside: Sequence[Beside] = (),
    *,
    lends: bool = False,
    manages: bool = False,
) -> FastAPI:
    """The application for these services; with `lends` for this machine's devices, with `manages` for its models, too.

    Nothing is opened before its lifespan begins.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with Pool(services).open() as pool, AsyncExitStack() as stack:
            app.state.pool = pool
            for each in (models.resting, *beside):
                await stack.enter_async_context(each(pool))
            yield

    app = FastAPI(title="voicecli", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.figures, app.state.report, app.state.changing = CollectorRegistry(), services.report, asyncio.Lock()
    if lends:
        from voicecli.server import lending

        app.state.audio, app.state.lent = services.config.audio, False
        app.include_router(lending.router)
    for each in (*([models] if manages else []), *ROUTERS):
        app.include_router(each.router)
    for kind, answer in HANDLERS.items():
        app.add_exception_handler(kind, answer)
    app.add_middleware(Doors, policy=policy, bounds=bounds or Bounds(), figures=app.state.figures)
    return app


def from_environment() -> FastAPI:
    """The application out of the environment alone: configuration as everywhere, `[serve]` for the doors.

    Whoever runs it (uvicorn, gunicorn) decides on which address it listens, so a key must be kept. Raises ConfigError.
    """
    from voicecli.config import load

    env = os.environ
    config = load(env)
    return app_of(Services(config, env, Log()), policy_of(config.config_dir, key_needed=True))


def policy_of(
    config_dir: Path, *, key_needed: bool, hosts: Iterable[str] = (), origins: Iterable[str] = ()
) -> AccessPolicy:
    """Who is let in: with the key that `voice keys set serve` keeps. Raises ConfigError where one is needed."""
    kept = stored(config_dir).get(KEY_NAME)
    if key_needed and kept is None:
        raise ConfigError("this needs a key that whoever asks must know", who="serve", cure=KEY_CURE)
    return AccessPolicy(Secret(kept) if kept else None, frozenset((*LOOPBACK, *hosts)), frozenset(origins))


def _json(answer: ToldError) -> JSONResponse:
    return JSONResponse(answer.body.model_dump(), answer.status, answer.headers)


async def _refused(_request: Request, exc: Any) -> JSONResponse:
    return _json(exc.told)


async def _failed(request: Request, exc: Exception) -> JSONResponse:
    """The whole story is the log's; the client's is short."""
    request.app.state.report.warn(f"{request.url.path}: {culprit(exc)}")
    return _json(told(exc))


async def _invalid(_request: Request, exc: Any) -> JSONResponse:
    """The first thing that is wrong, and where."""
    first = exc.errors()[0]
    where = ".".join(str(each) for each in first["loc"] if each != "body")
    words = body(f"{where}: {first['msg']}" if where else first["msg"])
    return JSONResponse(words.model_dump(), 400)


async def _http(_request: Request, exc: Any) -> JSONResponse:
    return JSONResponse(body(str(exc.detail)).model_dump(), exc.status_code, exc.headers)


HANDLERS: dict[type[Exception], Any] = {
    Refused: _refused,
    VoiceError: _failed,
    RequestValidationError: _invalid,
    HTTPException: _http,
    ExceptionGroup: _failed,
    Exception: _failed,
}
