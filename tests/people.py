"""People for tests: digits as tones laid over quieter speech, so that a detector hears a person and a
recogniser cannot be fooled. The speech is the embedded voice's; nothing is recorded, nothing is downloaded.

Belongs here: making what a person says. Does not belong here: playing it, decoding it (tests.dtmf).
"""

from __future__ import annotations

import asyncio
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tests import dtmf
from voicecli.audio.pcm import resample
from voicecli.types import Backend, SpeechRequest

SPEECH = "the number that i would like you to remember for me is this one here and nothing else"
TONE_LEVEL, SPEECH_LEVEL = 0.2, 0.1


@cache
def speech(text: str = SPEECH, rate: int = 48_000) -> NDArray[np.int16]:
    """`text` spoken by the embedded voice at `rate`, silence at its ends removed, at full level."""
    samples = np.frombuffer(asyncio.run(_spoken(text, rate)), np.int16).astype(np.float64)
    loud = np.flatnonzero(np.abs(samples) > 500)
    samples = samples[loud[0] : loud[-1] + 1]
    return (samples * (32767 / np.abs(samples).max())).astype(np.int16)


async def _spoken(text: str, rate: int) -> bytes:
    from voicecli.backends import embedded

    async with embedded.speak(Backend("embedded", "embedded", voice="en-us+f2")) as voice:
        pcm, source = b"", rate
        async with voice.speak(SpeechRequest(text)) as chunks:
            async for chunk in chunks:
                pcm += chunk.data
                source = chunk.encoding.rate
    return resample(pcm, source, rate)


def says(digits: str, rate: int = 48_000) -> NDArray[np.int16]:
    """A person who says `digits`: it ends with the last sample of the last tone."""
    tones = dtmf.encode(digits, rate, level=TONE_LEVEL)
    tones = tones[: len(tones) - round(rate * dtmf.GAP_MS / 1000)]
    voice = np.resize(speech(rate=rate), len(tones)).astype(np.float64) * SPEECH_LEVEL
    return (tones + voice).astype(np.int16)
