"""What a server reads out of a request, strictly: form parts, recordings, and the errors that frameworks answer with.

Belongs here: parsing that judges, routes. Does not belong here: what any one service accepts.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import numpy as np
import soundfile

from tests import dtmf
from tests.fakes.server import Reply, Request

_DISPOSITION = re.compile(rb'form-data; name="([^"\r\n]+)"(?:; filename="([^"\r\n]*)")?')


class Refused(Exception):
    """What the request breaks; the answer is `status`."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True)
class Part:
    """One part of a form; `filename` is None for a plain field."""

    name: str
    data: bytes
    filename: str | None = None

    @property
    def text(self) -> str:
        return self.data.decode()


def multipart(request: Request) -> dict[str, Part]:
    """The parts of a multipart form by name. Refused: another type, a broken body, a name twice."""
    kind, _, boundary = request.headers.get("content-type", "").partition("; boundary=")
    if kind != "multipart/form-data" or not boundary:
        raise Refused(f"not a form: {kind!r}", 415)
    mark = b"--" + boundary.strip('"').encode()
    head, *pieces, tail = (b"\r\n" + request.body).split(b"\r\n" + mark)
    if head or tail not in (b"--\r\n", b"--"):
        raise Refused("a form that does not begin and end with its boundary")
    parts = [_part(piece) for piece in pieces]
    if len({part.name for part in parts}) != len(parts):
        raise Refused("a field twice")
    return {part.name: part for part in parts}


def _part(piece: bytes) -> Part:
    head, found, data = piece.partition(b"\r\n\r\n")
    lines = dict(line.split(b": ", 1) for line in head.removeprefix(b"\r\n").split(b"\r\n"))
    match = _DISPOSITION.fullmatch(lines.get(b"Content-Disposition", b""))
    if not found or not match:
        raise Refused("a part without a head")
    return Part(match[1].decode(), data, match[2].decode() if match[2] is not None else None)


def only(parts: dict[str, Part], *allowed: str) -> None:
    """Refused: a field that is not documented."""
    if extra := sorted(set(parts) - set(allowed)):
        raise Refused(f"unknown fields: {', '.join(extra)}")


def file_in(parts: dict[str, Part], name: str) -> bytes:
    """The bytes of a part that is a file with a name."""
    part = parts.get(name)
    if part is None or not part.filename:
        raise Refused(f"no file {name!r}")
    if "." not in part.filename:
        raise Refused(f"{part.filename!r} has no extension")
    return part.data


def number_in(parts: dict[str, Part], name: str, least: float, most: float) -> None:
    """Refused: a field that is there and is no number within the limits."""
    if name in parts and not re.fullmatch(r"\d+(\.\d+)?", parts[name].text):
        raise Refused(f"{name} is no number")
    if name in parts and not least <= float(parts[name].text) <= most:
        raise Refused(f"{name} is out of range")


def digits_in(data: bytes) -> str:
    """The DTMF digits in a WAV. Refused: anything that is no WAV."""
    if not data.startswith(b"RIFF"):
        raise Refused("this is no WAV")
    try:
        samples, rate = soundfile.read(io.BytesIO(data), dtype="int16", always_2d=True)
    except soundfile.LibsndfileError as exc:
        raise Refused(f"this WAV cannot be read: {exc}") from None
    return dtmf.decode(samples[:, 0], rate)


def spoken(text: str, container: str, rate: int = 22_050) -> bytes:
    """The digits in `text` as sound; a text without digits is half a second of quiet."""
    digits = "".join(each for each in text if each.isdecimal() and each.isascii())
    samples = dtmf.encode(digits, rate) if digits else np.zeros(rate // 2, np.int16)
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=container.upper())
    return out.getvalue()


def heard(data: bytes) -> str:
    """The digits in sound of any container: what a test asks of what it was sent."""
    samples, rate = soundfile.read(io.BytesIO(data), dtype="int16", always_2d=True)
    return dtmf.decode(samples[:, 0], rate)


Fields = Mapping[str, type | tuple[type, ...]]


def json_body(request: Request, required: Fields, optional: Fields | None = None) -> dict[str, Any]:
    """A JSON object of these fields, each of its type and filled. Refused: anything else, a query too."""
    if request.headers.get("content-type") != "application/json" or request.query:
        raise Refused("not JSON", 415)
    body, known = request.json(), {**required, **(optional or {})}
    if not isinstance(body, dict) or not set(required) <= set(body) <= set(known):
        raise Refused(f"expected {sorted(known)}, got {body!r}")
    for name, value in body.items():
        if not isinstance(value, known[name]) or isinstance(value, bool) or value in ("", []):
            raise Refused(f"{name} is {value!r}")
    return body


Routes = Mapping[tuple[str, str], Callable[[Request], Reply]]
"""What answers, by method and path."""


def routed(request: Request, routes: Routes) -> Reply:
    """The answer of the request's route; Flask's page where there is none, or the route refuses the request."""
    try:
        if request.path not in {path for _, path in routes}:
            raise Refused("The requested URL was not found on the server.", 404)
        if (request.method, request.path) not in routes:
            raise Refused("The method is not allowed for the requested URL.", 405)
        return routes[request.method, request.path](request)
    except Refused as refused:
        return flask_error(refused)


def flask_error(refused: Refused) -> Reply:
    """The page with which Flask answers an error."""
    title = f"{refused.status} {HTTPStatus(refused.status).phrase}"
    page = f"<!doctype html>\n<html lang=en>\n<title>{title}</title>\n<h1>{title}</h1>\n<p>{refused}</p>\n"
    return Reply.text(page, refused.status, "text/html; charset=utf-8")
