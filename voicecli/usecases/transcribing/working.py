"""Recordings to transcripts: what is sent as it is, what is cut into pieces, so many at a time.

Belongs here: the lanes, the cache of pieces, joining. Does not belong here: which recordings (plan), getting at them
(sources), how they must be (fitting), what a result looks like (results), where to cut (audio.splitter).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from voicecli.audio import pieces
from voicecli.errors import NoSpeechError, VoiceError
from voicecli.ports import FileTranscriber, Reporter
from voicecli.text.joining import HeardPiece, join
from voicecli.types import MIC, AudioClip, TranscribeOptions, Transcript
from voicecli.types.hosts import host_of, is_public
from voicecli.usecases.transcribing.cutting import Cutting, ReadyPiece
from voicecli.usecases.transcribing.fitting import whole
from voicecli.usecases.transcribing.plan import Source
from voicecli.usecases.transcribing.sources import aside

log = logging.getLogger(__name__)

AHEAD = 2
"""Pieces that are cut before a lane is free for them."""

MISSING = 0.95
"""Where less of a recording than this could be read, that is told."""


class Work:
    """Transcribes recordings over one open adapter. `show` is told how many seconds are done, each time it is more."""

    def __init__(
        self,
        recogniser: FileTranscriber,
        cutting: Cutting,
        options: TranscribeOptions,
        report: Reporter,
        show: Callable[[float], object],
    ) -> None:
        self._recogniser, self._cutting, self._options, self._report = recogniser, cutting, options, report
        self._show, self._settings = show, cutting.settings
        self.lanes = self._settings.lanes
        self.done_s = self.kept_s = 0.0
        """Seconds that are done; those of them whose text the cache holds: they need not be asked for again."""
        self._lanes = asyncio.Semaphore(self.lanes)

    async def address(self, source: Source) -> Transcript | None:
        """What the service makes of an address that it fetches itself; None where it must be downloaded."""
        container = Path(urlsplit(source.url).path).suffix[1:].lower()
        if container not in self._cutting.fit.fetches or not is_public(host_of(source.url)):
            return None
        return await self._heard(AudioClip(b"", container, None, source.stem, source.url))

    async def file(self, path: Path, name: str) -> Transcript:
        """The transcript of a recording. Raises what reading and the service raise, NoSpeechError for none."""
        clip = await aside(lambda: whole(path, self._cutting.fit, self._settings, name))
        if clip is None:
            return await self._cut(path, name)
        transcript = await self._heard(clip)
        self._tell_done(clip.seconds or 0.0)
        if transcript.duration is None and clip.seconds is not None:
            transcript = with_duration(transcript, clip.seconds)
        return transcript

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
        cutter = await aside(lambda: self._cutting.cutter(path, name))
        heard: dict[int, HeardPiece] = {}
        failures: list[VoiceError] = []
        queue: asyncio.Queue[ReadyPiece | None] = asyncio.Queue(AHEAD)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._produce(cutter, queue, failures, name))
            for _ in range(self._settings.lanes):
                tasks.create_task(self._consume(queue, heard, failures))
        if failures:
            raise failures[0]
        if not heard:
            raise NoSpeechError("no speech was found in it", who=name)
        self._compare(cutter, name)
        return join([heard[number] for number in sorted(heard)], cutter.samples / MIC.rate)

    def _compare(self, cutter: pieces.Cutter, name: str) -> None:
        """Tells where less came out of a recording than it says there is: the end may be missing."""
        read, there = cutter.samples / MIC.rate, cutter.told_s
        if read < MISSING * there and there - read > 1:
            self._report.warn(
                f"{name}: only {read:.0f} of {there:.0f} s can be read; what is behind is damaged or missing"
            )

    async def _produce(
        self, cutter: pieces.Cutter, queue: asyncio.Queue[ReadyPiece | None], failures: list[VoiceError], name: str
    ) -> None:
        """Cuts ahead of the lanes, in a thread. Each lane is told of the end."""
        numbered = enumerate(iter(cutter))
        try:
            while not failures and (ready := await aside(lambda: self._next(numbered, name))) is not None:
                await queue.put(ready)
        except VoiceError as exc:
            failures.append(exc)
        for _ in range(self._settings.lanes):
            await queue.put(None)

    def _next(self, numbered: Iterator[tuple[int, pieces.Piece]], name: str) -> ReadyPiece | None:
        """The next piece, encoded and looked up."""
        number, piece = next(numbered, (-1, None))
        if piece is None:
            return None
        return self._cutting.ready(number, piece, name)

    async def _consume(
        self, queue: asyncio.Queue[ReadyPiece | None], heard: dict[int, HeardPiece], failures: list[VoiceError]
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
            heard[ready.number] = HeardPiece(ready.start, ready.end, ready.speech, transcript)
            self.kept_s += ready.end - ready.start
            self._tell_done(ready.end - ready.start)

    def _tell_done(self, seconds: float) -> None:
        self.done_s += seconds
        self._show(self.done_s)

    async def _ask(self, ready: ReadyPiece) -> Transcript:
        transcript = await self._heard(ready.clip)
        await aside(lambda: self._settings.cache.put(ready.key, transcript))
        return transcript


def with_duration(transcript: Transcript, seconds: float) -> Transcript:
    """The transcript of a recording of so many seconds, where the service did not tell."""
    return replace(transcript, duration=round(seconds, 3))
