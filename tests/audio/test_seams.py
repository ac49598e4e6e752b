"""Pieces put together: every sample in its place, and no jump where two pieces meet."""

from __future__ import annotations

import numpy as np
import pytest

from voicecli.audio.seams import CLICK, Joiner, with_gain

RATE = 24_000
FADE = 48


def through(*pieces: bytes, size: int = 1000) -> bytes:
    joiner = Joiner(RATE)
    out = b""
    for piece in pieces:
        for at in range(0, len(piece), size):
            out += joiner.feed(piece[at : at + size])
        joiner.end_piece()
    return out + joiner.flush()


def level(value: int, count: int = 500) -> bytes:
    return np.full(count, value, np.int16).tobytes()


@pytest.mark.parametrize("size", [2, 46, 96, 98, 1000])
def test_one_piece_is_what_it_was(size: int) -> None:
    piece = np.arange(777, dtype=np.int16).tobytes()
    assert through(piece, size=size) == piece


@pytest.mark.parametrize("size", [2, 96, 1000])
def test_pieces_that_meet_softly_are_only_put_together(size: int) -> None:
    assert through(level(100), level(-100), size=size) == level(100) + level(-100)


@pytest.mark.parametrize("size", [2, 96, 1000])
def test_a_jump_is_faded_and_nothing_moves(size: int) -> None:
    joined = np.frombuffer(through(level(9000), level(-9000), size=size), np.int16).astype(int)
    assert len(joined) == 1000
    assert np.abs(np.diff(joined)).max() <= CLICK
    assert (joined[: 500 - FADE] == 9000).all()
    assert (joined[500 + FADE :] == -9000).all()


@pytest.mark.parametrize("count", [0, 1, 47, 48, 49])
def test_a_piece_shorter_than_a_fade_loses_nothing(count: int) -> None:
    assert len(through(level(5), level(6, count), level(7))) == 2 * (1000 + count)
    assert through(level(5), level(6, count)) == level(5) + level(6, count)


def test_what_is_held_back_is_a_fade_and_no_more() -> None:
    assert len(Joiner(RATE).feed(level(1))) == 2 * (500 - FADE)


def test_gain_stays_within_full_scale() -> None:
    samples = np.frombuffer(with_gain(level(20_000, 3) + level(-20_000, 3), 2.0), np.int16)
    assert samples.tolist() == [32767] * 3 + [-32768] * 3
