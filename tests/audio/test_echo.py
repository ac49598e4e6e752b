"""Echo cancellation on a simulated room: what the loudspeaker played comes back late, quieter and reverberant."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.people import speech
from voicecli.audio.echo import EchoCanceller
from voicecli.audio.pcm import level_dbfs, resample
from voicecli.types import MIC, AudioFrame

Sound = NDArray[np.float64]
RATE = 48_000
TEXT = "this is what the assistant has to say about the matter, and it goes on for quite a while without a stop"


def room(played: bytes, delay_ms: int, db: float) -> Sound:
    """The microphone's part of what was played, at 16 kHz, with a room's early reflections."""
    rng = np.random.default_rng(1)
    near = np.frombuffer(resample(played, RATE, MIC.rate), np.int16).astype(np.float64)
    answer = np.concatenate([[1.0], rng.standard_normal(1200) * np.exp(-np.arange(1200) / 300) * 0.05])
    echo = np.convolve(near, answer)[: len(near)] * 10 ** (db / 20)
    return np.concatenate([np.zeros(delay_ms * MIC.rate // 1000), echo]) + rng.standard_normal(
        len(echo) + delay_ms * MIC.rate // 1000
    )


def cancelled(played: bytes, microphone: Sound) -> bytes:
    canceller = EchoCanceller(RATE)
    samples = np.clip(microphone, -32768, 32767).astype(np.int16)
    out, step = b"", RATE // 50 * 2
    for index in range(len(samples) // 320):
        at = index * 0.02
        canceller.played(played[index * step : (index + 1) * step].ljust(step, b"\0"), at)
        out += canceller.clean(AudioFrame(samples[index * 320 : (index + 1) * 320].tobytes(), MIC, at)).pcm
    assert canceller.adapted
    return out


@pytest.fixture(scope="module")
def played() -> bytes:
    return np.tile(speech(TEXT, RATE) // 3, 2).astype(np.int16).tobytes()


@pytest.mark.parametrize("delay_ms", [20, 120])
@pytest.mark.parametrize("db", [-6.0, -20.0])
def test_the_echo_is_gone_once_the_room_is_known(played: bytes, delay_ms: int, db: float) -> None:
    microphone = room(played, delay_ms, db)
    out = cancelled(played, microphone)
    late = slice(2 * 6 * MIC.rate, 2 * 8 * MIC.rate)
    before = level_dbfs(np.clip(microphone, -32768, 32767).astype(np.int16).tobytes()[late])
    assert before - level_dbfs(out[late]) > 20


def test_a_person_who_speaks_over_it_stays(played: bytes) -> None:
    microphone = room(played, 60, -12)
    person = speech("stop it right now please", MIC.rate).astype(np.float64) / 3
    begin = 7 * MIC.rate
    microphone[begin : begin + len(person)] += person[: len(microphone) - begin]
    out = np.frombuffer(cancelled(played, microphone), np.int16)
    kept = level_dbfs(out[begin : begin + len(person)].tobytes())
    assert kept > level_dbfs(person.astype(np.int16).tobytes()) - 6


def test_while_nothing_sounds_the_microphone_passes_untouched() -> None:
    canceller = EchoCanceller(RATE)
    frame = AudioFrame(np.arange(320, dtype=np.int16).tobytes(), MIC, 5.0)
    canceller.played(bytes(1920), 5.0)
    assert canceller.clean(frame) is frame
    assert not canceller.adapted
