"""What a person says to the recogniser under test: the embedded voice's own speech at 16 kHz.

Belongs here: making speech and handing it over as frames. Does not belong here: asserting.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import cache

from voicecli.audio.pcm import resample
from voicecli.backends.embedded import espeak
from voicecli.backends.embedded.recogniser import Recogniser
from voicecli.backends.embedded.voice import path_of
from voicecli.types import MIC, AudioFrame, TranscribeOptions, Transcript

WORDS_A_MINUTE = 160


@cache
def said(text: str, voice: str = "en-us+f2") -> bytes:
    """`text` as s16le at 16 kHz."""
    sound = bytearray()
    manner = espeak.Manner(path_of(voice), WORDS_A_MINUTE, 50)
    espeak.synthesise(text, manner, lambda pcm: sound.extend(pcm) is None)
    return resample(bytes(sound), espeak.RATE, MIC.rate)


async def frames(pcm: bytes) -> AsyncIterator[AudioFrame]:
    """20 ms each, as fast as they are taken."""
    size = MIC.bytes_for(20)
    for at in range(0, len(pcm), size):
        yield AudioFrame(pcm[at : at + size])
        await asyncio.sleep(0)


async def heard(ears: Recogniser, pcm: bytes, options: TranscribeOptions | None = None) -> list[Transcript]:
    """Every transcript of one live utterance."""
    async with ears.transcribe_live(frames(pcm), options or TranscribeOptions()) as transcripts:
        return [each async for each in transcripts]
