"""Bridges: an adapter that lacks a verb, lifted to it by one that it has.

Belongs here: a file recogniser made live (utterance by utterance), a live one given a whole file. Does not belong
here: which lifts which (verbs).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from voicecli.audio.pcm import wav_bytes
from voicecli.backends.samples import plain_samples
from voicecli.ports import FileTranscriber, LiveTranscriber, Stream
from voicecli.types import MIC, AudioClip, AudioFrame, TranscribeOptions, Transcript

PIECE_MS = 100
"""How much of a file a live recogniser is given at a time."""


class FileAsLive:
    """One utterance is gathered, then recognised whole; partial texts come where the service streams them."""

    def __init__(self, inner: FileTranscriber) -> None:
        self._inner = inner

    def transcribe_live(self, frames: AsyncIterator[AudioFrame], options: TranscribeOptions) -> Stream[Transcript]:
        return aclosing(self._transcripts(frames, options))

    async def _transcripts(
        self, frames: AsyncIterator[AudioFrame], options: TranscribeOptions
    ) -> AsyncGenerator[Transcript, None]:
        pcm = b"".join([frame.pcm async for frame in frames])
        if not pcm:
            yield Transcript("")
            return
        clip = AudioClip(wav_bytes(pcm, MIC), "wav", MIC.seconds(pcm))
        async with self._inner.transcribe(clip, options) as inner:
            async for each in inner:
                yield each


class LiveAsFile:
    """A whole WAV recording (16-bit mono, 16 kHz) goes through a live session, as fast as it is taken."""

    def __init__(self, inner: LiveTranscriber) -> None:
        self._inner = inner

    def transcribe(self, clip: AudioClip, options: TranscribeOptions) -> Stream[Transcript]:
        """Raises InputError for any other recording."""
        return self._inner.transcribe_live(_frames(plain_samples(clip)), options)


async def _frames(pcm: bytes) -> AsyncIterator[AudioFrame]:
    step = MIC.bytes_for(PIECE_MS)
    for begin in range(0, len(pcm), step):
        yield AudioFrame(pcm[begin : begin + step], MIC, begin / MIC.frame_bytes / MIC.rate)
