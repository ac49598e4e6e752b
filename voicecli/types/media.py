"""Files that go to a service and come from it: pictures, videos, documents.

Belongs here: small immutable types without behaviour beyond arithmetic on themselves. Does not belong here: I/O,
clocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to be looked at; `kind` is its media type, image/png for instance."""

    data: bytes = field(repr=False)
    kind: str


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a service is sent, read while it goes out and from its beginning at each attempt.

    `name` is what the service is told, with an extension; `kind` is the media type, image/png for instance.
    """

    file: BinaryIO = field(repr=False)
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class MediaChunk:
    """A piece of a picture or a video as it arrives; all pieces of one have the same media type."""

    data: bytes = field(repr=False)
    kind: str


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """What a caller may ask of a painter. None: do not send the field. `size` is as the service writes it."""

    model: str | None = None
    size: str | None = None


@dataclass(frozen=True, slots=True)
class DescribeOptions:
    """What a caller may ask of somebody who looks at a picture. None: do not send the field.

    `segments`: the picture with its parts marked is wanted too.
    """

    model: str | None = None
    question: str | None = None
    segments: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """What is seen in a picture; `labels` name kinds of things, `segments` is the picture with its parts marked."""

    text: str
    labels: tuple[str, ...] = ()
    segments: Picture | None = None


@dataclass(frozen=True, slots=True)
class LearnOptions:
    """What a caller may ask of a knowledge base. None: the backend's own."""

    category: str | None = None
