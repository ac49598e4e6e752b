"""Pictures, videos and documents on their way to a service and back: judged, sent with progress, written whole.

Belongs here: what making, describing, changing and learning share. Does not belong here: flags, where the files come
from, how a service is spoken to.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from voicecli.errors import ConfigError, InputError, UsageError, VoiceError, verdict
from voicecli.text import contents
from voicecli.types import filekinds
from voicecli.usecases.inputs import STD, readable
from voicecli.usecases.writing import output

if TYPE_CHECKING:
    from voicecli.ports import Learner, Reporter, Stream
    from voicecli.types import DescribeOptions, Description, LearnOptions, MediaChunk, PictureOptions, Upload
    from voicecli.verbs import Verb
    from voicecli.wiring.services import Services


# -- what goes out ---------------------------------------------------------------------------------


class Watched:
    """A file that tells how far it was read. `told` may be changed while it is."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.told: Callable[[float], object] = lambda done: None
        self.seek, self.tell, self.fileno = file.seek, file.tell, file.fileno

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.told(self._file.tell())
        return data


@dataclass(frozen=True, slots=True)
class Sending:
    """An input that is open: what it is called, its media type, how large it is."""

    shown: str
    kind: str
    file: BinaryIO
    watched: Watched = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "watched", Watched(self.file))

    def upload(self, name: str = "") -> Upload:
        """The file as a service is sent it, under `name`."""
        from voicecli.types import Upload

        return Upload(cast(BinaryIO, self.watched), name, self.kind)

    @contextmanager
    def shown_by(self, report: Reporter) -> Iterator[None]:
        """Shows meanwhile how much of it is out."""
        size = self.file.seek(0, io.SEEK_END)
        self.file.seek(0)
        with report.progress(f"sending {Path(self.shown).name}", size) as show:
            self.watched.told = show
            try:
                yield
            finally:
                self.watched.told = lambda done: None


@contextmanager
def opened(path: str, what: str, piped: Callable[[], bytes]) -> Iterator[Sending]:
    """The picture or video at `path`; - is what `piped` gives. Raises InputError for anything else."""
    with _file(path, piped) as (shown, file):
        yield Sending(shown, contents.seen(what, file.read(filekinds.HEAD), shown), file)


@contextmanager
def _file(path: str, piped: Callable[[], bytes]) -> Iterator[tuple[str, BinaryIO]]:
    """An open file that can be sought in, and what it is called."""
    if path != STD:
        with readable(path) as file:
            yield path, file
        return
    if not (data := piped()):
        raise InputError("is empty", who="stdin", cure="Pipe a file into it.")
    yield "stdin", io.BytesIO(data)


# -- what comes back -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Made:
    """What was written: its extension as its content tells, and its size in bytes."""

    extension: str
    size: int


@dataclass(frozen=True, slots=True)
class Making:
    """A file made by a service and written to `path`; - is `stdout`."""

    services: Services
    path: str
    stdout: Callable[[bytes], object]

    async def picture(self, prompt: str, options: PictureOptions) -> Made:
        """A picture after a text."""
        async with AsyncExitStack() as stack:
            painter = await stack.enter_async_context(self.services.open("image_make"))
            with self.services.report.progress("drawing"):
                chunks = await stack.enter_async_context(painter.image_make(prompt, options))
            return await self._received(chunks)

    async def converted(self, verb: Verb, what: str, source: Sending) -> Made:
        """What `verb` makes of a picture or a video. Its own name stays here."""
        upload = source.upload(f"{what}.{filekinds.EXTENSIONS[source.kind]}")
        async with AsyncExitStack() as stack:
            adapter = await stack.enter_async_context(self.services.open(verb))
            opening: Stream[MediaChunk] = getattr(adapter, verb)(upload)
            with source.shown_by(self.services.report):
                chunks = await stack.enter_async_context(opening)
            return await self._received(chunks)

    async def _received(self, chunks: AsyncIterator[MediaChunk]) -> Made:
        """Writes what arrives. A file appears whole or not at all."""
        kind, size = "", 0
        with self._target() as write, self.services.report.progress("receiving"):
            async for chunk in chunks:
                write(chunk.data)
                kind, size = chunk.kind, size + len(chunk.data)
        made = Made(filekinds.EXTENSIONS.get(kind, ""), size)
        if self.path != STD and filekinds.extension_of(self.path) not in ("", made.extension):
            self.services.report.note(f"{self.path} holds what the service sent: {made.extension}.")
        return made

    @contextmanager
    def _target(self) -> Iterator[Callable[[bytes], object]]:
        if self.path == STD:
            yield self.stdout
            return
        with output(Path(self.path), self.services.report) as file:
            yield file.file.write


async def described(services: Services, source: Sending, options: DescribeOptions) -> Description:
    """What is to be seen in a picture."""
    upload = source.upload(f"picture.{filekinds.EXTENSIONS[source.kind]}")
    async with services.open("image_describe") as onlooker:
        with source.shown_by(services.report):
            found: Description = await onlooker.image_describe(upload, options)
    return found


# -- documents -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Learning:
    """Documents taught to a knowledge base, one after the other. `learnt` and `failed` are told of each."""

    services: Services
    options: LearnOptions
    learnt: Callable[[str], object]
    failed: Callable[[str], object]

    async def run(self, paths: Sequence[str]) -> None:
        """Over one connection. A failure costs its document only.

        Raises UsageError before anything is sent for a document that the service does not take; at the end the one
        error, or that of all where all failed alike, or SomeFailedError.
        """
        can, _ = self.services.choose("learn")
        for path in paths:
            _check_name(path, can.limits.documents)
        failures: list[VoiceError] = []
        async with self.services.open("learn") as learner:
            for path in paths:
                try:
                    await self._one(learner, path)
                except VoiceError as exc:
                    if len(paths) == 1 or isinstance(exc, ConfigError):  # which no other document would change
                        raise
                    self.failed(str(exc) if str(exc).startswith(path) else f"{path}: {exc}")
                    failures.append(exc)
                else:
                    self.learnt(path)
        verdict(failures, len(paths), f"{len(failures)} of {len(paths)} documents failed")

    async def _one(self, learner: Learner, path: str) -> None:
        with readable(path) as file:
            source = Sending(path, contents.document(path, file.read(4096), path), file)
            with source.shown_by(self.services.report):
                await learner.learn(source.upload(Path(path).name), self.options)


def _check_name(path: str, taken: frozenset[str]) -> None:
    if taken and filekinds.extension_of(path) not in taken:
        cure = f"It takes: {', '.join(sorted(taken))}."
        raise UsageError("is no document that the service takes", who=path, cure=cure)
