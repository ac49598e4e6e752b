"""Times of samples from what a sound card tells: late, jumpy and partly wrong."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from voicecli.audio.clock import CaptureClock, PlaybackClock

RATE, BLOCK = 16_000, 320
SECONDS = BLOCK / RATE


def captured(lateness: list[float], delays: list[float], *, start: float = 1000.0) -> list[float]:
    """Times given to blocks whose first samples were taken at start, start + 20 ms …"""
    clock = CaptureClock(RATE)
    return [
        clock.block(BLOCK, start + (number + 1) * SECONDS + late, delay) - (start + number * SECONDS)
        for number, (late, delay) in enumerate(zip(lateness, delays, strict=True))
    ]


def test_late_callbacks_do_not_move_the_times() -> None:
    dice = random.Random(1)
    lateness = [0.001 + dice.random() ** 4 * 0.015 for _ in range(2000)]
    errors = captured(lateness, [SECONDS] * 2000)
    assert max(abs(error) for error in errors[100:]) < 0.003


def test_a_wrong_claim_at_the_start_is_not_believed() -> None:
    """What PulseAudio does: 600 ms claimed at first, then nearly the truth."""
    claims = [0.6] * 100 + [0.024] * 900
    errors = captured([0.002] * 1000, claims)
    assert max(abs(error) for error in errors) < 0.005


def test_a_steady_claim_is_believed_in_the_end() -> None:
    """A Bluetooth microphone: all blocks come 150 ms after they were taken, and the system says so."""
    errors = captured([0.150] * 1500, [0.170] * 1500)
    assert errors[0] == pytest.approx(0.150)
    assert errors[-1] == pytest.approx(0.0, abs=0.001)


def test_a_device_that_wakes_with_a_backlog_has_true_times_as_soon_as_it_caught_up() -> None:
    lateness = [0.5 - number * SECONDS for number in range(25)] + [0.001] * 100
    errors = captured(lateness, [SECONDS] * len(lateness))
    assert max(abs(error) for error in errors[26:]) < 0.002


def test_a_loop_that_stands_still_does_not_move_the_times() -> None:
    lateness = [0.001] * 500 + [0.3 - number * SECONDS for number in range(15)] + [0.001] * 500
    errors = captured(lateness, [SECONDS] * len(lateness))
    assert max(abs(error) for error in errors) < 0.002


def test_lost_samples_move_the_times_at_once_when_told_and_soon_when_not() -> None:
    lost = 0.5
    for told in (True, False):
        clock = CaptureClock(RATE)
        for number in range(500):
            clock.block(BLOCK, (number + 1) * SECONDS, SECONDS)
        if told:
            clock.gap()
        errors = [
            clock.block(BLOCK, lost + (number + 1) * SECONDS, SECONDS) - (lost + number * SECONDS)
            for number in range(500, 1000)
        ]
        assert abs(errors[0 if told else 250]) < 0.001


def test_times_never_run_backwards() -> None:
    dice = random.Random(2)
    clock, now, times = CaptureClock(RATE), 5.0, []
    for _ in range(3000):
        now += SECONDS * dice.choice((0.2, 1, 1, 1, 2, 30 if dice.random() < 0.02 else 1))
        if dice.random() < 0.01:
            clock.gap()
        times.append(clock.block(BLOCK, now, dice.random() * 0.3))
    assert all(a <= b for a, b in pairwise(times))


def test_playback_follows_the_claim_but_not_its_jitter() -> None:
    dice = random.Random(3)
    clock, errors = PlaybackClock(48_000), []
    for number in range(1000):
        sounds = 10 + number * 0.01
        wait = 0.030 - dice.random() * 0.02  # a late callback waits less until its block sounds
        errors.append(clock.block(480, sounds - wait, wait + dice.gauss(0, 0.001)) - sounds)
    assert max(abs(error) for error in errors[50:]) < 0.002


def test_playback_notices_an_underrun_at_once() -> None:
    clock = PlaybackClock(48_000)
    for number in range(100):
        clock.block(480, number * 0.01, 0.03)
    assert clock.block(480, 1.2, 0.03) == pytest.approx(1.23)
