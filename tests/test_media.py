"""What a file is by its first bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.pictures import docx, mp4, pdf, png
from voicecli.types.filekinds import EXTENSIONS, HEAD, extension_of, kind_of

HEADS = {
    png("1")[:HEAD]: "image/png",
    b"\xff\xd8\xff\xe0\0\x10JFIF": "image/jpeg",
    b"GIF89a\1\0\1\0": "image/gif",
    b"RIFF\x24\0\0\0WEBPVP8 ": "image/webp",
    b"RIFF\x24\0\0\0AVI LIST": "video/x-msvideo",
    b"RIFF\x24\0\0\0WAVEfmt ": "",
    b"\0\0\0\x1cftypheic\0\0\0\0": "image/heic",
    b"\0\0\0\x1cftypavif\0\0\0\0": "image/avif",
    b"\0\0\0\x14ftypqt  \0\0\0\0": "video/quicktime",
    b"\0\0\0\x14ftypM4A \0\0\0\0": "",
    mp4("1")[:HEAD]: "video/mp4",
    b"\x1a\x45\xdf\xa3\x9fB\x86\x81": "video/webm",
    pdf("1")[:HEAD]: "application/pdf",
    docx("1")[:HEAD]: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    b"Just a text, no mo": "",
    b"": "",
}


@pytest.mark.parametrize("head", HEADS, ids=range(len(HEADS)))
def test_heads(head: bytes) -> None:
    assert kind_of(head) == HEADS[head]


@given(st.binary(max_size=HEAD))
def test_whatever_is_told_has_an_extension(head: bytes) -> None:
    assert kind_of(head) in {"", *EXTENSIONS}


def test_extensions_that_mean_the_same() -> None:
    assert [extension_of(name) for name in ("a.JPEG", "b.tif", "c.png", "none", ".d.m4v")] == [
        "jpg",
        "tiff",
        "png",
        "",
        "mp4",
    ]
