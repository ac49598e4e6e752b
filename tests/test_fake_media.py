"""The strict servers of pictures, videos, documents and embeddings refuse what no document of theirs allows."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.fakes.forms import Refused
from tests.fakes.gov_media import GovMedia
from tests.fakes.openai_pictures import OpenAIPictures
from tests.fakes.pictures import document_digits, docx, mp4, mp4_digits, pdf, png, png_digits
from tests.fakes.selfhosted_meaning import SelfHostedMeaning

PICTURE = ("a.png", png("12"), "image/png")
VIDEO = ("a.mp4", mp4("12"), "video/mp4")
DOCUMENT = ("a.pdf", pdf("12"), "application/pdf")


@pytest.fixture(scope="module")
def gov() -> Iterator[GovMedia]:
    with GovMedia() as server:
        yield server


@pytest.fixture(scope="module")
def near() -> Iterator[SelfHostedMeaning]:
    with SelfHostedMeaning() as servers:
        yield servers


@pytest.fixture(scope="module")
def openai() -> Iterator[OpenAIPictures]:
    with OpenAIPictures() as server:
        yield server


def test_digits_survive_and_damage_does_not() -> None:
    assert png_digits(png("0123456789")) == "0123456789" and mp4_digits(mp4("042")) == "042"
    assert document_digits("a.docx", docx("7")) == "7" and document_digits("a.PDF", pdf("8")) == "8"
    whole = {png_digits: png("407"), mp4_digits: mp4("407")}
    for read, data in whole.items():
        for cut in range(len(data)):
            with pytest.raises(Refused):
                read(data[:cut])
    damaged = bytearray(png("407"))
    damaged[-20] ^= 1
    with pytest.raises(Refused, match="damaged"):
        png_digits(bytes(damaged))
    for name, data in (("a.pdf", docx("1")), ("a.docx", pdf("1")), ("a.exe", b"1")):
        with pytest.raises(Refused):
            document_digits(name, data)


GOV: list[tuple[str, dict[str, Any], int]] = [
    ("/v1/images/generations", {"json": {"prompt": "x", "n": 1}}, 400),
    ("/v1/images/generations", {"json": {}}, 400),
    ("/v1/images/generations", {"json": {"prompt": " "}}, 400),
    ("/v1/images/generations", {"data": {"prompt": "x"}}, 415),
    ("/image/imageToText", {"json": {"file": "x"}}, 415),
    ("/image/imageToText", {"files": {"picture": PICTURE}}, 400),
    ("/image/imageToText", {"files": {"file": PICTURE}, "data": {"more": "x"}}, 400),
    ("/image/imageToText?x=1", {"files": {"file": PICTURE}}, 400),
    ("/image/imageToText", {"files": {"file": ("a", png("1"), "image/png")}}, 400),
    ("/image/enhanceImage", {"files": {"file": ("a.png", mp4("1"), "image/png")}}, 400),
    ("/image/generateVideo", {"files": {"file": VIDEO}}, 400),
    ("/video/motInference", {"files": {"file": PICTURE}}, 400),
    ("/video/mmeditingInference", {"files": {"file": ("a.mp4", b"", "video/mp4")}}, 400),
    ("/uploadFile/uploadLearningFile", {"files": {"fileToUpload": DOCUMENT}}, 400),
    ("/uploadFile/uploadLearningFile?category=hr", {"files": {"file": DOCUMENT}}, 400),
    ("/uploadFile/uploadLearningFile?category=hr&x=1", {"files": {"fileToUpload": DOCUMENT}}, 400),
    ("/uploadFile/uploadLearningFile?category=hr", {"files": {"fileToUpload": ("a.pdf", b"x", "text/plain")}}, 400),
    ("/image/other", {"files": {"file": PICTURE}}, 404),
]


@pytest.mark.parametrize(("path", "body", "status"), GOV)
def test_gov_refuses(gov: GovMedia, path: str, body: dict[str, Any], status: int) -> None:
    assert httpx.post(gov.url + path, **body).status_code == status


def test_gov_refuses_other_methods_and_hands_out_nothing_unsigned(gov: GovMedia) -> None:
    assert httpx.get(gov.url + "/image/imageToText").status_code == 405
    url = httpx.post(gov.url + "/v1/images/generations", json={"prompt": "a 7"}).json()["data"][0]["url"]
    assert png_digits(httpx.get(url).content) == "7"
    assert httpx.get(url[:-1]).status_code == 403 and httpx.get(url.partition("?")[0]).status_code == 403
    assert httpx.get(url, headers={"Authorization": "Bearer x"}).status_code == 400
    assert httpx.get(gov.url + "/static/img/none.mp4").status_code == 404


NEAR: list[tuple[str, str, dict[str, Any], int]] = [
    ("POST", "/Qwen3-Embedding-4B", {"json": {"texts": []}}, 400),
    ("POST", "/Qwen3-Embedding-4B", {"json": {"texts": ["x", ""]}}, 400),
    ("POST", "/Qwen3-Embedding-4B", {"json": {"texts": ["x"], "model": "y"}}, 400),
    ("POST", "/Qwen3-Embedding-4B", {"data": {"texts": "x"}}, 415),
    ("POST", "/similarity", {"json": {"a": "x"}}, 400),
    ("POST", "/rerank", {"json": {"query": "x", "candidates": "y"}}, 400),
    ("POST", "/rerank", {"json": {"query": "x", "candidates": ["y"]}, "headers": {"Authorization": "Bearer x"}}, 400),
    ("GET", "/Qwen3-Embedding-4B", {}, 405),
    ("GET", "/Qwen3-Embedding-4B/a/b", {}, 404),
    ("GET", "/other/a", {}, 404),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), NEAR)
def test_the_server_of_embeddings_refuses(
    near: SelfHostedMeaning, method: str, path: str, body: dict[str, Any], status: int
) -> None:
    assert httpx.request(method, near.embedding.url + path, **body).status_code == status


def _look(*parts: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": list(parts)}]}


TEXT = {"type": "text", "text": "What is this?"}
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64encode(png('1')).decode()}"}}
OPENAI: list[tuple[str, Any]] = [
    ("/embeddings", {"input": ["x"]}),
    ("/embeddings", {"model": "m", "input": []}),
    ("/embeddings", {"model": "m", "input": ["x"], "texts": ["x"]}),
    ("/images/generations", {"prompt": "x"}),
    ("/images/generations", {"model": "m", "prompt": "x", "size": "large"}),
    ("/images/generations", {"model": "m", "prompt": "x", "category": "y"}),
    ("/chat/completions", _look(IMAGE)),
    ("/chat/completions", _look(TEXT, TEXT)),
    ("/chat/completions", _look(TEXT, {"type": "image_url", "image_url": {"url": "http://x/a.png"}})),
    ("/chat/completions", _look(TEXT, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}})),
]


@pytest.mark.parametrize(("path", "body"), OPENAI)
def test_openai_refuses(openai: OpenAIPictures, path: str, body: Any) -> None:
    answer = httpx.post(openai.base_url + path, json=body, headers={"Authorization": "Bearer x"})
    assert answer.status_code == 400 and answer.json()["error"]["message"]
    assert httpx.post(openai.base_url + path, json=body).status_code == 401
