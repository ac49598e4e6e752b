"""`voice serve`: what voicecli can use, behind the endpoints that other clients already speak.

Belongs here: the ASGI factory. Does not belong here: a route, and anything that imports fastapi before it is asked.
Needs the extra `voicecli[serve]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI


def create_app() -> FastAPI:
    """An ASGI application out of the person's configuration and environment: for `uvicorn --workers N`, gunicorn …

    `uvicorn --factory voicecli.server:create_app`. Raises ConfigError for a configuration that cannot be used, and
    where no key is kept: who runs it may listen anywhere.
    """
    from voicecli.server.app import from_environment

    return from_environment()
