"""The playout: which sample sounds when, on no clock but its own count."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voicecli.audio.playout import DUCKED, Drained, Hungry, Playout, Sounded

RATE = 16_000


def pcm(*values: int) -> bytes:
    return np.array(values, "<i2").tobytes()


def steady(count: int, value: int = 1000) -> bytes:
    return np.full(count, value, "<i2").tobytes()


def values(data: bytes) -> list[int]:
    return np.frombuffer(data, "<i2").tolist()


def test_a_closed_lane_is_silent_and_loses_nothing():
    out = Playout(RATE)
    lane = out.lane()
    out.write(lane, pcm(100, 200, 300))
    assert values(out.render(4, 0.0)) == [0, 0, 0, 0]
    out.open(lane)
    assert values(out.render(4, 0.0)) == [100, 200, 300, 0]


def test_the_first_audible_sample_is_told_with_its_time():
    out = Playout(RATE)
    lane = out.lane()
    out.open(lane)
    out.write(lane, bytes(320) + steady(160))
    out.render(320, 2.0)
    assert out.notices.popleft() == Sounded(lane, 2.0 + 160 / RATE)


def test_drained_tells_when_the_last_sample_sounds():
    out = Playout(RATE)
    lane = out.lane()
    out.open(lane)
    out.write(lane, steady(240))
    out.finish(lane)
    out.render(160, 1.0)
    out.render(160, 1.01)
    assert out.notices[-1] == Drained(lane, 1.01 + 80 / RATE)
    assert out.played(lane) == 240


def test_an_empty_lane_that_is_finished_drains():
    out = Playout(RATE)
    lane = out.lane()
    out.open(lane)
    out.finish(lane)
    out.render(10, 5.0)
    assert list(out.notices) == [Drained(lane, 5.0)]


def test_lanes_play_one_after_the_other_in_the_order_they_were_made():
    out = Playout(RATE)
    one, two = out.lane(), out.lane()
    for lane in (two, one):
        out.open(lane)
        out.finish(lane) if lane == one else None
    out.write(two, steady(3, 7))
    out.write(one, steady(3, 5))
    assert values(out.render(6, 0.0)) == [5, 5, 5, 7, 7, 7]


def test_cancel_silences_at_once_and_counts_what_sounded():
    out = Playout(RATE)
    lane = out.lane()
    out.open(lane)
    out.write(lane, steady(1000))
    out.render(160, 0.0)
    assert out.cancel(lane) == 160
    assert not any(values(out.render(160, 0.0)))
    out.write(lane, steady(10))
    assert not any(values(out.render(160, 0.0)))


def test_pause_fades_out_keeps_its_place_and_resumes_without_a_lost_sample():
    out = Playout(RATE)
    lane = out.lane()
    out.open(lane)
    ramp = np.arange(1, 3001, dtype="<i2")
    out.write(lane, ramp.tobytes())
    out.render(160, 0.0)
    out.pause(lane)
    faded = values(out.render(480, 0.0))
    assert faded[-1] == 0
    at_pause = out.played(lane)
    out.render(480, 0.0)
    assert out.played(lane) == at_pause
    out.resume(lane)
    out.render(160, 0.0)
    after = values(out.render(160, 0.0))
    assert after == list(range(at_pause + 161, at_pause + 321))


def test_duck_lowers_the_volume_within_ten_milliseconds_and_goes_on():
    out = Playout(RATE)
    lane = out.lane()
    out.open(lane)
    out.write(lane, steady(3000, 10_000))
    out.render(160, 0.0)
    out.duck(lane)
    out.render(160, 0.0)
    low = values(out.render(160, 0.0))
    assert all(abs(value - DUCKED * 10_000) < 50 for value in low)
    assert out.played(lane) == 480


def test_a_full_lane_asks_its_writer_to_wait_and_calls_it_back():
    out = Playout(RATE, capacity_s=0.1)
    lane = out.lane()
    out.open(lane)
    assert out.write(lane, steady(800))
    assert not out.write(lane, steady(1600))
    out.render(1000, 0.0)
    assert not any(isinstance(notice, Hungry) for notice in out.notices)
    out.render(1000, 0.0)
    assert any(isinstance(notice, Hungry) for notice in out.notices)


def test_a_long_piece_costs_no_more_to_render_than_a_short_one():
    """Chunks are sliced by view: rendering two minutes must not copy the rest at every callback."""
    import time

    out = Playout(48_000, capacity_s=600)
    lane = out.lane()
    out.open(lane)
    out.write(lane, steady(48_000 * 120))
    begin = time.perf_counter()
    for _ in range(12_000):
        out.render(480, 0.0)
    assert out.played(lane) == 48_000 * 120
    assert time.perf_counter() - begin < 5


@given(
    st.lists(st.integers(1, 700), min_size=1, max_size=30),
    st.lists(st.sampled_from(["duck", "pause", "resume", "open"]), max_size=10),
    st.integers(1, 500),
)
def test_every_written_sample_sounds_exactly_once_whatever_is_commanded(
    sizes: list[int], orders: list[str], block: int
):
    out = Playout(RATE)
    lane = out.lane()
    total = sum(sizes)
    for size in sizes:
        out.write(lane, steady(size))
    out.finish(lane)
    for order in orders:
        getattr(out, order)(lane)
        assert len(out.render(block, 0.0)) == 2 * block
    out.resume(lane)
    out.open(lane)
    for _ in range(total // block + 50):
        out.render(block, 0.0)
    assert out.played(lane) == total
    assert sum(isinstance(notice, Drained) for notice in out.notices) == 1
