"""Recordings to transcripts: what is sent as it is, what is cut into pieces, so many at a time.

Belongs here: fitting a recording to what a family takes, the lanes, the cache of pieces, joining.
Does not belong here: which recordings (transcribe_plan), what a result looks like (transcribe_results),
how a service is spoken to, where to cut (audio.splitter).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from voicecli.audio import files, foreign, pieces
from voicecli.audio.splitter import Rules
from voicecli.backends.family import Capabilities
from voicecli.commands.transcribe_plan import Job, Source
from voicecli.errors import InputError, NoSpeechError, VoiceError
from voicecli.storage.cache import PieceCache, key_of
from voicecli.text.joining import Heard, join
from voicecli.types import MIC, AudioClip, Backend, TranscribeOptions, Transcript

log = logging.getLogger(__name__)

LONGEST_S = 90.0
TIMELESS_S = 30.0
"""Pieces for a recogniser that tells no times: what it says is then known to be within so much."""

WHOLE_BYTES = 26_214_400
"""A file of more is never read whole, whatever a family takes."""

HEADER_BYTES = 8192
"""What a container may add to its samples."""

AHEAD = 2
"""Pieces that are cut before a lane is free for them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the flags said. `lanes` requests run at a time; `env` is this run's; `timed`: results have times."""

    lanes: int = 4
    raw: pieces.Raw | None = None
    timed: bool = False
    cache: PieceCache = field(default_factory=lambda: PieceCache(None))
    env: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """How recordings must be for the chosen family and model. `timeless`: short pieces are to tell the times."""

    native: bool
    containers: frozenset[str]
    most_bytes: int
    most_seconds: float | None
    rules: Rules
    container: str
    fetches: frozenset[str]
    timeless: bool = False


def fit_of(family: Capabilities, backend: Backend, options: TranscribeOptions, *, timed: bool) -> Fit:
    """What `family` takes with the model that will be asked."""
    limits = family.limits
    model = options.model or backend.transcribe_model
    # A live recogniser, behind a bridge or not, takes plain samples.
    native = family.can("transcribe") and not limits.plain
    timeless = timed and (not options.words or any(part in model.lower() for part in limits.timeless))
    seconds = limits.seconds_for(model)
    longest = min(each for each in (LONGEST_S, seconds, TIMELESS_S if timeless else None) if each)
    if limits.upload_bytes is not None:
        longest = min(longest, (limits.upload_bytes - HEADER_BYTES) / pieces.MIC_BYTES_S)
    return Fit(
        native=native,
        containers=limits.containers,
        most_bytes=min(limits.upload_bytes or WHOLE_BYTES, WHOLE_BYTES),
        most_seconds=TIMELESS_S if timeless else seconds,
        rules=Rules(longest_s=max(longest, 0.0)),
        container="flac" if native and "flac" in limits.containers else "wav",
        fetches=limits.fetches,
        timeless=timeless,
    )


def whole(path: Path, fit: Fit, settings: Settings) -> AudioClip | None:
    """The file as it is, where the family takes it so; None: it must be cut or converted. InputError."""
    if not fit.native or settings.raw is not None or not _is_small(path, fit):
        return None
    try:
        clip = files.read_clip(path)
    except InputError:
        if not path.is_file() or not pieces.is_media(path):
            raise
        return None  # another program may know it
    if clip.container not in fit.containers or len(clip.data) > fit.most_bytes or not files.is_as_it_says(path):
        return None
    return None if fit.most_seconds is not None and _is_long(clip, fit, fit.most_seconds, settings.env) else clip


def _is_long(clip: AudioClip, fit: Fit, most_seconds: float, env: Mapping[str, str] | None) -> bool:
    """Whether it must be cut. What does not tell its length and cannot be cut here is the service's to judge."""
    if clip.seconds is not None:
        return clip.seconds > most_seconds
    return fit.timeless or foreign.are_readable(env)


def _is_small(path: Path, fit: Fit) -> bool:
    """Whether it may be read whole. A pipe or a device has no size; what is no file is told of when it is read."""
    try:
        return path.stat().st_size <= fit.most_bytes
    except OSError:
        return True


@dataclass(frozen=True, slots=True)
class Ready:
    """A piece as it is sent, and what was understood of it before, if it was kept."""

    number: int
    start: float
    end: float
    speech: tuple[float, float]
    clip: AudioClip
    key: str = ""
    known: Transcript | None = None


class Work:
    """Transcribes recordings over one open adapter. `tell(name, seconds)` hears of each part that is done."""

    def __init__(
        self,
        recogniser: Any,
        family: Capabilities,
        backend: Backend,
        options: TranscribeOptions,
        settings: Settings,
        tell: Callable[[float], object] = lambda seconds: None,
    ) -> None:
        self._recogniser, self._backend, self._options = recogniser, backend, options
        self._settings, self._tell = settings, tell
        self.fit = fit_of(family, backend, options, timed=settings.timed)
        self._family = family
        self.lanes = settings.lanes
        self._lanes = asyncio.Semaphore(settings.lanes)

    async def address(self, source: Source) -> Transcript | None:
        """What the service makes of an address that it fetches itself; None where it must be downloaded."""
        container = Path(urlsplit(source.url).path).suffix[1:].lower()
        if container not in self.fit.fetches or not _is_public(source.url):
            return None
        return await self._heard(AudioClip(b"", container, None, source.stem, source.url))

    async def file(self, path: Path, name: str) -> Transcript:
        """The transcript of a recording. Raises what reading and the service raise, NoSpeechError for none."""
        clip = await asyncio.to_thread(self._whole, path, name)
        if clip is None:
            return await self._cut(path, name)
        transcript = await self._heard(clip)
        self._tell(clip.seconds or 0.0)
        if transcript.duration is None and clip.seconds is not None:
            transcript = with_duration(transcript, clip.seconds)
        return transcript

    def _whole(self, path: Path, name: str) -> AudioClip | None:
        clip = whole(path, self.fit, self._settings)
        if clip is not None and clip.seconds is not None and pieces.is_silent(files.blocks(path, ms=1000, live=False)):
            raise NoSpeechError("no speech was found in it", who=name)
        return clip

    async def _heard(self, clip: AudioClip) -> Transcript:
        """One request, once a lane is free. The last transcript of its stream is the final one."""
        final = Transcript("")
        async with self._lanes:
            began = time.monotonic()
            async with self._recogniser.transcribe(clip, self._options) as transcripts:
                async for transcript in transcripts:
                    final = transcript
        what = f"{clip.name}, {clip.seconds or 0:.1f} s, {len(clip.data):,} bytes of {clip.container}"
        log.info("%s: recognised in %.2f s", what, time.monotonic() - began)
        return final

    # -- in pieces -----------------------------------------------------------------------------

    async def _cut(self, path: Path, name: str) -> Transcript:
        """The recording in pieces. When one fails no more are begun; those under way end, and are kept."""
        cutter = self.cutter(path, name)
        heard: dict[int, Heard] = {}
        failures: list[VoiceError] = []
        queue: asyncio.Queue[Ready | None] = asyncio.Queue(AHEAD)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._produce(cutter, queue, failures, name))
            for _ in range(self._settings.lanes):
                tasks.create_task(self._consume(queue, heard, failures))
        if failures:
            raise failures[0]
        if not heard:
            raise NoSpeechError("no speech was found in it", who=name)
        return join([heard[number] for number in sorted(heard)], cutter.samples / MIC.rate)

    def cutter(self, path: Path, name: str) -> pieces.Cutter:
        """The pieces of a recording, still to be read. InputError: it can't be, or no piece is small enough."""
        if self.fit.rules.longest_s < 1:
            most = f"{self.fit.most_bytes:,} bytes"
            raise InputError(
                f"is too long: {self._family.name} takes {most}", who=name, cure="Cut it into shorter ones."
            )
        blocks = pieces.blocks(path, self._settings.raw, self._settings.env)
        return pieces.Cutter(blocks, replace(self.fit.rules, total_s=pieces.seconds(path, self._settings.raw)))

    async def _produce(
        self, cutter: pieces.Cutter, queue: asyncio.Queue[Ready | None], failures: list[VoiceError], name: str
    ) -> None:
        """Cuts ahead of the lanes, in a thread. Each lane is told of the end."""
        numbered = enumerate(iter(cutter))
        try:
            while not failures and (ready := await asyncio.to_thread(self._next, numbered, name)) is not None:
                await queue.put(ready)
        except VoiceError as exc:
            failures.append(exc)
        for _ in range(self._settings.lanes):
            await queue.put(None)

    def _next(self, numbered: Iterator[tuple[int, pieces.Piece]], name: str) -> Ready | None:
        """The next piece, encoded and looked up."""
        number, piece = next(numbered, (-1, None))
        if piece is None:
            return None
        return self.ready(number, piece, name)

    def ready(self, number: int, piece: pieces.Piece, name: str) -> Ready:
        """A piece as it is sent. Its name is not the file's: that stays here."""
        data = pieces.encode(piece, self.fit.container)
        start, end = piece.start / MIC.rate, piece.end / MIC.rate
        clip = AudioClip(data, self.fit.container, end - start, Path(name).name)
        key = key_of(data, self.fit.container, self._options, self._family.identity("transcribe"))
        speech = (piece.first / MIC.rate, piece.last / MIC.rate)
        return Ready(number, start, end, speech, clip, key, self._settings.cache.get(key))

    async def _consume(
        self, queue: asyncio.Queue[Ready | None], heard: dict[int, Heard], failures: list[VoiceError]
    ) -> None:
        while (ready := await queue.get()) is not None:
            if failures:
                continue
            try:
                if ready.known:
                    log.info("%.1f s to %.1f s: known already", ready.start, ready.end)
                transcript = ready.known or await self._ask(ready)
            except VoiceError as exc:
                failures.append(exc)
                continue
            heard[ready.number] = Heard(ready.start, ready.end, ready.speech, transcript)
            self._tell(ready.end - ready.start)

    async def _ask(self, ready: Ready) -> Transcript:
        transcript = await self._heard(ready.clip)
        await asyncio.to_thread(self._settings.cache.put, ready.key, transcript)
        return transcript


def with_duration(transcript: Transcript, seconds: float) -> Transcript:
    """The transcript of a recording of so many seconds, where the service did not tell."""
    return replace(transcript, duration=round(seconds, 3))


def _is_public(url: str) -> bool:
    """Whether another machine might reach the address."""
    from ipaddress import ip_address

    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or "." not in host.strip("[]"):
        return ":" in host and ip_address(host).is_global
    try:
        return ip_address(host).is_global
    except ValueError:
        return True


# -- getting at a recording ------------------------------------------------------------------------


@asynccontextmanager
async def fetched(source: Source, folder: Path, limit: int) -> AsyncIterator[Path]:
    """The file at an address, downloaded for the time of the block; other sources are where they are."""
    if not source.url:
        yield source.path or folder / "stdin"
        return
    from voicecli.backends.transport.download import download

    with _scratch(folder, Path(urlsplit(source.url).path).suffix[:8]) as file:
        await download(source.url, file, limit)
        file.flush()
        yield Path(file.name)


@contextmanager
def _scratch(folder: Path, suffix: str) -> Iterator[BinaryIO]:
    """A file for the time of the block."""
    path = folder / f"download-{secrets.token_hex(4)}{suffix}"
    try:
        with path.open("xb") as file:
            yield file
    finally:
        with suppress(OSError):
            path.unlink()


# -- what would be sent ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A line of --dry-run: a piece of a recording; `known` tells that it would not be sent again."""

    source: str
    piece: int
    start: float
    seconds: float
    bytes: int
    container: str
    known: bool = False


def rows(work: Work, path: Path, job: Job) -> Iterator[Row]:
    """What would be sent of a recording."""
    name = job.source.shown
    clip = work._whole(path, name)
    if clip is not None:
        yield Row(name, 1, 0.0, round(clip.seconds or 0.0, 3), len(clip.data), clip.container)
        return
    for number, piece in enumerate(work.cutter(path, name)):
        one = work.ready(number, piece, name)
        seconds = round(one.end - one.start, 3)
        yield Row(
            name,
            number + 1,
            round(one.start, 3),
            seconds,
            len(one.clip.data),
            one.clip.container,
            one.known is not None,
        )
