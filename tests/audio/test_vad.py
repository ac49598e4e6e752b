"""Voice detection on speech and noise: synthesised, which always runs, and recorded, where it is present.

How soon it hears and lets go is asserted within the figures that the endpointer counts on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import RECORDINGS
from tests.people import speech
from voicecli.audio import files
from voicecli.audio.vad import FRAME_BYTES, Detector, Judge, Voicing
from voicecli.silero import CHUNK_BYTES, Silero

RATE = 16_000
LEAD = 16_000
"""Samples of quiet before and after."""

Samples = NDArray[np.int16]

SPOKEN = [
    path for path in sorted(RECORDINGS.glob("*.*")) if path.suffix in (".wav", ".raw") and "noise" not in path.name
]


def heard(samples: Samples, judge: Judge = "silero") -> list[Voicing]:
    detector = Detector(judge)
    data = samples.tobytes()
    return [detector.detect(data[at : at + FRAME_BYTES]) for at in range(0, len(data) - FRAME_BYTES + 1, FRAME_BYTES)]


def amid(samples: Samples, hiss: float = 3.0) -> Samples:
    """The samples with a second of faint hiss on either side."""
    noise = np.random.default_rng(7).normal(0, hiss, len(samples) + 2 * LEAD)
    noise[LEAD:-LEAD] += samples
    return np.clip(noise, -32768, 32767).astype(np.int16)


def speaking(verdicts: Iterable[Voicing]) -> list[int]:
    return [number for number, each in enumerate(verdicts) if each.speech]


def room(seconds: float, level: float) -> Samples:
    """Low-frequency noise as of a fan, with a hum."""
    noise = np.random.default_rng(1).normal(0, 1, int(seconds * RATE))
    brown = np.convolve(noise, np.exp(-np.arange(200) / 40), "same")
    hum = 2 * np.sin(2 * np.pi * 120 * np.arange(len(noise)) / RATE)
    return (level * (brown + hum)).astype(np.int16)


@pytest.mark.parametrize("judge", ["silero", "webrtc"])
@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_speech_is_heard_soon_and_let_go_soon(judge: Judge, gain: float) -> None:
    voice = (speech(rate=RATE) * gain).astype(np.int16)
    found = speaking(heard(amid(voice), judge))
    began, ended = (found[0] + 1) * 320 - LEAD, (found[-1] + 1) * 320 - LEAD - len(voice)
    assert 0 <= began <= 0.160 * RATE
    assert -0.1 * RATE <= ended <= 0.160 * RATE
    assert len(found) * 320 > 0.8 * len(voice)


def test_a_very_quiet_person_is_heard() -> None:
    voice = (speech(rate=RATE) * 0.03).astype(np.int16)
    assert len(speaking(heard(amid(voice)))) * 320 > 0.8 * len(voice)


def test_noise_of_a_room_is_no_speech_for_silero() -> None:
    for level in (30, 200, 1000):
        assert speaking(heard(room(20, level))) == []


def ungated(samples: Samples) -> list[bool]:
    """What Silero alone says of each frame, with the detector's two thresholds."""
    model, data, said, speaks, probability = Silero(), samples.tobytes(), list[bool](), False, 0.0
    for _ in range(30):
        model.process_chunk(bytes(CHUNK_BYTES))
    for end in range(FRAME_BYTES, len(data) + 1, FRAME_BYTES):
        if end // CHUNK_BYTES > (end - FRAME_BYTES) // CHUNK_BYTES:
            whole = end // CHUNK_BYTES * CHUNK_BYTES
            probability = model.process_chunk(data[whole - CHUNK_BYTES : whole])
        speaks = probability >= (0.4 if speaks else 0.7)
        said.append(speaks)
    return said


def kept_back(samples: Samples) -> float:
    """The share of the frames that Silero alone takes for speech and that the gate loses."""
    both = zip((each.speech for each in heard(samples)), ungated(samples), strict=True)
    return sum(alone and not gated for gated, alone in both) * 320 / len(samples)


@pytest.mark.parametrize(("gain", "most"), [(1.0, 0.02), (0.1, 0.02), (0.03, 0.05)])
def test_the_gate_keeps_back_nothing_that_silero_hears(gain: float, most: float) -> None:
    assert kept_back(amid((speech(rate=RATE) * gain).astype(np.int16))) <= most


def test_silence_costs_nothing() -> None:
    """The gate keeps the model from running."""
    silence = np.random.default_rng(1).normal(0, 3, 10 * RATE).astype(np.int16)
    detector = Detector()
    before = time.process_time()
    for at in range(0, len(silence) - 319, 320):
        detector.detect(silence[at : at + 320].tobytes())
    assert time.process_time() - before < 0.1


def test_the_level_is_told_with_the_verdict() -> None:
    frame = np.full(320, 3277, np.int16)
    frame[::2] *= -1
    assert heard(frame)[0].level == pytest.approx(-20, abs=0.01)


@pytest.mark.parametrize("size", [0, 638, 642])
def test_a_frame_is_20_ms(size: int) -> None:
    with pytest.raises(ValueError, match="640"):
        Detector().detect(bytes(size))


# --------------------------------------------------------------------- recorded, where present


def recorded(path: Path) -> Samples:
    return np.frombuffer(files.read_pcm(path), np.int16)


def test_recorded_speech_is_heard_at_every_volume() -> None:
    for path in SPOKEN:
        for gain in (1.0, 0.03):
            samples = (recorded(path) * gain).astype(np.int16)
            share = len(speaking(heard(amid(samples, 0)))) * 320 / len(samples)
            assert share > 0.3, (path.name, gain, share)


@pytest.mark.parametrize(("gain", "most"), [(1.0, 0.02), (0.1, 0.02), (0.03, 0.15)])
def test_the_gate_keeps_back_next_to_nothing_recorded(gain: float, most: float) -> None:
    for path in SPOKEN:
        share = kept_back(amid((recorded(path) * gain).astype(np.int16)))
        assert share <= most, (path.name, share)


def test_recorded_noise_starts_no_turn() -> None:
    for path in RECORDINGS.glob("noise*.wav"):
        samples = recorded(path)
        for gain in (0.5, 2.0):
            loud = np.clip(samples * gain, -32768, 32767).astype(np.int16)
            assert speaking(heard(loud)) == []
        assert len(speaking(heard(samples, "webrtc"))) * 320 > 0.5 * len(samples), "easy noise proves nothing"
