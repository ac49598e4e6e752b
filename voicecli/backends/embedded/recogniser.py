"""The embedded recogniser: live utterances and whole recordings, decoded by a process of its own.

Belongs here: starting, warming and restarting that process, and the sessions over it. Does not belong
here: decoding (worker.py), the bytes between (wire.py).
"""

from __future__ import annotations

import asyncio
import io
import sys
import wave
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

from voicecli.backends.embedded import wire
from voicecli.backends.embedded.wire import Kind, Message
from voicecli.backends.structured import alongside
from voicecli.errors import InputError, ServiceError, UsageError
from voicecli.types import MIC, AudioClip, AudioFrame, Backend, Segment, TranscribeOptions, Transcript, Word

WHO = "embedded recogniser"
LEAVING_S = 0.5
GONE = Message(Kind.FAILED, 0, b'{"error": "its process has ended"}')


class Process:
    """The worker: started when first needed, started again when it has died; `run` owns it."""

    def __init__(self) -> None:
        self._wanted, self._ready = asyncio.Event(), asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._answers: dict[int, asyncio.Queue[Message]] = {}
        self._numbers = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._live()
            finally:
                self._ready.clear()
                await self._stop()
            for queue in self._answers.values():
                queue.put_nowait(GONE)

    async def _live(self) -> None:
        """One life of the process: ends when its output does."""
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "voicecli.backends.embedded.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout is not None
        decoder = wire.Decoder()
        while data := await process.stdout.read(1 << 16):
            for message in decoder.feed(data):
                if message.kind is Kind.READY:
                    self._ready.set()
                elif message.utterance in self._answers:
                    self._answers[message.utterance].put_nowait(message)
        self._wanted.clear()

    async def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        with suppress(TimeoutError, ProcessLookupError):
            async with asyncio.timeout(LEAVING_S):
                await process.wait()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def send(self, kind: Kind, number: int = 0, payload: bytes | dict[str, Any] = b"") -> None:
        """Raises ServiceError when the process is gone."""
        if self._process is None:
            self._wanted.set()
        await self._ready.wait()
        process = self._process
        try:
            if process is None or process.stdin is None:
                raise ConnectionResetError
            process.stdin.write(wire.encode(kind, number, payload))
            await process.stdin.drain()
        except (ConnectionError, RuntimeError) as exc:
            raise gone() from exc

    def begin(self) -> tuple[int, asyncio.Queue[Message]]:
        self._numbers += 1
        self._answers[self._numbers] = asyncio.Queue()
        return self._numbers, self._answers[self._numbers]

    def forget(self, number: int) -> None:
        """Whatever still comes for this utterance is dropped; the process is told, if it lives."""
        del self._answers[number]
        process = self._process
        if process is not None and process.stdin is not None and self._ready.is_set():
            with suppress(ConnectionError, RuntimeError):
                process.stdin.write(wire.encode(Kind.ABANDON, number))


def gone() -> ServiceError:
    return ServiceError("its process has ended", who=WHO, cure="It is started again with the next utterance.")


class Recogniser:
    """LiveTranscriber, FileTranscriber and Warm, English only."""

    def __init__(self, backend: Backend, process: Process) -> None:
        self._backend, self._process = backend, process
        self._grammar = ""

    async def warm(self) -> None:
        with suppress(ServiceError):
            await self._process.send(Kind.BEGIN, 0, {"grammar": self._grammar})

    @asynccontextmanager
    async def transcribe_live(
        self, frames: AsyncIterator[AudioFrame], options: TranscribeOptions
    ) -> AsyncIterator[AsyncIterator[Transcript]]:
        english_only(options)
        self._grammar = options.grammar or ""
        async with self._session(frames, {"grammar": self._grammar}) as transcripts:
            yield transcripts

    @asynccontextmanager
    async def transcribe(self, clip: AudioClip, options: TranscribeOptions) -> AsyncIterator[AsyncIterator[Transcript]]:
        english_only(options)
        pcm = samples(clip)

        async def frames() -> AsyncIterator[AudioFrame]:
            yield AudioFrame(pcm, MIC)

        async with self._session(frames(), {"whole": True, "grammar": options.grammar or ""}) as transcripts:
            yield transcripts

    @asynccontextmanager
    async def _session(
        self, frames: AsyncIterator[AudioFrame], options: dict[str, Any]
    ) -> AsyncIterator[AsyncIterator[Transcript]]:
        number, answers = self._process.begin()
        try:
            async with alongside(self._feed(number, frames, options)), aclosing(_transcripts(answers)) as transcripts:
                yield transcripts
        finally:
            self._process.forget(number)

    async def _feed(self, number: int, frames: AsyncIterator[AudioFrame], options: dict[str, Any]) -> None:
        await self._process.send(Kind.BEGIN, number, options)
        async for frame in frames:
            await self._process.send(Kind.AUDIO, number, frame.pcm)
        await self._process.send(Kind.END, number)


async def _transcripts(answers: asyncio.Queue[Message]) -> AsyncGenerator[Transcript, None]:
    while True:
        message = await answers.get()
        if message.kind is Kind.FAILED:
            raise gone() if message is GONE else ServiceError(message.data["error"], who=WHO)
        if message.kind is Kind.FINAL:
            yield _transcript(message.data)
            return
        yield Transcript(message.data["text"], final=False, language="en")


def _transcript(data: dict[str, Any]) -> Transcript:
    words = tuple(Word(w["text"], w["start"], w["end"], w["confidence"], w["unsure"]) for w in data["words"])
    segments = (Segment(data["text"], words[0].start, words[-1].end, words),) if words else ()
    return Transcript(data["text"], language="en", segments=segments, words=words)


def english_only(options: TranscribeOptions) -> None:
    """UsageError for another language: the model in the wheel is US English."""
    if options.language and not options.language.lower().startswith("en"):
        raise UsageError(
            f"recognises English only, not '{options.language}'",
            who=WHO,
            cure="Choose another backend for recognition: `voice backends` shows what each family can do.",
        )


def samples(clip: AudioClip) -> bytes:
    """The samples of a WAV clip (16-bit, mono, 16 kHz). InputError for anything else."""
    try:
        with wave.open(io.BytesIO(clip.data)) as file:
            if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (MIC.rate, 1, 2):
                raise InputError("must be 16-bit mono at 16 kHz", who=clip.name)
            pcm: bytes = file.readframes(file.getnframes())
            return pcm
    except (wave.Error, EOFError) as exc:
        raise InputError(f"is no WAV recording ({exc})", who=clip.name) from exc


@asynccontextmanager
async def open_recogniser(backend: Backend) -> AsyncIterator[Recogniser]:
    process = Process()
    async with alongside(process.run()):
        yield Recogniser(backend, process)
