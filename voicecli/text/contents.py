"""Whether a file is the picture, video or document that it should be, told by its first bytes. Pure.

Belongs here: the verdict and the error for a person. Does not belong here: what bytes mean (types.filekinds), reading.
"""

from __future__ import annotations

from voicecli.errors import InputError
from voicecli.types.filekinds import EXTENSIONS, extension_of, kind_of

KNOWN = {
    "picture": ("image/", "PNG, JPEG, GIF, WebP, BMP, TIFF and HEIC are known."),
    "video": ("video/", "MP4, MOV, WebM, AVI, MPEG and FLV are known."),
}
"""How the media types of an input begin, and what to say of others."""

DOCUMENTS = {extension: kind for kind, extension in EXTENSIONS.items()}


def seen(what: str, head: bytes, shown: str) -> str:
    """The media type of a picture or a video. Raises InputError: it is none."""
    kind, (begins, known) = kind_of(head), KNOWN[what]
    if not kind.startswith(begins):
        raise InputError(f"is no {what} that is known", who=shown, cure=known)
    return kind


def document(name: str, head: bytes, shown: str) -> str:
    """The media type that the name of a document says. Raises InputError: the content is another."""
    extension = extension_of(name)
    wanted = DOCUMENTS.get(extension, "application/octet-stream")
    found = kind_of(head) or ("text/plain" if b"\0" not in head else "")
    if wanted in EXTENSIONS and found != wanted:
        raise InputError(f"is no {extension}, whatever its name says", who=shown)
    return wanted
