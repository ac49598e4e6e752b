"""Digits as sound and back: a speaker and a recogniser that cannot be fooled.

Belongs here: pure functions on samples. Does not belong here: files, servers, devices.

A tone that lost, doubled or clipped samples is the wrong length, jumps in phase, or sits at full scale:
it is heard as `?`, not as its digit. Quieter speech under the tones does no harm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]

ROWS = (697.0, 770.0, 852.0, 941.0)
COLUMNS = (1209.0, 1336.0, 1477.0, 1633.0)
KEYS = "123A456B789C*0#D"

TONE_MS = 80.0
GAP_MS = 60.0
BROKEN = "?"

_WINDOW_S = 0.020
_HOP_S = 0.0025
_FLOOR = 0.003
_PURITY = 0.4
_TWIST = 4.0
_EDGE = 0.5
_DIP = 0.7
_QUIET = 0.35
_JUMP = 1.1
_TOLERANCE_MS = 10.0
_SHORTEST_MS = 25.0
_FULL = 32760


@dataclass(frozen=True)
class Tone:
    """One tone that was heard; times in seconds. `digit` is `?` when it was damaged."""

    digit: str
    start: float
    end: float


def encode(
    digits: str, rate: int = 16_000, tone_ms: float = TONE_MS, gap_ms: float = GAP_MS, level: float = 0.3
) -> Samples:
    """Each digit for `tone_ms` at peak `level` (1.0 is full scale), each followed by `gap_ms` of silence."""
    tone, gap = round(rate * tone_ms / 1000), round(rate * gap_ms / 1000)
    time = np.arange(tone) / rate
    ramp = np.minimum(1.0, np.minimum(np.arange(tone), np.arange(tone)[::-1]) / (0.002 * rate))
    pieces: list[NDArray[Any]] = []
    for digit in digits:
        row, column = divmod(KEYS.index(digit), 4)
        wave = np.sin(2 * np.pi * ROWS[row] * time) + np.sin(2 * np.pi * COLUMNS[column] * time)
        pieces += [wave * ramp * level / 2, np.zeros(gap)]
    return np.round(np.concatenate([np.zeros(0), *pieces]) * 32767).astype(np.int16)


def decode(samples: NDArray[Any], rate: int = 16_000, tone_ms: float = TONE_MS) -> str:
    """The digits in mono samples (int16, or floats of full scale 1.0), damaged ones as `?`."""
    return "".join(tone.digit for tone in find(samples, rate, tone_ms))


def find(samples: NDArray[Any], rate: int = 16_000, tone_ms: float = TONE_MS) -> list[Tone]:
    """The tones in mono samples, in order, with their times."""
    sound = samples / 32768 if samples.dtype == np.int16 else samples.astype(np.float64)
    step_s = round(_HOP_S * rate) / rate
    analysis = _Analysis(sound, rate)
    found = []
    for key, first, end in analysis.tones():
        start_s, end_s = max(0.0, first * step_s), end * step_s
        length_ms = 1000 * (end - first) * step_s
        if length_ms < _SHORTEST_MS:
            continue
        whole = abs(length_ms - tone_ms) <= _TOLERANCE_MS and analysis.steady(key, first, end)
        whole = whole and not _clipped(sound[round(start_s * rate) : round(end_s * rate)])
        found.append((Tone(KEYS[key] if whole else BROKEN, start_s, end_s), analysis.loudness(key, first, end)))
    # A vowel may resemble a damaged tone; one far quieter than the whole tones around it is speech.
    usual = np.median([loud for tone, loud in found if tone.digit != BROKEN] or [0.0])
    return [tone for tone, loud in found if tone.digit != BROKEN or loud > _QUIET * usual]


class _Analysis:
    """Per hop, in a window around it: the amplitudes of the eight frequencies, and what sounds altogether."""

    def __init__(self, sound: NDArray[Any], rate: int) -> None:
        window, hop = round(_WINDOW_S * rate), round(_HOP_S * rate)
        padded = np.concatenate([np.zeros(window // 2), sound, np.zeros(window)])
        frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
        turns = 2 * np.pi * np.outer(np.arange(window) / rate, ROWS + COLUMNS)
        waves = np.hstack([np.cos(turns), -np.sin(turns)]) * (2 / window)
        blocks = [frames[at : at + 4000] for at in range(0, len(frames), 4000)]
        parts = np.concatenate([block @ waves for block in blocks])
        self.amplitudes = parts[:, :8] + 1j * parts[:, 8:]
        self.power = np.concatenate([np.einsum("ij,ij->i", block, block) for block in blocks]) / window
        self.size = np.abs(self.amplitudes)
        self.step_s, self.edge = hop / rate, -(-window // (2 * hop))

    def tones(self) -> Iterator[tuple[int, int, int]]:
        """Key, first hop and end hop of everything that resembles a tone."""
        row, column = self.size[:, :4].argmax(axis=1), self.size[:, 4:].argmax(axis=1)
        keys = np.where(self.size.max(axis=1) > _FLOOR, row * 4 + column, -1)
        for key, first, end in _runs(keys):
            if key < 0:
                continue
            strength = self.strength(key, first, end)
            loud = np.percentile(strength, 90)
            for high, start, stop in _runs((strength > _EDGE * loud).astype(int)):
                if high and self.pure(key, first + start, first + stop):
                    yield key, first + start, first + stop

    def steady(self, key: int, first: int, end: int) -> bool:
        """Whether the inside of a tone neither dips nor jumps in phase."""
        first, end = first + self.edge, end - self.edge
        strength = self.strength(key, first, end)
        if not len(strength) or strength.min() < _DIP * np.median(strength):
            return False
        for index, frequency in zip(_pair(key), (ROWS[key // 4], COLUMNS[key % 4]), strict=True):
            turn = np.exp(-2j * np.pi * frequency * self.step_s * np.arange(end - first))
            if np.ptp(np.unwrap(np.angle(self.amplitudes[first:end, index] * turn))) > _JUMP:
                return False
        return True

    def loudness(self, key: int, first: int, end: int) -> float:
        """The usual amplitude of the two frequencies together."""
        return float(np.median(self.strength(key, first, end)))

    def strength(self, key: int, first: int, end: int) -> NDArray[Any]:
        a, b = _pair(key)
        strength: NDArray[Any] = np.sqrt(self.size[first:end, a] * self.size[first:end, b])
        return strength

    def pure(self, key: int, first: int, end: int) -> bool:
        """Whether the two frequencies are most of what sounds, and about equally loud."""
        a, b = (self.size[first:end, index] for index in _pair(key))
        share = np.median((a**2 + b**2) / 2 / np.maximum(self.power[first:end], 1e-12))
        twist = np.median(a) / max(float(np.median(b)), 1e-9)
        return bool(share > _PURITY and 1 / _TWIST < twist < _TWIST)


def _pair(key: int) -> tuple[int, int]:
    return key // 4, 4 + key % 4


def _runs(values: NDArray[Any]) -> Iterator[tuple[int, int, int]]:
    """Value, first index and end index of each run of equal values."""
    edges = np.flatnonzero(np.diff(values)) + 1
    for first, end in zip([0, *edges], [*edges, len(values)], strict=True):
        yield int(values[first]), int(first), int(end)


def _clipped(sound: NDArray[Any]) -> bool:
    """Whether three samples in a row stand at full scale."""
    full = np.abs(sound) >= _FULL / 32768
    return bool(np.any(full[:-2] & full[1:-1] & full[2:]))
