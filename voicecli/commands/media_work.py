"""Pictures, videos and documents on their way to a service and back: judged, sent with progress, written whole.

Belongs here: opening inputs, the goal of a result, what all these commands share. Does not belong here: flags,
what one verb asks, how a service is spoken to.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from voicecli.commands import session as common
from voicecli.errors import InputError, UsageError
from voicecli.types import filekinds as media

if TYPE_CHECKING:
    from voicecli.commands.session import Session
    from voicecli.types import MediaChunk, Upload, Verb

STD = "-"

PIPED_BYTES = 256 * 1024 * 1024
"""A pipe that is named as a file is read into memory, so it is not read for ever."""

KNOWN = {
    "picture": ("image/", "PNG, JPEG, GIF, WebP, BMP, TIFF and HEIC are known."),
    "video": ("video/", "MP4, MOV, WebM, AVI, MPEG and FLV are known."),
}
"""How the media types of an input begin, and what to say of others."""


# -- what goes out ---------------------------------------------------------------------------------


class Watched:
    """A file that tells how far it was read. `told` may be changed while it is."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.told: Callable[[float], object] = lambda done: None

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.told(self._file.tell())
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def fileno(self) -> int:
        return self._file.fileno()


@dataclass(frozen=True, slots=True)
class Source:
    """An input that is open: what it is called, and how large it is."""

    shown: str
    size: int
    watched: Watched
    kind: str

    def upload(self, name: str) -> Upload:
        """The file as a service is sent it, under `name`."""
        from voicecli.types import Upload

        return Upload(cast(BinaryIO, self.watched), name, self.kind)


@contextmanager
def opened(session: Session, path: str, what: str) -> Iterator[Source]:
    """The picture or video at `path` (- is stdin). Raises InputError for anything else."""
    with _file(session, path) as (shown, file):
        kind, (begins, known) = media.kind_of(file.read(media.HEAD)), KNOWN[what]
        if not kind.startswith(begins):
            raise InputError(f"is no {what} that is known", who=shown, cure=known)
        yield source_of(shown, file, kind)


def source_of(shown: str, file: BinaryIO, kind: str) -> Source:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return Source(shown, size, Watched(file), kind)


@contextmanager
def _file(session: Session, path: str) -> Iterator[tuple[str, BinaryIO]]:
    """An open file that can be sought in, and what it is called."""
    if path == STD:
        if not (data := session.console.piped_bytes()):
            raise InputError("is empty", who="stdin", cure="Pipe a file into it.")
        yield "stdin", io.BytesIO(data)
        return
    with readable(path) as file:
        yield path, file


@contextmanager
def readable(path: str) -> Iterator[BinaryIO]:
    """A file that is there, is not empty, and can be sought in (a pipe is read first). Raises InputError."""
    try:
        file: BinaryIO = Path(path).open("rb")  # noqa: SIM115
    except OSError as exc:
        raise common.unreadable(path, exc) from exc
    with file:
        found = file if file.seekable() else io.BytesIO(_piped(path, file))
        if not found.read(1):
            raise InputError("is empty", who=path)
        found.seek(0)
        yield found


def _piped(path: str, file: BinaryIO) -> bytes:
    data = file.read(PIPED_BYTES + 1)
    if len(data) > PIPED_BYTES:
        raise InputError(f"holds more than {PIPED_BYTES:,} bytes", who=path, cure="Write it to a file first.")
    return data


async def sent(session: Session, source: Source, opening: AbstractAsyncContextManager[Any], stack: Any) -> Any:
    """What `opening` yields, entered on `stack` while the upload is shown."""
    with progress(session, source):
        return await stack.enter_async_context(opening)


@contextmanager
def progress(session: Session, source: Source) -> Iterator[None]:
    """Shows how much of an upload is out."""
    with session.console.progress(f"sending {Path(source.shown).name}", source.size) as show:
        source.watched.told = show
        try:
            yield
        finally:
            source.watched.told = lambda done: None


# -- what comes back -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a result goes: a file of the person's choosing, or stdout."""

    path: str

    @classmethod
    def of(cls, session: Session, output: str | None, input: str | None, example: str) -> Goal:
        """What -o says. Raises UsageError before anything is sent: none, a folder, the input, a terminal."""
        if output is None:
            raise UsageError("where to?", cure=f"Give -o {example}, or -o - for a pipe.")
        if output == STD:
            if session.json:
                raise UsageError("--json and -o - both want stdout", cure="Give one of them.")
            if session.console.out_is_terminal:
                raise UsageError("a terminal cannot show it", cure=f"Give -o {example}, or pipe it on.")
            return cls(output)
        refuse_target(output, input)
        return cls(output)

    def tell(self, session: Session, kind: str, size: int) -> None:
        """What was written, for scripts; for people only when it is not what the name says."""
        extension = media.EXTENSIONS.get(kind, "")
        if session.json:
            session.console.json_line({"output": self.path, "format": extension, "bytes": size})
        elif self.path != STD and media.extension_of(self.path) not in ("", extension):
            session.console.note(f"{self.path} holds what the service sent: {extension}.")


def refuse_target(output: str, *inputs: str | None, flag: str = "-o") -> None:
    """Raises UsageError for a file that could not be written, or is an input."""
    from voicecli.audio.files import refuse_input

    target = Path(output)
    if target.is_dir():
        raise UsageError(f"{flag} {target} is a folder", cure="Name a file in it.")
    if not target.absolute().parent.is_dir():
        raise UsageError(f"{flag} {target}: there is no such folder", cure=f"Make it: mkdir -p {target.parent}")
    refuse_input(target, *(each for each in inputs if each != STD))


async def received(session: Session, chunks: AsyncIterator[MediaChunk], goal: Goal) -> tuple[str, int]:
    """Writes what arrives to the goal; the media type and the size. A file appears whole or not at all."""
    kind, size = "", 0
    with _target(session, goal) as write, session.console.progress("receiving"):
        async for chunk in chunks:
            write(chunk.data)
            kind, size = chunk.kind, size + len(chunk.data)
    return kind, size


@contextmanager
def _target(session: Session, goal: Goal) -> Iterator[Callable[[bytes], object]]:
    if goal.path == STD:
        yield session.console.write_bytes
        return
    from voicecli.audio import files

    with files.atomic(Path(goal.path)) as file:
        yield file.write


def convert(session: Session, verb: Verb, what: str, path: str, output: str | None, example: str) -> None:
    """Sends a file, and writes the file that comes back."""
    goal = Goal.of(session, output, path, example)
    session.choose(verb)
    with opened(session, path, what) as source:
        kind, size = common.run(lambda: _converted(session, verb, what, source, goal))
    goal.tell(session, kind, size)


async def _converted(session: Session, verb: Verb, what: str, source: Source, goal: Goal) -> tuple[str, int]:
    from contextlib import AsyncExitStack

    upload = source.upload(f"{what}.{media.EXTENSIONS[source.kind]}")
    async with AsyncExitStack() as stack:
        adapter = await stack.enter_async_context(session.open(verb))
        chunks = await sent(session, source, getattr(adapter, verb)(upload), stack)
        return await received(session, chunks, goal)


# -- texts -----------------------------------------------------------------------------------------


def words(session: Session, given: list[str] | None, what: str) -> str:
    """The text of the arguments, else of stdin. Raises UsageError and InputError for none."""
    if given and given != [STD]:
        text = " ".join(given)
    elif session.console.in_is_terminal:
        raise UsageError(f"no {what} was given", cure="Write it behind the command, or pipe it in.")
    else:
        text = session.console.piped_text()
    if not text.strip():
        raise InputError(f"the {what} is empty")
    return text.strip()


def lines(session: Session, given: list[str] | None, input: str | None, what: str) -> list[str]:
    """Texts: the arguments, or each line of -i or of stdin that is not blank. Raises UsageError and InputError."""
    if given and input is not None:
        raise UsageError(f"there are {what} and -i", cure="Give one of them.")
    if given and given != [STD]:
        found = [each.strip() for each in given]
        if not all(found):
            raise InputError(f"one of the {what} is empty")
        return found
    if input not in (None, STD):
        text = common.read_text(Path(str(input)))
    elif session.console.in_is_terminal:
        raise UsageError(f"no {what} were given", cure="Write them behind the command, or pipe them in, one a line.")
    else:
        text = session.console.piped_text()
    if not (found := [line.strip() for line in text.splitlines() if line.strip()]):
        raise InputError(f"there are no {what}", cure="The input is empty.")
    return found


def give(session: Session, text: str, output: str | None) -> None:
    """A result of text: to stdout, or whole into a file."""
    if output in (None, STD):
        session.console.result(text)
        return
    from voicecli.audio import files

    with files.atomic(Path(str(output))) as file:
        file.write((text.rstrip("\n") + "\n").encode("utf-8", "replace"))
