"""The rate of a stream of samples, changed piece by piece.

Pure. Belongs here: the one resampler of live sound, which the rooms of sound and the services share. Does not belong
here: whole recordings (audio.pcm), devices, clocks.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]


class Resampler:
    """Changes the rate of a stream (s16le mono), piece by piece, without a seam between the pieces.

    A windowed sinc, evaluated where it is needed: it holds back `HALF` input samples (1 ms at 16 kHz)
    and nothing else, so the first piece sounds at once. soxr's stream, in blocks, holds back 20 to 40 ms
    at the rates of speech (measured in every quality but its cubic one, which does not filter).
    Output sample n stands for the input's moment n / rate_out; n grows to ceil(samples · out / in).
    """

    HALF = 16
    """Zero crossings of the sinc on either side."""

    FEW = 8
    """Phases: 24 to 16 kHz have two, 44.1 to 16 kHz 160."""

    BLOCK = 16_384
    """Bytes worked on at once: with many phases the windows take some 130 times as much memory."""

    def __init__(self, rate_in: int, rate_out: int) -> None:
        self.rate_in, self.rate_out = rate_in, rate_out
        shared = math.gcd(rate_in, rate_out)
        self._up, self._down = rate_out // shared, rate_in // shared
        self._kernel: Floats | None = None if rate_in == rate_out else _kernel(self._up, self._down, self.HALF)
        self._reach = 0 if self._kernel is None else self._kernel.shape[1] // 2
        """Input samples that the filter looks ahead (and back)."""
        self._reset()

    def _reset(self) -> None:
        self._odd = b""
        self._fed = 0
        self._made = 0
        self._tail = bytes(2 * self._reach)

    @property
    def held_back(self) -> int:
        """Output samples that come with the next piece of input, at most."""
        return -(-self._reach * self._up // self._down)

    def feed(self, pcm: bytes) -> bytes:
        """The next piece, of any length (an odd byte waits for its other half)."""
        pcm = self._odd + pcm if self._odd else pcm
        whole = len(pcm) & ~1
        self._odd = pcm[whole:]
        if self._kernel is None:
            return pcm[:whole]
        if whole <= self.BLOCK:
            return self._take(pcm[:whole])
        return b"".join([self._take(pcm[at : min(at + self.BLOCK, whole)]) for at in range(0, whole, self.BLOCK)])

    def _take(self, pcm: bytes) -> bytes:
        self._fed += len(pcm) // 2
        return self._render(pcm, self._fed - self._reach)

    def flush(self) -> bytes:
        """What is still held back; afterwards the resampler is as new."""
        if self._kernel is None:
            self._odd = b""
            return b""
        out = self._render(bytes(2 * self._reach), self._fed)
        self._reset()
        return out

    def _render(self, pcm: bytes, until: int) -> bytes:
        """All output whose centre lies before input sample `until`. `_tail` starts at the next one's window."""
        import numpy as np

        assert self._kernel is not None
        self._tail += pcm
        end = max(self._made, -(-until * self._up // self._down))
        if end == self._made:
            return b""
        out = self._in_blocks(end) if self._up <= self.FEW else self._gathered(end)
        self._tail = self._tail[2 * (end * self._down // self._up - self._made * self._down // self._up) :]
        self._made = end
        # In place, and without np.clip, which takes twice as long for so few.
        np.rint(out, out=out)
        np.maximum(out, -32768.0, out=out)
        made: bytes = np.minimum(out, 32767.0, out=out).astype(np.int16).tobytes()
        return made

    def _in_blocks(self, end: int) -> Floats:
        """With few phases a matrix makes some 32 samples at once of what they look at: a third of the time.

        In double precision, so that the order of the sum, which the block's place decides, changes no sample.
        """
        import numpy as np

        block = _block(self._up, self._down, self.HALF, self._made * self._down % self._up)
        looks, makes = block.shape
        rows, step = -(-(end - self._made) // makes), makes * self._down // self._up
        x = np.zeros((rows - 1) * step + looks)
        known = np.frombuffer(self._tail, np.int16)[: len(x)]
        x[: len(known)] = known
        # By hand: sliding_window_view takes as long as all of this for 20 ms.
        windows = np.ndarray((rows, looks), np.float64, x, 0, (8 * step, 8))
        made: Floats = (windows @ block).ravel()[: end - self._made]
        return made

    def _gathered(self, end: int) -> Floats:
        import numpy as np

        assert self._kernel is not None
        x = np.frombuffer(self._tail, np.int16).astype(np.float32)
        width = self._kernel.shape[1]
        windows = np.ndarray((len(x) - width + 1, width), np.float32, x, 0, (4, 4))
        place, phase = np.divmod(np.arange(self._made, end) * self._down, self._up)
        out: Floats = np.einsum("ij,ij->i", windows[place - place[0]], self._kernel[phase])
        return out


@cache
def _kernel(up: int, down: int, half: int) -> Floats:
    """One row of filter taps (float32) per phase: a Kaiser-windowed sinc below the lower Nyquist rate."""
    import numpy as np

    cutoff = min(1.0, up / down) * 0.94
    reach = math.ceil(half / cutoff)
    offsets = np.arange(-reach, reach + 1)[None, :] - np.arange(up)[:, None] / up
    window = np.i0(9.0 * np.sqrt(np.clip(1 - (offsets / (reach + 1)) ** 2, 0, 1))) / np.i0(9.0)
    taps = cutoff * np.sinc(cutoff * offsets) * window
    rows: Floats = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
    return rows


@cache
def _block(up: int, down: int, half: int, start: int) -> Floats:
    """What a row of input is multiplied with: a column of taps per output sample, the first of phase `start`."""
    import numpy as np

    kernel = _kernel(up, down, half)
    place, phase = np.divmod(start + down * np.arange(max(1, 32 // up) * up), up)
    block = np.zeros((int(place[-1]) + kernel.shape[1], len(place)))
    for column, (first, row) in enumerate(zip(place, phase, strict=True)):
        block[first : first + kernel.shape[1], column] = kernel[row]
    return block
