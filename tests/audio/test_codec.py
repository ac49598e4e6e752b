"""Streams of speech in every encoding a service may send, cut anywhere, broken anywhere."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.audio.test_parts import RATE as FILM_RATE
from tests.audio.test_parts import film
from tests.audio.test_pcm import samples, tone
from voicecli.audio import encoder, pcm
from voicecli.audio.codec import decode_chunks
from voicecli.errors import ServiceError, UnreachableError
from voicecli.types import AudioChunk, PcmFormat

pytestmark = pytest.mark.anyio

RATE = 24_000
PCM = tone(440, 0.3, RATE)


async def sent(data: bytes, encoding: PcmFormat | str, size: int) -> AsyncIterator[AudioChunk]:
    for at in range(0, len(data), size):
        yield AudioChunk(data[at : at + size], encoding)


async def decoded(data: bytes, encoding: PcmFormat | str, *, size: int = 1000, rate: int = RATE) -> list[bytes]:
    return [piece async for piece in decode_chunks(sent(data, encoding, size), rate)]


def likeness(made: bytes, wanted: bytes, *, shift: int = 0) -> float:
    """1.0 when both are the same sound."""
    length = min(len(made), len(wanted)) // 2 - abs(shift)
    a, b = samples(made)[max(0, shift) :][:length], samples(wanted)[max(0, -shift) :][:length]
    return float(np.corrcoef(a, b)[0, 1])


@pytest.mark.parametrize("size", [1, 3, 7, 999, 100_000])
async def test_samples_pass_in_any_cut(size: int) -> None:
    pieces = await decoded(PCM, PcmFormat(RATE), size=size)
    assert b"".join(pieces) == PCM
    assert all(piece and len(piece) % 2 == 0 for piece in pieces)


@pytest.mark.parametrize("size", [1, 5, 1001])
async def test_two_channels_become_one_in_any_cut(size: int) -> None:
    assert b"".join(await decoded(pcm.from_mono(PCM, 2), PcmFormat(RATE, 2), size=size)) == PCM


@pytest.mark.parametrize("size", [1, 333, 4096])
async def test_another_rate_has_no_seams(size: int) -> None:
    made = b"".join(await decoded(PCM, PcmFormat(RATE), size=size, rate=48_000))
    assert len(made) == 2 * len(PCM)
    assert likeness(made, tone(440, 0.3, 48_000)) > 0.9999
    assert np.abs(np.diff(samples(made)[100:-100], 2)).max() < 60, "a click"


@pytest.mark.parametrize("encoding", [PcmFormat(RATE), "wav"])
async def test_the_first_chunk_sounds_before_the_second_is_there(encoding: PcmFormat | str) -> None:
    data = PCM if isinstance(encoding, PcmFormat) else pcm.wav_header(PcmFormat(RATE)) + PCM
    asked = []

    async def slow() -> AsyncIterator[AudioChunk]:
        for at in range(0, len(data), 1004):
            asked.append(at)
            yield AudioChunk(data[at : at + 1004], encoding)

    stream = decode_chunks(slow(), 48_000)
    first = await anext(stream)
    assert (len(asked), len(first) // 2 > 800) == (1, True)
    await stream.aclose()


@pytest.mark.parametrize("length", [len(PCM), 0, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("size", [1, 45, 5000])
async def test_a_wav_whatever_its_header_claims(length: int, size: int) -> None:
    head = pcm.wav_header(PcmFormat(RATE))
    data = head[:40] + length.to_bytes(4, "little") + PCM
    assert b"".join(await decoded(data, "wav", size=size)) == PCM


async def test_a_wav_with_a_header_in_every_piece() -> None:
    async def pieces() -> AsyncIterator[AudioChunk]:
        for at in range(0, len(PCM), 1200):
            yield AudioChunk(pcm.wav_header(PcmFormat(RATE)) + PCM[at : at + 1200], "wav")

    assert b"".join([piece async for piece in decode_chunks(pieces(), RATE)]) == PCM


@pytest.mark.parametrize("container", ["flac", "ogg", "opus", "mp3", "aiff"])
@pytest.mark.parametrize("size", [100, 100_000])
async def test_encoded_speech_is_decoded_whole(container: str, size: int) -> None:
    made = b"".join(await decoded(encoder.encode(PCM, RATE, container), container, size=size, rate=48_000))
    assert likeness(made, tone(440, 0.3, 48_000)) > 0.98
    assert abs(len(made) / 2 / 48_000 - 0.3) < 0.06


async def test_a_wav_of_floats_is_read_all_the_same() -> None:
    out = io.BytesIO()
    soundfile.write(out, samples(PCM) / 32768, RATE, format="WAV", subtype="FLOAT")
    assert b"".join(await decoded(out.getvalue(), "wav")) == PCM


async def test_what_is_called_wav_and_is_not() -> None:
    made = b"".join(await decoded(encoder.encode(PCM, RATE, "flac"), "wav", size=2))
    assert made == PCM


@pytest.mark.parametrize(("box", "codec"), [("adts", "aac"), ("mp4", "aac"), ("webm", "libopus")])
async def test_what_only_ffmpeg_reads_is_read_where_it_is(tmp_path: Path, box: str, codec: str) -> None:
    sent = film(tmp_path / "speech", box, codec, samples(tone(440, 0.5, FILM_RATE)) / 32768)
    heard = b"".join(await decoded(sent, box))
    assert 0.45 < len(heard) / 2 / RATE < 0.65 and np.abs(samples(heard)).max() > 1000


async def test_a_long_answer_is_handed_on_in_pieces() -> None:
    pieces = await decoded(encoder.encode(tone(300, 2, RATE), RATE, "flac"), "flac")
    assert [len(piece) for piece in pieces] == [24_000] * 4


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"<html>busy</html>" * 20, "mp3"),
        (encoder.encode(PCM, RATE, "flac")[:20], "flac"),
        (pcm.wav_header(PcmFormat(RATE))[:30], "wav"),
        (b"RIFF\x00\x00\x00\x00WAVEjunk\xff\xff\xff\x00" + bytes(70_000), "wav"),
    ],
)
async def test_broken_sound_is_the_services_failure(
    data: bytes, encoding: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ServiceError, match=encoding):
        await decoded(data, encoding)
    assert capfd.readouterr().err == ""


async def test_a_stream_that_breaks_off_gives_what_came_and_then_its_own_error() -> None:
    async def broken() -> AsyncIterator[AudioChunk]:
        yield AudioChunk(PCM[:1000], PcmFormat(RATE))
        raise UnreachableError("gone")

    made = []
    with pytest.raises(UnreachableError):
        async for piece in decode_chunks(broken(), RATE):
            made.append(piece)
    assert made == [PCM[:1000]]


async def test_nothing_in_nothing_out() -> None:
    assert await decoded(b"", "wav") == []
