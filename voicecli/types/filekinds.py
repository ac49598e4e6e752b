"""What a file is, told by its first bytes: pictures, videos, documents.

Belongs here: tables and pure functions on bytes. Does not belong here: sound (audio.files), reading files, what is
said of a file that is another kind (text.contents).
"""

from __future__ import annotations

HEAD = 16
"""Bytes that are enough to tell."""

_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
    (b"\0\0\x01\xba", "video/mpeg"),
    (b"\0\0\x01\xb3", "video/mpeg"),
    (b"FLV\x01", "video/x-flv"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/msword"),
)
_RIFF = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_FTYP = {b"qt  ": "video/quicktime", b"avif": "image/avif", b"heic": "image/heic", b"mif1": "image/heic"}

EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/bmp": "bmp",
    "image/tiff": "tiff",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/heic": "heic",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "video/mpeg": "mpg",
    "video/x-flv": "flv",
    "video/x-msvideo": "avi",
    "application/pdf": "pdf",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "text/plain": "txt",
}
"""The usual extension, without the dot, of what can be told."""

ALSO = {"jpeg": "jpg", "tif": "tiff", "m4v": "mp4", "mpeg": "mpg", "mkv": "webm", "heif": "heic"}
"""Other extensions that mean the same."""


def kind_of(head: bytes) -> str:
    """The media type that the first bytes (`HEAD` are enough) tell of; "" when they tell of none."""
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return "" if head[8:11] == b"M4A" else _FTYP.get(head[8:12], "video/mp4")
    return next((kind for magic, kind in _BEGINNINGS if head.startswith(magic)), "")


def extension_of(name: str) -> str:
    """A name's extension as EXTENSIONS writes it; "" for none."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    return ALSO.get(extension, extension)
