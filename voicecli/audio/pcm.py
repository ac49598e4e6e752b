"""Arithmetic on 16-bit samples: level, silence, resampling, channels, and the WAV container.

Belongs here: pure functions from bytes to bytes or numbers, and the two small streaming machines
(`Resampler`, `WavStream`). Does not belong here: files, devices, clocks, compressed formats.

Samples are bytes throughout (signed 16-bit little-endian). numpy is imported where it is used, so
that whoever only needs a WAV header does not pay for it.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from voicecli.types import PcmFormat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.int16]
    Floats = NDArray[np.floating[Any]]

SILENCE_DBFS = -100.0
"""What the level of digital silence is called; no 16-bit sound is quieter than −90.3."""

UNKNOWN_LENGTH = 0x7FFFFFFF
"""The length that a WAV header carries when the sound is still being written."""

ENDLESS = sys.maxsize
"""The length of samples whose WAV header does not tell it."""

AUDIBLE = 33
"""−60 dBFS: from this absolute sample value on, a sound counts as sounding."""

PAUSE_S = 0.005
"""Silence that is shorter lies within a sound, which crosses zero hundreds of times a second."""

# ------------------------------------------------------------------------------------- levels


def level_dbfs(pcm: bytes) -> float:
    """Root mean square level in dB below full scale (a full-scale square wave is 0)."""
    import numpy as np

    samples = np.frombuffer(pcm, np.int16, len(pcm) // 2).astype(np.float32)
    if not samples.size:
        return SILENCE_DBFS
    return _dbfs(float(np.dot(samples, samples)) / samples.size)


def _dbfs(mean_square: float) -> float:
    return max(SILENCE_DBFS, 10 * math.log10(mean_square / 32768**2)) if mean_square > 0 else SILENCE_DBFS


def pauses(pieces: Iterable[bytes | memoryview], rate: int) -> bool:
    """Whether sound that is kept in `pieces` begins with a pause. What is shorter than one is none."""
    wanted, ahead = 2 * int(PAUSE_S * rate), b""
    for piece in pieces:
        ahead += piece[: wanted - len(ahead)]
        if len(ahead) == wanted:
            return all(-AUDIBLE < sample < AUDIBLE for sample in memoryview(ahead).cast("h"))
    return False


def trailing_silence(pcm: bytes, floor_dbfs: float, *, step_ms: float = 5, rate: int = 16_000) -> int:
    """Samples at the end of `pcm` that are quieter than `floor_dbfs`, in whole steps of `step_ms`.

    Steps are counted back from the end; an odd piece at the start belongs to the first step. All of it
    quiet gives the length of `pcm`.
    """
    import numpy as np

    samples = np.frombuffer(pcm, np.int16, len(pcm) // 2)
    step = max(1, int(rate * step_ms / 1000))
    whole = len(samples) // step
    if not whole:
        return len(samples) if level_dbfs(pcm) < floor_dbfs else 0
    sound, loud = samples.astype(np.float32), _mean_square(floor_dbfs) * step
    for quiet in range(0, whole * step, step):  # who speaks is loud at the end: one look, mostly
        piece = sound[len(sound) - quiet - step : len(sound) - quiet]
        if piece @ piece >= loud:
            return quiet
    return len(samples)


def _mean_square(dbfs: float) -> float:
    return float(32768**2 * 10 ** (dbfs / 10))


# ----------------------------------------------------------------------- channels and rates


CANCELLED = 0.25
"""So much of the power that unrelated channels would have together says that they cancel each other."""


def mixed(frames: Floats) -> Floats:
    """Frames of several channels (float, one row each) as one: their mean, or the loudest where they cancel."""
    if frames.shape[1] == 1:
        return frames[:, 0]
    return frames[:, int(_power(frames).argmax())] if cancel(frames) else frames.mean(axis=1, dtype=frames.dtype)


def cancel(frames: Floats) -> bool:
    """Whether the channels (one column each) cancel each other, as those of a wrongly wired cable do."""
    mean = frames.mean(axis=1, dtype=frames.dtype)
    return bool(mean @ mean < CANCELLED * _power(frames).sum() / frames.shape[1] ** 2)


def _power(frames: Floats) -> Floats:
    """The power of each channel, summed up."""
    import numpy as np

    power: Floats = np.einsum("ij,ij->j", frames, frames)
    return power


LOUDEST = 64.0
"""Of floats that are taken for samples: 36 dB above full scale."""


def finite(samples: Floats) -> Floats:
    """Floats as a file has them, with silence for what is not a number, and within reason."""
    import numpy as np

    found: Floats = np.clip(np.nan_to_num(samples), -LOUDEST, LOUDEST)
    return found


def s16(samples: Floats) -> bytes:
    """Floats up to 1 as s16le."""
    import numpy as np

    return bytes(np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16).tobytes())


def to_mono(pcm: bytes, channels: int) -> bytes:
    """All channels as one. A last incomplete frame is dropped."""
    if channels == 1:
        return pcm
    import numpy as np

    frames = np.frombuffer(pcm, np.int16, len(pcm) // (2 * channels) * channels).reshape(-1, channels)
    return bytes(np.rint(mixed(frames.astype(np.float32))).astype(np.int16).tobytes())


def from_mono(pcm: bytes, channels: int) -> bytes:
    """The same samples on every channel."""
    import numpy as np

    return bytes(np.frombuffer(pcm, np.int16).repeat(channels).tobytes())


def resample(pcm: bytes, rate_in: int, rate_out: int) -> bytes:
    """A whole recording (s16le mono) at another rate, in soxr's high quality."""
    if rate_in == rate_out or not pcm:
        return pcm
    import numpy as np
    import soxr

    return bytes(soxr.resample(np.frombuffer(pcm, np.int16), rate_in, rate_out).tobytes())


class FileResampler:
    """As Resampler, by soxr's stream: ten times as fast, and it holds back up to 40 ms. For recordings.

    In floats, since soxr adds noise of its own to integers, another one each time: the same recording must give
    the same samples.
    """

    def __init__(self, rate_in: int, rate_out: int) -> None:
        import soxr

        self._stream = None if rate_in == rate_out else soxr.ResampleStream(rate_in, rate_out, 1)

    def feed(self, pcm: bytes) -> bytes:
        """The next piece, of whole samples."""
        return self._change(pcm, last=False)

    def flush(self) -> bytes:
        """What is still held back. Nothing may follow."""
        return self._change(b"", last=True)

    def _change(self, pcm: bytes, *, last: bool) -> bytes:
        if self._stream is None:
            return pcm
        import numpy as np

        out = self._stream.resample_chunk(np.frombuffer(pcm, np.int16).astype(np.float32), last=last)
        return bytes(np.clip(np.rint(out), -32768, 32767).astype(np.int16).tobytes())


# ---------------------------------------------------------------------------------------- WAV


def wav_header(format: PcmFormat, data_bytes: int | None = None) -> bytes:
    """The 44 bytes before the samples; `data_bytes` None is a stream whose length nobody knows yet."""
    length = UNKNOWN_LENGTH if data_bytes is None or data_bytes > UNKNOWN_LENGTH - 36 else data_bytes
    riff = UNKNOWN_LENGTH if length == UNKNOWN_LENGTH else length + 36
    block = format.frame_bytes
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", riff, b"WAVE", b"fmt ", 16, 1, format.channels),
        *(format.rate, format.rate * block, block, 16, b"data", length),
    )


def wav_bytes(pcm: bytes, format: PcmFormat) -> bytes:
    """`pcm` as a whole WAV file."""
    return wav_header(format, len(pcm)) + pcm


class WavStream:
    """Takes the samples out of a WAV that arrives in pieces, whatever lengths its header claims.

    `format` is None until a header is complete. Further headers are dropped: where a header told its
    true length behind that many bytes, otherwise at the start of a piece. Other chunks behind the
    samples are dropped too, where the length was true.
    """

    USUAL_HEADER, LONGEST_HEADER = 512, 65_536

    def __init__(self) -> None:
        self.format: PcmFormat | None = None
        self._head: bytes | None = b""
        self._left = 0

    def feed(self, data: bytes) -> bytes:
        """Samples in `data`, perhaps none yet. ValueError: this is no WAV of 16-bit PCM."""
        out, at = [], 0
        while at < len(data):
            if self._head is None and data[at : at + 4] == b"RIFF":
                self._head = b""
            if self._head is not None:
                at = self._read_header(self._head, data, at)
            out.append(data[at : at + self._left])
            at += len(out[-1])
            self._left -= len(out[-1])
            if data[at : at + 4] != b"RIFF":
                break
        return b"".join(out)

    def _read_header(self, held: bytes, data: bytes, at: int) -> int:
        """Where in `data` the header ends that began in `held` and goes on there; its end while it is incomplete."""
        # Nearly all are this short, and a file of a million headers is not copied a million times.
        head = held + data[at : at + self.USUAL_HEADER]
        found = parse_wav_header(head)
        if found is None and at + self.USUAL_HEADER < len(data):
            head = held + data[at:]
            found = parse_wav_header(head)
        if found is None and len(head) > self.LONGEST_HEADER:
            raise ValueError("a WAV header without end")
        if found is None:
            self._head = head
            return len(data)
        self.format, start, self._left = found
        self._head = None
        return at + start - len(held)


def parse_wav_header(data: bytes) -> tuple[PcmFormat, int, int] | None:
    """Format, where the samples start, and how many bytes of them there may be; None: more is needed.

    Lengths that only a streaming writer gives (0, or 2 GiB and more) mean: without end.
    ValueError: not a WAV, or not 16-bit PCM in it.
    """
    if not b"RIFF".startswith(data[:4]) or (len(data) >= 12 and data[8:12] != b"WAVE"):
        raise ValueError("not a WAV file")
    at, format = 12, None
    while len(data) >= at + 8:
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name == b"data":
            if format is None:
                raise ValueError("a WAV file without a format")
            return format, at + 8, ENDLESS if size == 0 or size >= UNKNOWN_LENGTH - 36 else size
        if name == b"fmt ":
            if len(data) < at + 8 + size:
                return None
            format = _wav_format(data[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
    return None


def _wav_format(fmt: bytes) -> PcmFormat:
    if len(fmt) < 16:
        raise ValueError("a WAV file with a broken format")
    kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", fmt[:16])
    if kind == 0xFFFE and len(fmt) >= 26:
        kind = int.from_bytes(fmt[24:26], "little")
    if (kind, bits) != (1, 16) or not 1 <= channels <= 64 or not 1000 <= rate <= 384_000:
        raise ValueError("a WAV file that does not hold 16-bit PCM")
    return PcmFormat(rate, channels)
