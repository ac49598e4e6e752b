"""Where somebody speaks in a recording, and where it is cut: at pauses, into pieces that a model can take.

Belongs here: samples to stretches of samples. Does not belong here: models that understand, asyncio.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voicecli.silero import Silero

RATE = 16_000
Samples = NDArray[np.float32]

FRAME = RATE // 50
LONGEST_S = 28.0
"""Of a piece: Moonshine loops on 88 s and is right on 40."""
WELCOME_S = 6.0
"""From this length on a piece ends at the next pause: of synthesised sentences 17 words of 890 were wrong so, with 12 s
24, and the longer pieces took no less time."""
PAUSE_S = 0.4
"""A silence in which a piece may end."""
APART_S = 1.2
"""A silence in which every piece ends."""
MARGIN_S = 0.25
"""Seconds that are kept on both sides of a piece: quiet beginnings and ends of words lie there."""
SHORTEST_S = 0.1
"""No model is ever given less."""
PADDING = np.zeros(RATE // 2, np.float32)
"""On both sides of a piece: without it first and last words suffer."""

_ABOVE_FLOOR_DB, _BELOW_PEAK_DB, _QUIETEST_DB = 8.0, 32.0, -62.0
_CHUNK = 512
"""Samples that Silero judges at once."""
_SURE, _SURE_CHUNKS = 0.7, 3


@dataclass(frozen=True, slots=True)
class SpeechStretch:
    """Samples from `begin` to `end` in which somebody speaks."""

    begin: int
    end: int

    @property
    def seconds(self) -> tuple[float, float]:
        return self.begin / RATE, self.end / RATE


def to_samples(pcm: bytes | bytearray) -> Samples:
    """s16le to floats of −1 to 1."""
    return np.asarray(np.frombuffer(bytes(pcm[: len(pcm) // 2 * 2]), "<i2") / np.float32(32768), np.float32)


def padded(samples: Samples) -> Samples:
    """What a model is given of a piece."""
    return np.concatenate([PADDING, samples, PADDING])


def levels(samples: Samples) -> NDArray[np.float64]:
    """dBFS of every 20 ms; what is left over at the end counts with the last."""
    count = max(1, len(samples) // FRAME)
    frames = np.resize(samples, count * FRAME) if len(samples) < FRAME else samples[: count * FRAME]
    power = np.square(frames.reshape(count, FRAME), dtype=np.float64).mean(axis=1)
    return np.asarray(10 * np.log10(power + 1e-10), np.float64)


def stretches(samples: Samples) -> Iterator[SpeechStretch]:
    """Where it is louder than the room, cut at pauses: pieces of at most LONGEST_S with a margin, in their order."""
    if len(samples) < RATE * SHORTEST_S:
        return
    loud = levels(samples)
    for begin, end in _pieces(_runs(loud > _threshold(loud)), loud):
        yield SpeechStretch(
            max(0, begin * FRAME - round(MARGIN_S * RATE)), min(len(samples), end * FRAME + round(MARGIN_S * RATE))
        )


def _threshold(loud: NDArray[np.float64]) -> float:
    """Between the room and the voice."""
    # np.percentile would import numpy's masked arrays, which takes longer than hearing a word
    floor, peak = np.sort(loud)[[(len(loud) - 1) // 10, (len(loud) - 1) * 99 // 100]]
    return float(max(_QUIETEST_DB, min(floor + _ABOVE_FLOOR_DB, peak - 6), peak - _BELOW_PEAK_DB))


def _runs(voiced: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The runs of frames that are loud."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], voiced, [False]])))
    return [(int(begin), int(end)) for begin, end in zip(edges[::2], edges[1::2], strict=True)]


def _pieces(runs: list[tuple[int, int]], loud: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """Runs put together, in frames: a long silence parts them, a short one once there is enough."""
    piece: tuple[int, int] | None = None
    for begin, end in runs:
        if piece is not None:
            gap, length = (begin - piece[1]) / 50, (piece[1] - piece[0]) / 50
            if gap >= APART_S or (gap >= PAUSE_S and length >= WELCOME_S) or (end - piece[0]) / 50 > LONGEST_S:
                yield from _bounded(*piece, loud)
                piece = None
        piece = (begin, end) if piece is None else (piece[0], end)
    if piece is not None:
        yield from _bounded(*piece, loud)


def _bounded(begin: int, end: int, loud: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """A piece without a pause is cut where it is quietest."""
    longest = round(LONGEST_S * 50) - 2 * round(MARGIN_S * 50)
    while end - begin > longest:
        first = begin + longest // 2
        cut = first + int(np.argmin(loud[first : begin + longest]))
        yield begin, cut
        begin = cut
    yield begin, end


def speech_in(samples: Samples) -> bool:
    """Whether Silero hears a voice: it begins where it is loudest, and hears on only while it finds none.

    A voice is mostly found within the first half second.
    """
    around = int(np.argmax(levels(samples))) * FRAME
    near = samples[max(0, around - RATE // 2) : around + RATE]
    pcm = [(part * 32767).astype("<i2") for part in ((near, samples) if len(near) < len(samples) else (samples,))]
    return any(_sure(Silero(), part) for part in pcm)


def _sure(judge: Silero, pcm: NDArray[np.int16]) -> bool:
    found = 0
    pcm = np.concatenate([pcm, np.zeros(_CHUNK, np.int16)])
    for at in range(0, len(pcm) - _CHUNK + 1, _CHUNK):
        found += judge.process_chunk(pcm[at : at + _CHUNK].tobytes()) >= _SURE
        if found >= _SURE_CHUNKS:
            return True
    return False


def slower(samples: Samples, share: float) -> Samples:
    """The same, played slower by `share` (0.06 for 6 %); negative: faster."""
    places = np.arange(0, len(samples) - 1, 1 / (1 + share))
    return np.asarray(np.interp(places, np.arange(len(samples)), samples), np.float32)
