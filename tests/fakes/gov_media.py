"""The `gov` service with all it offers: pictures made, described, enhanced, animated; videos; documents learnt.

What it makes lies at addresses that expire: pictures in a store of its own (another port, a signature in the
address, and no key is ever taken there), videos below its own address. Digits go in and digits come out.
Anything that is not documented is answered with an error.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Self

from tests.fakes.forms import Part, Refused, Routes, json_body, multipart, only
from tests.fakes.gov_server import Gov, Messages, echo
from tests.fakes.pictures import (
    digits_of,
    document_digits,
    doubled,
    mp4,
    mp4_digits,
    plus_one,
    png,
    png_digits,
)
from tests.fakes.server import FakeServer, Reply, Request

CATEGORIES = ("bj_gov", "hr")
"""The knowledge bases that there are."""

KINDS = {"png": "image/png", "mp4": "video/mp4"}


class GovMedia(Gov):
    """See the module. `learnt` holds (category, name, digits) of each document."""

    def __init__(self, answer: Callable[[Messages], str] = echo) -> None:
        super().__init__(answer)
        self.store = FakeServer(self.hand_out)
        self.learnt: list[tuple[str, str, str]] = []
        self.kept: dict[str, tuple[str, bytes]] = {}

    def __enter__(self) -> Self:
        self.store.__enter__()
        return super().__enter__()

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self.store.__exit__(*exc)

    # -- what is asked -----------------------------------------------------------------------------

    def documented(self) -> Routes:
        posts: dict[str, Callable[[Request], Reply]] = {
            "/v1/images/generations": self.make,
            "/image/imageToText": self.describe,
            "/image/enhanceImage": self.enhance,
            "/image/generateVideo": self.animate,
            "/video/motInference": self.track,
            "/video/mmeditingInference": self.smooth,
            "/uploadFile/uploadLearningFile": self.learn,
        }
        ours = {("GET", path): self.own for path in self.kept if path.startswith("/static/")}
        return {**super().documented(), **{("POST", path): route for path, route in posts.items()}, **ours}

    def make(self, request: Request) -> Reply:
        body = json_body(request, {"prompt": str})
        if not body["prompt"].strip():
            raise Refused("an empty prompt")
        made = png(digits_of(body["prompt"]) or "0")
        return Reply.json({"created": 1709288374, "data": [{"url": self.stored("stable-diffusion", made)}]})

    def describe(self, request: Request) -> Reply:
        digits = png_digits(_file(request, "png", "jpg"))
        told = {"classification": "叉车 加油泵 ", "caption": f" 图中的数字是{digits}", "status": "success"}
        return Reply.json(told | {"samUrl": self.stored("sam", png(doubled(digits)))})

    def enhance(self, request: Request) -> Reply:
        made = png(plus_one(png_digits(_file(request, "png", "jpg"))))
        return Reply.json({"status": "success", "enhanceImageUrl": self.stored("realesrgan", made)})

    def animate(self, request: Request) -> Reply:
        made = mp4(png_digits(_file(request, "png", "jpg")))
        return Reply.json({"svdVideoUrl": self.laid_out("static/img/svd", made), "status": "success"})

    def track(self, request: Request) -> Reply:
        made = mp4(plus_one(mp4_digits(_file(request, "mp4"))))
        return Reply.json({"data": self.laid_out("static/video", made), "status": "success"})

    def smooth(self, request: Request) -> Reply:
        made = mp4(doubled(mp4_digits(_file(request, "mp4"))))
        return Reply.json({"data": self.laid_out("static/video", made), "status": "success"})

    def learn(self, request: Request) -> Reply:
        if set(request.query) != {"category"} or len(request.query["category"]) != 1:
            raise Refused("expected the parameter category and no other")
        (category,) = request.query["category"]
        part = _part(request, "fileToUpload", "txt", "pdf", "doc", "docx")
        if category not in CATEGORIES:
            return Reply.json({"result": False})
        self.learnt.append((category, part.filename or "", document_digits(part.filename or "", part.data)))
        return Reply.json({"result": True})

    # -- what was made -----------------------------------------------------------------------------

    def stored(self, bucket: str, data: bytes) -> str:
        """An address in the store, signed, as object stores sign them."""
        path, signature = f"/{bucket}/{secrets.token_hex(6)}.png", secrets.token_hex(32)
        self.kept[path] = (signature, data)
        query = f"response-content-type=image%2F%2A&X-Amz-Expires=7200&X-Amz-Signature={signature}"
        return f"{self.store.url}{path}?{query}"

    def laid_out(self, folder: str, data: bytes) -> str:
        """A path below the service's own address."""
        path = f"{folder}/{secrets.token_hex(8)}.mp4"
        self.kept["/" + path] = ("", data)
        return path

    def hand_out(self, request: Request) -> Reply:
        signature, data = self.kept.get(request.path, ("", b""))
        if "authorization" in request.headers:
            return Reply.text("<Error><Code>InvalidRequest</Code><Message>a key in the store</Message></Error>", 400)
        if not data or request.query.get("X-Amz-Signature") != [signature]:
            return Reply.text("<Error><Code>AccessDenied</Code></Error>", 403, "application/xml")
        return _given(request, data)

    def own(self, request: Request) -> Reply:
        return _given(request, self.kept[request.path][1])


def _given(request: Request, data: bytes) -> Reply:
    if request.method != "GET":
        raise Refused("Method Not Allowed", 405)
    half = len(data) // 2
    kind = KINDS[request.path.rpartition(".")[2]]
    return Reply([data[:half], 0.0, data[half:]], 200, {"content-type": kind, "content-length": str(len(data))})


def _file(request: Request, *extensions: str) -> bytes:
    """The one file of a form, and nothing else in the request."""
    if request.query:
        raise Refused("a query, where none is documented")
    return _part(request, "file", *extensions).data


def _part(request: Request, name: str, *extensions: str) -> Part:
    parts = multipart(request)
    only(parts, name)
    part = parts.get(name)
    if part is None or not part.filename or not part.data:
        raise Refused(f"no file {name!r}")
    if not re.fullmatch(rf"[^/\\]+\.({'|'.join(extensions)})", part.filename):
        raise Refused(f"{part.filename!r} is no name of such a file")
    return part
