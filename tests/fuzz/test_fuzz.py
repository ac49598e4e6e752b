"""Parsers on bytes that nobody meant for them: only our own errors come out. `make fuzz` tries a million each."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS
from voicecli.audio.pcm import WavStream, wav_bytes
from voicecli.types import PcmFormat


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_only_our_errors_come_out(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    anything = st.binary(max_size=target.longest)
    near = st.sampled_from(target.seeds).flatmap(lambda seed: _near(seed, target.longest))
    target.run(data.draw(st.one_of(anything, near, st.text(max_size=100).map(_bytes))))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _near(seed: bytes, longest: int) -> st.SearchStrategy[bytes]:
    """The seed with a stretch of it replaced."""
    place, some = st.integers(0, len(seed)), st.binary(max_size=8)
    return st.builds(lambda at, to, new: (seed[:at] + new + seed[to:])[:longest], place, place, some)


def test_a_wav_of_a_hundred_thousand_headers_is_read_in_one_go() -> None:
    """Work in proportion to the bytes: as many copies of the rest would take an hour."""
    short = wav_bytes(b"\1\2", PcmFormat())
    assert WavStream().feed(short * 100_000) == b"\1\2" * 100_000


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_no_finds(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)
