"""Recordings as recognisers of samples take them."""

from __future__ import annotations

import io
import wave

import pytest

from voicecli.backends.samples import plain_samples
from voicecli.errors import InputError
from voicecli.types import AudioClip

PCM = bytes(range(200)) * 2


def wav(pcm: bytes = PCM, rate: int = 16_000, channels: int = 1, width: int = 2) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(pcm)
    return buffer.getvalue()


def test_plain_wav_and_raw_samples_are_taken() -> None:
    assert plain_samples(AudioClip(wav())) == PCM
    assert plain_samples(AudioClip(PCM + b"x", "pcm")) == PCM


def test_a_streamed_wav_that_claims_more_is_taken_as_far_as_it_goes() -> None:
    data = bytearray(wav())
    data[40:44] = (0x7FFFFFFF).to_bytes(4, "little")
    assert plain_samples(AudioClip(bytes(data))) == PCM


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (wav(rate=44_100), "44100 Hz"),
        (wav(channels=2), "2 channels"),
        (wav(width=1), "8 bit"),
        (b"", "no WAV"),
        (b"no sound at all", "no WAV"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "no WAV"),
    ],
)
def test_other_recordings_are_refused_with_a_cure(data: bytes, what: str) -> None:
    with pytest.raises(InputError, match=what) as caught:
        plain_samples(AudioClip(data, name="notes.wav"))
    assert "notes.wav" in str(caught.value) and "16 kHz" in str(caught.value)
