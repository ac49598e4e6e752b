"""Samples in, samples and numbers out: every machine is fed whole, in pieces, and with an odd end."""

from __future__ import annotations

import io
import math
import wave
from array import array
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.audio import pcm
from voicecli.resampling import Resampler
from voicecli.types import MIC, PcmFormat

RATES = ((16_000, 48_000), (22_050, 48_000), (24_000, 48_000), (44_100, 16_000), (48_000, 16_000))


def tone(hz: float, seconds: float, rate: int, level: int = 8000) -> bytes:
    moments = np.arange(round(seconds * rate)) / rate
    return np.rint(level * np.sin(2 * np.pi * hz * moments)).astype(np.int16).tobytes()


def samples(data: bytes) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.frombuffer(data, np.int16).astype(np.float64)


# ------------------------------------------------------------------------------------- levels


@pytest.mark.parametrize(
    ("data", "level"),
    [
        (b"", pcm.SILENCE_DBFS),
        (bytes(640), pcm.SILENCE_DBFS),
        (array("h", [-32768] * 320).tobytes(), 0.0),
        (array("h", [3277, -3277] * 160).tobytes(), -20.0),
        (array("h", [1, -1] * 160).tobytes(), -90.3),
    ],
)
def test_level(data: bytes, level: float) -> None:
    assert pcm.level_dbfs(data) == pytest.approx(level, abs=0.01)


@given(st.lists(st.booleans(), max_size=12), st.integers(0, 79))
def test_trailing_silence_is_counted_in_whole_steps_from_the_end(loud: list[bool], odd: int) -> None:
    steps = b"".join(array("h", [4000 if each else 3] * 80).tobytes() for each in loud)
    data = bytes(2 * odd) + steps
    quiet = next((number for number, each in enumerate(reversed(loud)) if each), None)
    expected = len(data) // 2 if quiet is None else 80 * quiet
    assert pcm.trailing_silence(data, -40) == expected


@pytest.mark.parametrize(
    ("pieces", "pause"),
    [
        ([bytes(10)], True),
        ([bytes(4), bytes(2), bytes(4), b"\x00\x10"], True),
        ([b"\x20\x00" * 5], True),
        ([b"\x21\x00" * 5], False),
        ([bytes(8), b"\x00\x80"], False),
        ([bytes(8)], False),
        ([], False),
    ],
)
def test_a_pause_is_5_ms_of_silence(pieces: list[bytes], pause: bool) -> None:
    assert pcm.pauses(map(memoryview, pieces), 1000) is pause


def test_trailing_silence_of_less_than_a_step() -> None:
    assert pcm.trailing_silence(array("h", [4000] * 20).tobytes(), -40) == 0
    assert pcm.trailing_silence(bytes(40), -40) == 20


# ------------------------------------------------------------------------- channels and rates


def test_channels_are_averaged_and_copied() -> None:
    assert pcm.to_mono(array("h", [100, 300, -32768, -32768, 7]).tobytes(), 2) == array("h", [200, -32768]).tobytes()
    assert pcm.from_mono(array("h", [1, -2]).tobytes(), 3) == array("h", [1, 1, 1, -2, -2, -2]).tobytes()
    assert pcm.to_mono(b"abc", 1) == b"abc"


@given(st.sampled_from(RATES), st.binary(max_size=3000), st.lists(st.integers(0, 3000), max_size=6))
def test_a_stream_in_pieces_is_the_stream_as_a_whole(rates: tuple[int, int], data: bytes, cuts: list[int]) -> None:
    whole = Resampler(*rates)
    expected = whole.feed(data) + whole.flush()
    pieces = Resampler(*rates)
    marks = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    found = b"".join(pieces.feed(data[a:b]) for a, b in pairwise(marks)) + pieces.flush()
    assert found == expected
    assert len(found) // 2 == math.ceil(len(data) // 2 * rates[1] / rates[0])


@pytest.mark.parametrize("rates", RATES)
def test_a_tone_stays_a_tone(rates: tuple[int, int]) -> None:
    rate_in, rate_out = rates
    for hz in (440.0, 0.4 * min(rates)):
        stream = Resampler(rate_in, rate_out)
        for made in (
            stream.feed(tone(hz, 0.5, rate_in)) + stream.flush(),
            pcm.resample(tone(hz, 0.5, rate_in), rate_in, rate_out),
        ):
            middle = slice(rate_out // 20, -rate_out // 20)
            wanted = samples(tone(hz, 0.5, rate_out))[middle]
            error = samples(made)[: rate_out // 2][middle] - wanted
            assert 10 * math.log10(np.mean(wanted**2) / np.mean(error**2)) > 50


def test_what_the_lower_rate_cannot_hold_is_filtered_out() -> None:
    stream = Resampler(48_000, 16_000)
    made = stream.feed(tone(9600, 0.5, 48_000)) + stream.flush()
    assert pcm.level_dbfs(made[2000:-2000]) < -80


@pytest.mark.parametrize("rates", RATES)
def test_the_first_piece_sounds_at_once(rates: tuple[int, int]) -> None:
    """Of 20 ms all but 1.2 come out; a block transform would give none."""
    stream = Resampler(*rates)
    made = stream.feed(tone(440, 0.02, rates[0]))
    assert len(made) / 2 / rates[1] >= 0.0188


def test_a_flushed_resampler_is_as_new() -> None:
    stream = Resampler(24_000, 48_000)
    first = stream.feed(tone(300, 0.1, 24_000) + b"x") + stream.flush()
    assert stream.feed(tone(300, 0.1, 24_000)) + stream.flush() == first


def test_the_same_rate_passes_untouched_but_for_a_half_sample() -> None:
    stream = Resampler(16_000, 16_000)
    assert [stream.feed(b"abc"), stream.feed(b"d"), stream.feed(b"e"), stream.flush()] == [b"ab", b"cd", b"", b""]
    assert stream.feed(b"ab") == b"ab"


# ---------------------------------------------------------------------------------------- WAV

STEREO = PcmFormat(24_000, 2)
PCM = tone(440, 0.05, 24_000)
LENGTH = 40
"""Where the length of the samples stands in a header of ours."""


def with_length(length: int) -> bytes:
    file = pcm.wav_bytes(PCM, STEREO)
    return file[:LENGTH] + length.to_bytes(4, "little") + file[LENGTH + 4 :]


def test_others_read_our_wav() -> None:
    with wave.open(io.BytesIO(pcm.wav_bytes(PCM, STEREO))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 2, 2)
        assert file.readframes(file.getnframes()) == PCM


def test_we_read_others_wav() -> None:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(22_050)
        file.writeframes(PCM)
    stream = pcm.WavStream()
    assert (stream.feed(out.getvalue()), stream.format) == (PCM, PcmFormat(22_050, 1))


@pytest.mark.parametrize("length", [None, 0, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FFFFFFF - 36])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 43, 44, 45, 100, 10_000])
def test_a_streamed_wav_in_every_split(length: int | None, size: int) -> None:
    data = pcm.wav_bytes(PCM, STEREO) if length is None else with_length(length)
    stream = pcm.WavStream()
    made = b"".join(stream.feed(data[at : at + size]) for at in range(0, len(data), size))
    assert (made, stream.format) == (PCM, STEREO)


@pytest.mark.parametrize("length", [len(PCM), 0x7FFFFFFF])
def test_a_header_in_every_piece_is_dropped(length: int) -> None:
    stream = pcm.WavStream()
    assert b"".join(stream.feed(with_length(length)) for _ in range(3)) == 3 * PCM


def test_true_lengths_part_whole_files_in_any_split() -> None:
    data = 3 * pcm.wav_bytes(PCM, STEREO)
    stream = pcm.WavStream()
    assert stream.feed(data[:3000]) + stream.feed(data[3000:]) == 3 * PCM


def test_chunks_around_the_samples_are_not_samples() -> None:
    file = pcm.wav_bytes(PCM, MIC)
    data = file[:12] + b"LIST\x03\x00\x00\x00abc\x00" + file[12:] + b"LIST\x04\x00\x00\x00abcd"
    assert pcm.WavStream().feed(data) == PCM


def test_a_wav_of_extensible_format() -> None:
    fmt = bytes.fromhex("feff0100803e0000007d0000020010001600100004000000") + bytes.fromhex(
        "0100000000001000800000aa00389b71"
    )
    file = b"RIFF\xff\xff\xff\xffWAVEfmt " + len(fmt).to_bytes(4, "little") + fmt + b"data\xff\xff\xff\xff" + PCM
    stream = pcm.WavStream()
    assert (stream.feed(file), stream.format) == (PCM, MIC)


@pytest.mark.parametrize(
    "data",
    [
        b"ID3\x04",
        b"RIFF\x10\x00\x00\x00AVI LIST",
        pcm.wav_bytes(PCM, MIC).replace(b"\x10\x00data", b"\x08\x00data"),
        b"RIFF\x10\x00\x00\x00WAVEdata\x10\x00\x00\x00",
        b"RIFF\x10\x00\x00\x00WAVEfmt \x02\x00\x00\x00\x01\x00",
        b"RIFF\x10\x00\x00\x00WAVEjunk\xff\xff\xff\x00" + bytes(70_000),
    ],
)
def test_what_is_no_wav_of_16_bit_pcm(data: bytes) -> None:
    with pytest.raises(ValueError, match="WAV"):
        pcm.WavStream().feed(data)


def test_a_header_of_a_stream_has_the_length_that_readers_expect() -> None:
    assert pcm.wav_header(MIC)[LENGTH:] == (0x7FFFFFFF).to_bytes(4, "little")
    assert pcm.wav_header(MIC, 1 << 31)[4:8] == (0x7FFFFFFF).to_bytes(4, "little")
