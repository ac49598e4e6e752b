"""Files that go with a question: texts, pictures, and recordings, which are recognised first.

Belongs here: what kind a file is, and what a model gets of it. Does not belong here: how a service is sent it,
how a recording is recognised (transcribing).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from voicecli.errors import InputError, NoSpeechError, unreadable
from voicecli.text.decoding import as_text
from voicecli.types import Picture
from voicecli.usecases.inputs import read_bytes
from voicecli.usecases.transcribing.plan import Source
from voicecli.usecases.transcribing.sources import aside, at_hand

if TYPE_CHECKING:
    from voicecli.wiring.services import Services

PICTURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
"""How pictures begin."""

PIPED = Path("-")
"""Stands for stdin."""

UTF_16 = (b"\xff\xfe", b"\xfe\xff")

LARGEST_PICTURE = 20_000_000
"""Bytes; services take about as much."""


@dataclass(frozen=True, slots=True)
class Attached:
    """What a question takes along."""

    texts: tuple[str, ...] = ()
    images: tuple[Picture, ...] = ()
    paths: tuple[Path, ...] = ()

    def with_question(self, question: str) -> str:
        """The attached texts, then the question."""
        return "\n\n".join(part for part in (*self.texts, question) if part)

    def __add__(self, other: Attached) -> Attached:
        return Attached(self.texts + other.texts, self.images + other.images, self.paths + other.paths)


async def attached(services: Services, paths: Sequence[Path], *, private: bool, piped: bool) -> Attached:
    """What a model gets of `paths`. With `private` nothing is kept of it.

    `services` choose the recogniser of recordings, by `[use]`: a backend that was named is meant for the answer.
    `piped` says whether something is piped in, which PIPED stands for. InputError, and what recognising raises.
    """
    found = Attached()
    with TemporaryDirectory(prefix="voice-", ignore_cleanup_errors=True) as folder:
        for path in paths:
            source = Source(str(path))
            if path == PIPED and not piped:
                raise InputError("is empty", who="stdin", cure="Pipe a file into it.")
            async with at_hand(source, Path(folder), 0) as file:
                found += await _one(services, file, Path(source.shown), private=private)
            found += Attached() if path == PIPED else Attached(paths=(path,))
    return found


async def _one(services: Services, path: Path, named: Path, *, private: bool) -> Attached:
    """What a model gets of one file: `path` is where it is read, `named` how it is told of."""
    found = await aside(lambda: _read(path, named))
    if found is None:
        return Attached(texts=(_titled(named, await heard(services, path, named, private=private)),))
    return found


def _read(path: Path, named: Path) -> Attached | None:
    """A picture or a text; None for a recording. Raises InputError for anything else."""
    try:
        return _picture_or_text(path, named)
    except OSError as exc:
        raise unreadable(named, exc) from exc


def _picture_or_text(path: Path, named: Path) -> Attached | None:
    from voicecli.audio.files import container_of

    with path.open("rb") as file:
        head = file.read(16)
    if kind := _picture(head):
        data = read_bytes(path)
        if len(data) > LARGEST_PICTURE:
            raise InputError("is too large a picture", who=str(named), cure="Make it smaller: 20 MB are taken.")
        return Attached(images=(Picture(data, kind),))
    if container_of(head):
        return None
    if b"\0" in head and head[:2] not in UTF_16:
        cure = "A text, a recording or a picture (PNG, JPEG, GIF, WebP) goes along; documents are for 'voice learn'."
        raise InputError("is not text", who=str(named), cure=cure)
    return Attached(texts=(_titled(named, as_text(read_bytes(path), str(named)).strip()),))


def picture(path: Path) -> Picture:
    """A picture to be shown in a conversation. InputError for anything else."""
    found = _read(path, path) if path.is_file() else None
    if found is None or len(found.images) != 1:
        raise InputError("is no picture", who=str(path), cure="PNG, JPEG, GIF and WebP are.")
    return found.images[0]


def _picture(head: bytes) -> str:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in PICTURES.items() if head.startswith(magic)), "")


def _titled(path: Path, text: str) -> str:
    return f"[{path.name}]\n{text}"


async def heard(services: Services, path: Path, named: Path, *, private: bool) -> str:
    """What is said in a recording, of any length: long ones go in pieces, as `voice transcribe` sends them."""
    from voicecli.usecases.transcribing.batch import Wish, cutting_of, seconds_of
    from voicecli.usecases.transcribing.results import text_of
    from voicecli.usecases.transcribing.working import Work
    from voicecli.wiring.guessing import settle

    config = await settle(services.config, ["transcribe"], services.env, services.report)
    services = replace(services, config=config, backend=None)
    wish = Wish(cached=not private)
    cutting, options = cutting_of(services, wish)
    total = await aside(lambda: seconds_of([Source(str(path))], wish))
    with services.report.progress(f"listening to {named.name}", total, "s") as show:
        async with services.open("transcribe") as recogniser:
            work = Work(recogniser, cutting, options, services.report, show)
            text = text_of(await work.file(path, str(named))).strip()
    if not text:
        raise NoSpeechError("no speech was found", who=str(named), cure="Leave it out.")
    return text
