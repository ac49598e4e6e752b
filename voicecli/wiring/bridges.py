"""Bridges: an adapter that lacks a verb, lifted to it by one that it has.

Belongs here: a file recogniser made live (utterance by utterance), a live one given a whole file; texts compared and
ranked by their vectors. Does not belong here: which lifts which (verbs), numpy (a search over many vectors is another
matter).
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from voicecli.audio.pcm import wav_bytes
from voicecli.backends.samples import plain_samples
from voicecli.errors import ProtocolError
from voicecli.ports import Embedder, FileTranscriber, LiveTranscriber, Stream
from voicecli.types import MIC, AudioClip, AudioFrame, EmbedOptions, Ranked, TranscribeOptions, Transcript

PIECE_MS = 100
"""How much of a file a live recogniser is given at a time."""
BATCH = 64
"""Texts that are embedded with one request."""


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


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """The cosine of the angle between two vectors, -1 to 1; 0 where one is zero. ProtocolError: not of one length."""
    if len(a) != len(b):
        raise ProtocolError(f"answered with vectors of {len(a)} and of {len(b)} numbers")
    lengths = math.hypot(*a) * math.hypot(*b)
    product = math.fsum(x * y for x, y in zip(a, b, strict=True))
    return max(-1.0, min(1.0, product / lengths)) if lengths else 0.0


class SimilarByEmbedding:
    """Two texts are as similar as their vectors."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner

    async def similar(self, a: str, b: str, options: EmbedOptions) -> float:
        """The cosine of both vectors."""
        return cosine(*await self._inner.embed([a, b], options))


class RerankByEmbedding:
    """Candidates in the order of their vectors' nearness to the query's."""

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner

    async def rerank(self, query: str, candidates: Sequence[str], options: EmbedOptions) -> Sequence[Ranked]:
        """The nearest first; those equally near in the order in which they came."""
        (wanted,) = await self._inner.embed([query], options)
        found: list[Ranked] = []
        for at in range(0, len(candidates), BATCH):
            texts = candidates[at : at + BATCH]
            vectors = await self._inner.embed(texts, options)
            scored = zip(texts, vectors, strict=True)
            found += [Ranked(at + n, text, cosine(wanted, vector)) for n, (text, vector) in enumerate(scored)]
        return sorted(found, key=lambda each: -(each.score or 0.0))
