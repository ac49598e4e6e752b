"""The page at `/`: talk to this server in a browser.

Belongs here: serving the files of `page/` and what a browser may do with them. Does not belong here: the page itself.

Its files are named one by one when the server starts, so no path leads elsewhere; nothing of another host is allowed.
"""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter
from starlette.responses import Response

from voicecli.server.refusals import Refused

router = APIRouter(include_in_schema=False)

KINDS = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
FILES = {
    each.name: (each.read_bytes(), kind)
    for each in (files(__package__) / "page").iterdir()
    if (kind := KINDS.get(each.name.rpartition(".")[2]))
}


@router.get("/")
async def page() -> Response:
    return await page_file("index.html")


@router.get("/page/{name}")
async def page_file(name: str) -> Response:
    if name not in FILES:
        raise Refused(404, "The page has no such file.")
    data, kind = FILES[name]
    return Response(data, media_type=f"{kind}; charset=utf-8", headers=HEADERS)
