"""People for tests: digits as tones laid over quieter speech, so that a detector hears a person and a
recogniser cannot be fooled. That speech is espeak-ng's; nothing is downloaded. And whole utterances
without tones: real people's where their recordings lie beside the project, otherwise espeak-ng's.

Belongs here: making what a person says. Does not belong here: playing it, decoding it (tests.dtmf,
tests.fakes.recordings).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests import dtmf
from voicecli.audio.files import read_pcm
from voicecli.audio.pcm import resample
from voicecli.backends.local.settings import LocalSettings
from voicecli.types import PcmFormat, SpeechRequest

SPEECH = "the number that i would like you to remember for me is this one here and nothing else"
TONE_LEVEL, SPEECH_LEVEL = 0.2, 0.1


@cache
def speech(text: str = SPEECH, rate: int = 48_000) -> NDArray[np.int16]:
    """`text` spoken by espeak-ng at `rate`, silence at its ends removed, at full level."""
    samples = np.frombuffer(asyncio.run(_spoken(text, rate)), np.int16).astype(np.float64)
    loud = np.flatnonzero(np.abs(samples) > 500)
    samples = samples[loud[0] : loud[-1] + 1]
    return (samples * (32767 / np.abs(samples).max())).astype(np.int16)


async def _spoken(text: str, rate: int) -> bytes:
    from voicecli.backends.espeak.voice import EspeakVoice

    voice = EspeakVoice(LocalSettings("local", "local", voice="en-us+f2"))
    pcm, source = b"", rate
    async with voice.speak(SpeechRequest(text)) as chunks:
        async for chunk in chunks:
            pcm += chunk.data
            assert isinstance(chunk.encoding, PcmFormat)
            source = chunk.encoding.rate
    return resample(pcm, source, rate)


def says(digits: str, rate: int = 48_000) -> NDArray[np.int16]:
    """A person who says `digits`: it ends with the last sample of the last tone."""
    tones = dtmf.encode(digits, rate, level=TONE_LEVEL)
    tones = tones[: len(tones) - round(rate * dtmf.GAP_MS / 1000)]
    voice = np.resize(speech(rate=rate), len(tones)).astype(np.float64) * SPEECH_LEVEL
    return (tones + voice).astype(np.int16)


# -- utterances without tones --------------------------------------------------------------------------

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"
RECORDED = (
    ("weather-paris.wav", 440, 1850, "what is the weather in paris"),
    ("child-small-dog.wav", 40, 2860, "the child almost hurt the small dog"),
    ("jfk.wav", 8190, 10400, "ask what you can do for your country"),
    ("austen-0880.wav", 240, 2900, "he was not an ill disposed young man"),
    ("LJ001-0002.wav", 10, 1830, "in being comparatively modern"),
    ("cards-001.wav", 180, 1000, "ten of clubs"),
    ("cards-003.wav", 100, 1280, "seven of clubs"),
    ("cards-005.wav", 210, 3290, "eight of spades four of clubs seven of hearts"),
    ("goforward-16k-s16le.raw", 490, 2280, "go forward ten meters"),
    ("aishell-guangzhou.wav", 480, 3660, "广州市房地产中介协会分析"),
)
"""A file, from where to where (ms) somebody speaks in it, looked up in the level of every 10 ms, and what is said."""
UTTERANCE_RATE, PEAK, VOICED = 48_000, 0.3, 0.03
"""`VOICED`, of the peak: what is quieter at the end is breath and room."""


@dataclass(frozen=True)
class Utterance:
    """Mono samples at 48 kHz, what they say, and the index of the last voiced sample (nothing comes after it)."""

    samples: NDArray[np.int16]
    text: str
    last: int


def speech_utterances(folder: Path = RECORDINGS) -> tuple[Utterance, ...]:
    """Real people's utterances; the same texts by espeak-ng where `folder` is not there."""
    if not folder.is_dir():
        return tuple(utterance(_synthesised(text), text) for *_, text in RECORDED)
    return tuple(utterance(recording(folder / name, begin, end), text) for name, begin, end, text in RECORDED)


@cache
def _synthesised(text: str) -> NDArray[np.int16]:
    return np.frombuffer(asyncio.run(_spoken(text, UTTERANCE_RATE)), np.int16)


def recording(path: Path, begin_ms: float, end_ms: float, rate: int = UTTERANCE_RATE) -> NDArray[np.int16]:
    """A stretch of a recording (a .raw one is 16 kHz) at `rate`."""
    pcm = resample(path.read_bytes(), 16_000, rate) if path.suffix == ".raw" else read_pcm(path, rate)
    return np.frombuffer(pcm, np.int16)[round(begin_ms * rate / 1000) : round(end_ms * rate / 1000)]


def utterance(samples: NDArray[np.int16], text: str) -> Utterance:
    """Samples at 48 kHz up to the last that is voiced, as loud as all of them."""
    size = np.abs(samples.astype(np.float64))
    last = int(np.flatnonzero(size > VOICED * size.max())[-1])
    return Utterance((samples[: last + 1] * (PEAK * 32767 / size.max())).astype(np.int16), text, last)


def last_samples(track: NDArray[np.int16], said: Sequence[Utterance]) -> list[int]:
    """Where the last voiced sample of each of `said` lies in a recording of them, in their order, at 48 kHz.

    ValueError if one is not there: each must be found after the one before it.
    """
    found, at = [], 0
    for each in said:
        begin = at + _best_match(track[at:].astype(np.float64), each.samples.astype(np.float64), each.text)
        found.append(begin + each.last)
        at = begin + len(each.samples)
    return found


def _best_match(track: NDArray[np.float64], sought: NDArray[np.float64], what: str) -> int:
    """The first place where `sought` is nearly all of what sounds."""
    size = 1 << (len(track) + len(sought)).bit_length()
    product = np.fft.irfft(np.fft.rfft(track, size) * np.conj(np.fft.rfft(sought, size)), size)
    places = len(track) - len(sought) + 1
    energy = np.concatenate([[0.0], np.cumsum(track**2)])
    loudness = np.sqrt(np.maximum(energy[len(sought) :] - energy[: max(0, places)], 1.0)) if places > 0 else np.zeros(0)
    alike = product[: max(0, places)] / (loudness * np.sqrt((sought**2).sum()))
    good = np.flatnonzero(alike > 0.9)
    if not good.size:
        raise ValueError(f"“{what}” is not in the recording (likeness {alike.max(initial=0):.2f})")
    return int(good[0] + alike[good[0] : good[0] + UTTERANCE_RATE // 10].argmax())
