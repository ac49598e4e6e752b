"""A service that recognises known utterances by their sound: for speech that carries no tones.

    with HearingServer(speech_utterances(), Habits(hear_s=0.15)) as server: ...

It compares what it is sent with what it knows, a tenth of a second at a time, and writes only the words that
it finds: what was cut off, lost or covered is missing from the text.

Belongs here: comparing sound with known utterances, and the service that does. Does not belong here: the
utterances (tests.people), everything else that the service does (openai_server).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.fakes import openai_schema as schema
from tests.fakes.openai_server import Habits, OpenAIServer, _audio, _OpenAITalk
from tests.fakes.server import Reply, Request, Socket
from tests.people import UTTERANCE_RATE, Utterance
from voicecli.audio.pcm import resample

RATE, WINDOW, HOP, BANDS = 8000, 256, 80, 20
"""Sound is compared by its spectrum every 10 ms: echo cancelling turns phases, and speech is the same speech."""
SLICE, REACH = 10, 3
"""In steps of 10 ms: what is compared at once, and how far it may have shifted since the slice before."""
ALIKE, LOUD, QUIETER_DB = 0.75, 30.0, 15.0
"""How alike a slice must be; how far below the utterance's loudest (dB) one counts, and how much quieter it may be."""

Sound = NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """An utterance from sample `begin` to `end` of what was sent, how much of it, and the words that are there."""

    begin: int
    end: int
    share: float
    words: tuple[str, ...]


class Memory:
    """Known utterances."""

    def __init__(self, utterances: Sequence[Utterance]) -> None:
        self.known = [(each.text, _thin(each.samples, UTTERANCE_RATE)) for each in utterances]

    def heard(self, samples: NDArray[np.int16], rate: int) -> str:
        """What is said in mono samples, in the order of time; "" if nothing is known again."""
        sound = _thin(samples, rate)
        candidates = [_judged(sound, text, known, _place(sound, known)) for text, known in self.known]
        found: list[Found] = []
        for each in sorted(candidates, key=lambda each: -each.share):
            apart = all(each.end <= other.begin or other.end <= each.begin for other in found)
            if each.share * 3 >= 1 and apart:
                found.append(each)
        return _joined([word for each in sorted(found, key=lambda each: each.begin) for word in each.words])


def _thin(samples: NDArray[np.int16], rate: int) -> Sound:
    """(steps of 10 ms, bands) in dB."""
    pcm = np.frombuffer(resample(samples.astype("<i2").tobytes(), rate, RATE), np.int16).astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(pcm, WINDOW // 2), WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(windows * np.hanning(WINDOW), axis=1))[:, 4:] ** 2
    return 10 * np.log10(np.stack([band.mean(axis=1) for band in np.array_split(power, BANDS, axis=1)], axis=1) + 1e5)


def _joined(words: Sequence[str]) -> str:
    return (" " if all(map(str.isascii, words)) else "").join(words)


def _judged(sound: Sound, text: str, known: Sound, at: int) -> Found:
    """How much of `known` is in `sound` at `at`, slice by slice."""
    begin, loudest = at, known.mean(axis=1).max()
    verdicts: list[bool | None] = []
    for start in range(0, len(known) - SLICE + 1, SLICE):
        part = known[start : start + SLICE]
        loud = part.mean() > loudest - LOUD
        shift = _shift(sound, part, at + start) if loud else None
        verdicts.append(shift is not None if loud else None)
        at += shift or 0
    judged = [each for each in verdicts if each is not None]
    return Found(begin, at + len(known), sum(judged) / max(1, len(judged)), _words(text, verdicts))


def _words(text: str, verdicts: Sequence[bool | None]) -> tuple[str, ...]:
    """The words whose share of the slices was there: each needs every slice that begins in it."""
    words = text.split(" ") if text.isascii() else list(text)
    lengths = np.cumsum([0, *(len(word) + 1 for word in words)])
    edges = lengths * len(verdicts) / lengths[-1]
    spans = [verdicts[int(begin) : max(int(begin) + 1, int(end))] for begin, end in pairwise(edges)]
    return tuple(word for word, span in zip(words, spans, strict=True) if all(each is not False for each in span))


def _place(sound: Sound, known: Sound) -> int:
    """The likeliest offset of `known` in `sound`; negative where its beginning is missing."""
    size = 1 << (len(sound) + len(known)).bit_length()
    spectra = (np.fft.rfft(each - each.mean(axis=0), size, axis=0) for each in (sound, known))
    there, sought = spectra
    best = int(np.fft.irfft((there * np.conj(sought)).sum(axis=1), size).argmax())
    return best if best < size - len(known) else best - size


def _shift(sound: Sound, part: Sound, at: int) -> int | None:
    """How far from `at` `part` sounds, None if it does not."""
    near = sorted(range(-REACH, REACH + 1), key=abs)
    places = {shift: sound[at + shift : at + shift + SLICE] for shift in near if at + shift >= 0}
    alike = {shift: _likeness(there, part) for shift, there in places.items() if len(there) == len(part)}
    best = max(alike, key=lambda shift: alike[shift], default=0)
    return best if alike.get(best, 0.0) > ALIKE else None


def _likeness(there: Sound, part: Sound) -> float:
    """The correlation of two spectra over time, -1 to 1; 0 where far less sounds."""
    if there.mean() < part.mean() - QUIETER_DB or not there.std() or not part.std():
        return 0.0
    return float(((there - there.mean()) * (part - part.mean())).mean() / (there.std() * part.std()))


class HearingServer(OpenAIServer):
    """An OpenAI-compatible service that knows some people's utterances, in uploads and in live sessions."""

    def __init__(self, utterances: Sequence[Utterance], habits: Habits | None = None) -> None:
        super().__init__(habits)
        self.memory = Memory(utterances)

    async def transcribed(self, request: Request) -> Reply:
        form, files = schema.multipart(request.headers.get("content-type", ""), request.body)
        form = schema.transcription(form)
        name, data = files["file"]
        samples, rate = _audio(name, data)
        begun, seconds = time.monotonic(), len(samples) / rate
        text = self.habits.heard(self.memory.heard(samples, rate))
        self.note("transcribe", form=form, file=name, seconds=seconds, heard=text)
        await asyncio.sleep(max(0.0, self.habits.hear_s - (time.monotonic() - begun)))
        return self.transcript("transcribe", form, text, [], seconds)

    async def realtime(self, socket: Socket) -> None:
        await _HearingTalk(self, socket).run()


class _HearingTalk(_OpenAITalk):
    """Tells what it knows again when the sound is committed, nothing before."""

    server: HearingServer

    async def listen(self, margin_s: float) -> None:
        return

    async def whole(self) -> str:
        begun, habits = time.monotonic(), self.server.habits
        samples: Any = np.frombuffer(bytes(self.sound[: len(self.sound) // 2 * 2]), "<i2")
        text = habits.heard(self.server.memory.heard(samples, self.rate))
        self.server.note("heard", heard=text, seconds=self.bytes / 2 / self.rate)
        self.bytes, self.looked = 0, 0
        self.sound.clear()
        await asyncio.sleep(max(0.0, habits.hear_s - (time.monotonic() - begun)))
        return text
