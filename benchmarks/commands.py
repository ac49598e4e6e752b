"""Recorded commands of real people, for the benchmark of cut-offs: where they pause, and what was understood by then.

Belongs here: a folder of recordings as takes, with the local recogniser's text at each pause. Does not belong here: how
turns end, the tables.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from tests import weights
from tests.dialogue.pausing import FRAME, RATE, Samples, Take, Turn, Watched, watch
from voicecli.audio.endpointer import START_MS, Endpointer, Paused, Resumed, Timing
from voicecli.audio.files import read_pcm
from voicecli.audio.pcm import wav_bytes
from voicecli.backends.local.ears import Ears
from voicecli.backends.local.settings import LocalSettings
from voicecli.errors import VoiceError
from voicecli.types import MIC, AudioClip, TranscribeOptions

NEVER_MS = 1e6
QUIET_S, TAIL_S, BEFORE_S = 0.3, 2.0, 1.0
HEARD_S = 0.3
"""So much after the last voiced sample the recogniser was given, where so much came."""


@dataclass(frozen=True)
class Command(Take):
    """`texts` are what was understood at each pause, by when it began (s); the last at the end."""

    texts: tuple[tuple[float, str], ...] = ()

    def said(self, at: float) -> str:
        return min(self.texts, key=lambda each: abs(each[0] - at))[1]


def in_its_room(samples: Samples) -> Samples:
    """With the quietest stretch of the recording before and after it: it must not end in digital silence."""
    frames = samples[: len(samples) // FRAME * FRAME].astype(np.float64).reshape(-1, FRAME)
    span = round(QUIET_S * RATE / FRAME)
    levels = np.convolve(np.sqrt((frames**2).mean(axis=1)), np.ones(span), "valid")
    quiet = frames[(at := int(levels.argmin())) : at + span].ravel()
    there_and_back = np.concatenate([quiet, quiet[::-1]])
    parts = [np.resize(there_and_back, round(s * RATE)) for s in (BEFORE_S, TAIL_S)]
    whole: Samples = np.concatenate([parts[0], frames.ravel(), parts[1]]).astype(np.int16)
    return whole


def spoken(samples: Samples) -> tuple[Watched, list[tuple[float, float]]]:
    """What the detector made of it, and the stretches of speech between pauses, in seconds."""
    watched = watch(Take(Turn((), ()), samples, ()))
    endpointer = Endpointer(Timing(end_ms=NEVER_MS))
    begun, stretches = BEFORE_S, list[tuple[float, float]]()
    for frame, voicing in watched.frames:
        for event in endpointer.feed(frame, speech=voicing.speech, level=voicing.level):
            if isinstance(event, Paused):
                stretches.append((begun, event.last_voiced))
            if isinstance(event, Resumed):
                begun = frame.at + frame.seconds - START_MS / 1000
    return watched, stretches


async def text_of(ears: Ears, samples: Samples) -> str:
    clip, text = AudioClip(wav_bytes(samples.tobytes(), MIC), "wav", len(samples) / RATE), ""
    with suppress(VoiceError):
        async with ears.transcribe(clip, TranscribeOptions()) as transcripts:
            async for each in transcripts:
                text = each.text
    return text


async def commands(paths: Sequence[Path]) -> AsyncIterator[Watched]:
    """Every one of these recordings in which somebody speaks."""
    if why := weights.missing():
        raise SystemExit(f"the local recogniser is missing: {why}")
    ears = Ears(LocalSettings("local", "local", models_folder=str(weights.FOLDER)))
    for path in paths:
        samples = in_its_room(np.frombuffer(read_pcm(path, RATE), np.int16))
        watched, stretches = spoken(samples)
        if not stretches:
            continue
        texts = [(end, await text_of(ears, samples[: round((end + HEARD_S) * RATE)])) for _, end in stretches]
        pauses = [(b[0] - a[1]) * 1000 for a, b in pairwise(stretches)]
        turn = Turn(tuple(text for _, text in texts), tuple(pauses))
        spans = tuple((round(begin * RATE), round(end * RATE)) for begin, end in stretches)
        yield Watched(Command(turn, samples, spans, tuple(texts)), watched.frames)
