"""What a person says to the recogniser under test: a Piper voice's speech at 16 kHz, or a recording.

Belongs here: making speech, handing it over as frames, counting wrong words. Does not belong here: asserting.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from functools import cache

from voicecli.audio.pcm import resample
from voicecli.backends.local.ears import Ears
from voicecli.backends.local.mouth import LocalSpeaker
from voicecli.types import MIC, AudioClip, AudioFrame, PcmFormat, SpeechRequest, TranscribeOptions, Transcript

_SAID: dict[str, bytes] = {}


async def said(mouth: LocalSpeaker, text: str) -> bytes:
    """`text` as s16le at 16 kHz, a third of a second of silence around it."""
    if text not in _SAID:
        async with mouth.speak(SpeechRequest(text)) as chunks:
            found = [each async for each in chunks]
        form = found[0].encoding
        assert isinstance(form, PcmFormat)
        quiet = bytes(MIC.bytes_for(300))
        _SAID[text] = quiet + resample(b"".join(each.data for each in found), form.rate, MIC.rate) + quiet
    return _SAID[text]


async def frames(pcm: bytes) -> AsyncIterator[AudioFrame]:
    """20 ms each, as fast as they are taken."""
    size = MIC.bytes_for(20)
    for at in range(0, len(pcm), size):
        yield AudioFrame(pcm[at : at + size])
        await asyncio.sleep(0)


async def heard(ears: Ears, pcm: bytes, options: TranscribeOptions | None = None) -> list[Transcript]:
    """Every transcript of one live utterance."""
    async with ears.transcribe_live(frames(pcm), options or TranscribeOptions()) as transcripts:
        return [each async for each in transcripts]


async def read(ears: Ears, pcm: bytes, options: TranscribeOptions | None = None) -> list[Transcript]:
    """Every transcript of a recording."""
    async with ears.transcribe(AudioClip(pcm, "pcm"), options or TranscribeOptions()) as transcripts:
        return [each async for each in transcripts]


@cache
def words(text: str) -> tuple[str, ...]:
    """The words of a text as they are compared: lower case, without marks, small numbers in letters."""
    numbers = {"10": "ten", "4": "four", "25": "twenty five", "7": "seven", "12": "twelve", "84": "eighty four"}
    text = re.sub(r"\d+", lambda match: numbers.get(match.group(), match.group()), text.lower().replace("-", " "))
    return tuple(re.findall(r"[a-z0-9']+", text))


def wrong(told: str, heard: str) -> int:
    """Words that are missing, too many or others: the distance of Levenshtein."""
    row = list(range(len(words(heard)) + 1))
    for at, one in enumerate(words(told), 1):
        before, row[0] = row[0], at
        for place, other in enumerate(words(heard), 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (one != other))
    return row[-1]
