"""Files that go with a question: texts, pictures, and recordings, which are recognised first.

Belongs here: what kind a file is, and what a model gets of it. Does not belong here: how a service is sent it,
how a recording is recognised (transcribe_work).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.commands import session as common
from voicecli.errors import InputError, NoSpeechError

if TYPE_CHECKING:
    from voicecli.commands.session import Session
    from voicecli.types import Picture

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


def attached(session: Session, paths: Sequence[Path], *, private: bool) -> Attached:
    """What a model gets of `paths`. With `private` nothing is kept of it. InputError, and what recognising raises."""
    found = Attached()
    for path in paths:
        if path == PIPED:
            found += _piped(session, private=private)
        else:
            found += _one(session, path, private=private) + Attached(paths=(path,))
    return found


def _piped(session: Session, *, private: bool) -> Attached:
    """What comes out of stdin, whatever it is."""
    with common.scratch() as folder:
        path = folder / "stdin"
        path.write_bytes(session.console.piped_bytes())
        if not path.stat().st_size:
            raise InputError("is empty", who="stdin", cure="Pipe a file into it.")
        return _one(session, path, private=private)


def _one(session: Session, path: Path, *, private: bool) -> Attached:
    from voicecli.audio.files import container_of
    from voicecli.types import Picture

    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as exc:
        raise common.unreadable(path, exc) from exc
    if kind := _picture(head):
        data = path.read_bytes()
        if len(data) > LARGEST_PICTURE:
            raise InputError("is too large a picture", who=str(path), cure="Make it smaller: 20 MB are taken.")
        return Attached(images=(Picture(data, kind),))
    if container_of(head):
        return Attached(texts=(_titled(path, _heard(session, path, private=private)),))
    if b"\0" in head and head[:2] not in UTF_16:
        cure = "A text, a recording or a picture (PNG, JPEG, GIF, WebP) goes along; documents are for 'voice learn'."
        raise InputError("is no text", who=str(path), cure=cure)
    return Attached(texts=(_titled(path, common.read_text(path).strip()),))


def _picture(head: bytes) -> str:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in PICTURES.items() if head.startswith(magic)), "")


def _titled(path: Path, text: str) -> str:
    return f"[{path.name}]\n{text}"


def _heard(session: Session, path: Path, *, private: bool) -> str:
    """What is said in a recording, of any length: long ones go in pieces, as `voice transcribe` sends them."""
    from voicecli import wiring
    from voicecli.commands.transcribe import Done, Wish, options_of, seconds_of, settings_of
    from voicecli.commands.transcribe_plan import Source
    from voicecli.commands.transcribe_results import text_of
    from voicecli.commands.transcribe_work import Work

    config = common.run(lambda: wiring.settle(session.config(), ["transcribe"], session.env, session.console))
    family, backend = wiring.choose("transcribe", config)  # --backend is meant for the answer
    wish = Wish(("text",), cached=not private)
    options, settings = options_of(family, wish), settings_of(session, family, wish)
    session.check(family, "transcribe", options)

    async def work(show: Callable[[float], None]) -> str:
        opened = wiring.open_adapter("transcribe", config, env=session.env, report=session.console)
        async with opened as recogniser:
            found = await Work(recogniser, family, backend, options, settings, Done(show)).file(path, str(path))
        return text_of(found).strip()

    with session.console.progress(f"listening to {path.name}", seconds_of([Source(str(path))], wish)) as show:
        text = common.run(lambda: work(show))
    if not text:
        raise NoSpeechError("no speech was found", who=str(path), cure="Leave it out.")
    return text
