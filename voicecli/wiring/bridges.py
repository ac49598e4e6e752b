"""Bridges: an adapter that lacks a verb, lifted to it by one that it has.

Belongs here: a file recogniser made live (utterance by utterance), a live one given a whole file. Does not belong
here: which lifts which (verbs).
"""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from voicecli.audio.pcm import wav_bytes
from voicecli.errors import InputError
from voicecli.ports import FileTranscriber, LiveTranscriber
from voicecli.types import MIC, AudioClip, AudioFrame, TranscribeOptions, Transcript

PIECE_MS = 100
"""How much of a file a live recogniser is given at a time."""


class FileAsLive:
    """One utterance is gathered, then recognised whole; partial texts come where the service streams them."""

    def __init__(self, inner: FileTranscriber) -> None:
        self._inner = inner

    @asynccontextmanager
    async def transcribe_live(
        self, frames: AsyncIterator[AudioFrame], options: TranscribeOptions
    ) -> AsyncIterator[AsyncIterator[Transcript]]:
        async def transcripts() -> AsyncGenerator[Transcript, None]:
            pcm = bytearray()
            async for frame in frames:
                pcm += frame.pcm
            if not pcm:
                yield Transcript("")
                return
            clip = AudioClip(wav_bytes(bytes(pcm), MIC), "wav", MIC.seconds(bytes(pcm)))
            async with self._inner.transcribe(clip, options) as inner:
                async for each in inner:
                    yield each

        async with aclosing(transcripts()) as stream:
            yield stream


class LiveAsFile:
    """A whole WAV recording (16-bit mono, 16 kHz) goes through a live session, as fast as it is taken."""

    def __init__(self, inner: LiveTranscriber) -> None:
        self._inner = inner

    @asynccontextmanager
    async def transcribe(self, clip: AudioClip, options: TranscribeOptions) -> AsyncIterator[AsyncIterator[Transcript]]:
        async with self._inner.transcribe_live(_frames(_samples(clip)), options) as transcripts:
            yield transcripts


def _samples(clip: AudioClip) -> bytes:
    try:
        with wave.open(io.BytesIO(clip.data)) as file:
            if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (MIC.rate, 1, 2):
                raise InputError("must be 16-bit mono at 16 kHz for a live recogniser", who=clip.name)
            pcm: bytes = file.readframes(file.getnframes())
            return pcm
    except (wave.Error, EOFError) as exc:
        raise InputError(f"is no WAV file ({exc})", who=clip.name) from exc


async def _frames(pcm: bytes) -> AsyncIterator[AudioFrame]:
    step = MIC.bytes_for(PIECE_MS)
    for begin in range(0, len(pcm), step):
        yield AudioFrame(pcm[begin : begin + step], MIC, begin / MIC.frame_bytes / MIC.rate)
