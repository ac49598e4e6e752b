"""Compressed while it arrives: the same digits as a whole file, on files and on streams."""

from __future__ import annotations

import io

import numpy as np
import pytest

from tests import dtmf
from voicecli.audio import encoder, files
from voicecli.audio.encoder import STREAMED, Encoder

DIGITS = "0123456789" * 8


def fed(encoder: Encoder, rate: int) -> None:
    samples = dtmf.encode(DIGITS, rate).tobytes()
    for at in range(0, len(samples), 4002):
        encoder.feed(samples[at : at + 4002])
    encoder.close()


def heard(data: bytes) -> str:
    samples, rate = files.decode(data, "test")
    return dtmf.decode(np.frombuffer(samples, np.int16), rate)


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000])
@pytest.mark.parametrize("container", encoder.FORMATS)
def test_a_file_holds_every_digit(container: str, rate: int) -> None:
    out = io.BytesIO()
    fed(Encoder(out, rate, container), rate)
    assert heard(out.getvalue()) == DIGITS


@pytest.mark.parametrize("container", sorted(STREAMED))
def test_a_stream_holds_every_digit_and_leaves_in_pieces(container: str) -> None:
    out: list[bytes] = []
    encoder = Encoder(out.append, 24_000, container)
    samples = dtmf.encode(DIGITS, 24_000).tobytes()
    encoder.feed(samples)
    early = sum(map(len, out))
    encoder.close()
    assert heard(b"".join(out)) == DIGITS
    assert early > 0.5 * sum(map(len, out))
