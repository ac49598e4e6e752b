"""The embedded recogniser: live utterances and whole recordings, decoded by a process of its own.

Belongs here: the sessions over that process, and what they make of its answers. Does not belong here:
the process itself (process.py), decoding (worker.py and what it uses), the bytes between (wire.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

from voicecli.backends.embedded.process import WHO, Process
from voicecli.backends.embedded.samples import samples
from voicecli.backends.embedded.wire import Kind, Message
from voicecli.backends.transport.structured import alongside
from voicecli.backends.transport.wording import clean
from voicecli.errors import ServiceError, UsageError
from voicecli.types import MIC, AudioClip, AudioFrame, Backend, Segment, TranscribeOptions, Transcript, Word

LANGUAGE = "en"
PAUSE_S = 0.6
"""A silence between words that ends a segment."""
UPLOAD = 1 << 18
"""Bytes of a recording in one message."""


class Recogniser:
    """LiveTranscriber, FileTranscriber and Warm, English only."""

    def __init__(self, backend: Backend, process: Process) -> None:
        self._backend, self._process = backend, process

    @property
    def pid(self) -> int | None:
        """Of the process while it runs."""
        return self._process.pid

    async def warm(self) -> None:
        """Starts the process and loads the model."""
        with suppress(ServiceError):
            await self._process.send(Kind.WARM)

    async def check(self) -> None:
        """Recognises a moment of silence. Raises ServiceError where the engine does not work."""
        async with self.transcribe(AudioClip(bytes(MIC.bytes_for(200)), "pcm"), TranscribeOptions()) as transcripts:
            async for _ in transcripts:
                pass

    @asynccontextmanager
    async def transcribe_live(
        self, frames: AsyncIterator[AudioFrame], options: TranscribeOptions
    ) -> AsyncIterator[AsyncIterator[Transcript]]:
        """One utterance, with interim text after the first second. UsageError: a language that is not English."""
        english_only(options.language or self._backend.language)
        async with self._session(_pcm(frames), {"grammar": options.grammar or ""}) as transcripts:
            yield transcripts

    @asynccontextmanager
    async def transcribe(self, clip: AudioClip, options: TranscribeOptions) -> AsyncIterator[AsyncIterator[Transcript]]:
        """A WAV recording of 16 kHz, or raw samples. InputError: anything else."""
        english_only(options.language or self._backend.language)
        pcm = samples(clip)
        duration = MIC.seconds(pcm)
        async with self._session(_pieces(pcm), {"grammar": options.grammar or "", "whole": True}, duration) as found:
            yield found

    @asynccontextmanager
    async def _session(
        self, sound: AsyncIterator[bytes], options: dict[str, Any], duration: float | None = None
    ) -> AsyncIterator[AsyncIterator[Transcript]]:
        number, answers = self._process.begin()
        try:
            async with (
                alongside(self._feed(number, sound, options)),
                aclosing(_transcripts(answers, duration)) as transcripts,
            ):
                yield transcripts
        finally:
            self._process.forget(number)

    async def _feed(self, number: int, sound: AsyncIterator[bytes], options: dict[str, Any]) -> None:
        await self._process.send(Kind.BEGIN, number, options)
        async for pcm in sound:
            await self._process.send(Kind.AUDIO, number, pcm)
        await self._process.send(Kind.END, number)


async def _pcm(frames: AsyncIterator[AudioFrame]) -> AsyncIterator[bytes]:
    async for frame in frames:
        if frame.format != MIC:
            raise UsageError("takes 16 kHz mono only", who=WHO)
        yield frame.pcm


async def _pieces(pcm: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(pcm), UPLOAD):
        yield pcm[at : at + UPLOAD]


async def _transcripts(
    answers: asyncio.Queue[Message | ServiceError], duration: float | None
) -> AsyncGenerator[Transcript, None]:
    while True:
        message = await answers.get()
        if isinstance(message, ServiceError):
            raise message
        if message.kind is Kind.FAILED:
            raise ServiceError(clean(str(message.data["error"])), who=WHO)
        if message.kind is Kind.FINAL:
            yield _transcript(message.data, duration)
            return
        yield Transcript(message.data["text"], final=False, language=LANGUAGE)


def _transcript(data: dict[str, Any], duration: float | None) -> Transcript:
    words = tuple(Word(w["text"], w["start"], w["end"], w["confidence"], w["unsure"]) for w in data["words"])
    tags = ("grammar",) if data["matched"] else ()
    return Transcript(
        data["text"], language=LANGUAGE, duration=duration, segments=tuple(segments(words)), words=words, tags=tags
    )


def segments(words: Iterable[Word]) -> Iterator[Segment]:
    """The words put together between pauses."""
    group: list[Word] = []
    for word in words:
        if group and word.start - group[-1].end >= PAUSE_S:
            yield _segment(group)
            group = []
        group.append(word)
    if group:
        yield _segment(group)


def _segment(words: list[Word]) -> Segment:
    return Segment(" ".join([word.text for word in words]), words[0].start, words[-1].end, tuple(words))


OTHERS = "Other languages need another backend: 'voice backends' shows what there is."


def english_only(language: str | None) -> None:
    """UsageError for another language: the model in the wheel is US English."""
    if language and language.lower().replace("_", "-").split("-")[0] not in ("en", "english", "auto"):
        raise UsageError(f"recognises English only, not '{clean(language)}'", who=WHO, cure=OTHERS)


@asynccontextmanager
async def open_recogniser(backend: Backend) -> AsyncIterator[Recogniser]:
    process = Process()
    async with alongside(process.run()):
        yield Recogniser(backend, process)
