"""The tests' own recogniser: every digit is heard at any rate and under speech, no damage goes unnoticed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import dtmf

ALL = "0123456789*#ABCD"


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("level", [0.01, 0.3, 0.99])
def test_every_key_at_every_rate_and_level(rate: int, level: float) -> None:
    sound = dtmf.encode(ALL + "1100", rate, level=level)
    assert dtmf.decode(sound, rate) == ALL + "1100"
    assert dtmf.decode(sound / 32768, rate) == ALL + "1100"


def test_times_are_right() -> None:
    silence = np.zeros(16_000, np.int16)
    tones = dtmf.find(np.concatenate([silence, dtmf.encode("57")]))
    assert [tone.digit for tone in tones] == ["5", "7"]
    for tone, start in zip(tones, (1.0, 1.0 + 0.14), strict=True):
        assert abs(tone.start - start) < 0.005 and abs(tone.end - start - 0.08) < 0.005


@given(st.text("0123456789", min_size=1, max_size=12), st.integers(0, 2**31))
@settings(max_examples=15, deadline=None)
def test_quieter_voices_do_no_harm(digits: str, seed: int) -> None:
    sound = dtmf.encode(digits) / 32768
    voice = _voice(len(sound), seed) * 0.1 / np.sqrt(10)
    assert dtmf.decode(sound + voice) == digits


def _voice(length: int, seed: int) -> np.ndarray:
    """Something like a vowel: harmonics of a wandering pitch, at a mean square of about 0.1."""
    rng = np.random.default_rng(seed)
    pitch = 110 + 30 * np.sin(np.arange(length) / 16_000 * 2 * np.pi * 3 + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(pitch) / 16_000
    return np.asarray(sum(np.sin(n * phase + rng.uniform(0, 6)) / n for n in range(1, 20)) / 2)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_damage_inside_a_tone_is_heard(data: st.DataObject) -> None:
    digits = data.draw(st.text("0123456789", min_size=1, max_size=4))
    sound = dtmf.encode(digits)
    size = data.draw(st.sampled_from([320, 480, 800]), "samples")
    tone = data.draw(st.integers(0, len(digits) - 1), "tone")
    at = tone * 2240 + data.draw(st.integers(170, 1280 - 170 - size), "at")
    damage = data.draw(st.sampled_from(["lost", "doubled", "silent"]), "damage")
    # Half as much may happen to join without a seam.
    if damage == "lost":
        sound = np.delete(sound, slice(at, at + size))
    elif damage == "doubled":
        sound = np.insert(sound, at, sound[at : at + size])
    else:
        sound[at : at + size] = 0
    assert dtmf.decode(sound) != digits


def test_clipping_is_heard() -> None:
    sound = np.clip(dtmf.encode("3", level=0.9) * 1.4, -32768, 32767).astype(np.int16)
    assert dtmf.decode(sound) == dtmf.BROKEN


def test_silence_noise_and_voices_are_no_digits() -> None:
    rng = np.random.default_rng(7)
    assert dtmf.decode(np.zeros(16_000, np.int16)) == ""
    assert dtmf.decode(np.zeros(0, np.int16)) == ""
    assert dtmf.decode(rng.normal(0, 0.1, 160_000)) == ""
    assert dtmf.decode(_voice(160_000, 1)) == ""
