"""Turns what a speech service sends into samples, as soon as its encoding allows.

Belongs here: choosing how a stream is decoded, and its errors. Does not belong here: files, HTTP.

Samples and WAV pass on as they arrive. Of everything else libsndfile must see the whole: an encoded answer
is gathered and decoded at its end, on a thread.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path

from voicecli.audio import files, foreign, pcm
from voicecli.errors import InputError, ServiceError
from voicecli.resampling import Resampler
from voicecli.types import MIC, AudioChunk, PcmFormat

MOST = 256 * 1024 * 1024
"""Bytes of one encoded answer; a longer one is refused."""

PIECE_S = 0.5
"""A gathered answer is handed on in pieces of this length."""


async def decode_chunks(chunks: AsyncIterator[AudioChunk], rate: int) -> AsyncGenerator[bytes, None]:
    """s16le mono at `rate`, never an odd byte, never an empty piece. ServiceError: the sound is broken.

    The first sample comes with the first chunk that holds one (1 ms is held back where the rate changes).
    """
    decoder: _Samples | _Wav | _Whole | None = None
    async for chunk in chunks:
        if decoder is None:
            decoder = _Samples(chunk.encoding, rate) if isinstance(chunk.encoding, PcmFormat) else _Wav(rate)
        try:
            out = decoder.feed(chunk.data)
        except ValueError:  # not a WAV of 16-bit samples
            decoder = _Whole(chunk.encoding, rate, decoder.seen if isinstance(decoder, _Wav) else b"")
            out = b""
        if out:
            yield out
    if decoder is None:
        return
    for piece in await decoder.end():
        yield piece


class _Samples:
    """16-bit PCM. A chunk may end inside a sample or between the samples of one moment."""

    def __init__(self, format: PcmFormat, rate: int) -> None:
        self._format = format
        self._resampler = Resampler(format.rate, rate)
        self._carry = b""

    def feed(self, data: bytes) -> bytes:
        data = self._carry + data
        whole = len(data) - len(data) % self._format.frame_bytes
        self._carry = data[whole:]
        return self._resampler.feed(pcm.to_mono(data[:whole], self._format.channels))

    async def end(self) -> Iterator[bytes]:
        return filter(None, [self._resampler.flush()])


class _Wav:
    """A WAV, or what calls itself something else: it is believed as soon as its header is complete.

    `seen`: all bytes until then. `feed` raises ValueError: it is no WAV of 16-bit samples.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._wav = pcm.WavStream()
        self._samples: _Samples | None = None
        self.seen = b""

    def feed(self, data: bytes) -> bytes:
        if self._samples is None:
            self.seen += data
        found = self._wav.feed(data)
        if self._samples is None and self._wav.format is not None:
            self._samples, self.seen = _Samples(self._wav.format, self._rate), b""
        return self._samples.feed(found) if self._samples else b""

    async def end(self) -> Iterator[bytes]:
        if self._samples is None:
            raise _broken("wav", "the sound ended inside its header")
        return await self._samples.end()


class _Whole:
    """Anything that libsndfile reads, or ffmpeg where there is one (aac, m4a, webm), once all of it is there."""

    def __init__(self, encoding: PcmFormat | str, rate: int, begun: bytes) -> None:
        self._encoding, self._rate = str(encoding), rate
        self._data = bytearray(begun)

    def feed(self, data: bytes) -> bytes:
        self._data += data
        if len(self._data) > MOST:
            raise _broken(self._encoding, f"the sound is longer than {MOST:,} bytes")
        return b""

    async def end(self) -> Iterator[bytes]:
        samples = await asyncio.to_thread(self._decoded)
        size = PcmFormat(self._rate).bytes_for(1000 * PIECE_S)
        return (samples[at : at + size] for at in range(0, len(samples), size))

    def _decoded(self) -> bytes:
        data = bytes(self._data)
        try:
            return pcm.resample(*files.decode(data, "speech"), self._rate)
        except InputError as exc:
            try:
                return pcm.resample(_foreign(data), MIC.rate, self._rate)
            except InputError:
                raise _broken(self._encoding, "the sound that was sent cannot be decoded") from exc


def _foreign(data: bytes) -> bytes:
    """What PyAV or ffmpeg makes of it, as s16le mono at 16 kHz. InputError: nothing."""
    with tempfile.TemporaryDirectory(prefix="voice-") as folder:
        path = Path(folder) / "speech"
        path.write_bytes(data)
        return b"".join(foreign.blocks(path))


def _broken(encoding: str, what: str) -> ServiceError:
    return ServiceError(
        f"{what} ({encoding})", who="speech", cure="Choose another speech format or backend, or try again."
    )
