"""The playout: which sample sounds when, on no clock but its own count."""

from __future__ import annotations

import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voicecli.audio.playout import DUCKED, Lane, Playout

RATE = 16_000


def pcm(*values: int) -> bytes:
    return np.array(values, "<i2").tobytes()


def steady(count: int, value: int = 1000) -> bytes:
    return np.full(count, value, "<i2").tobytes()


def values(data: bytes) -> list[int]:
    return np.frombuffer(data, "<i2").tolist()


def opened(capacity_s: float = 600) -> tuple[Playout, Lane]:
    out = Playout(RATE, capacity_s=capacity_s)
    lane = out.lane()
    lane.open()
    return out, lane


def test_a_closed_lane_is_silent_and_loses_nothing() -> None:
    out = Playout(RATE)
    lane = out.lane()
    lane.write(pcm(100, 200, 300))
    assert values(out.render(4, 0.0)) == [0, 0, 0, 0]
    lane.open()
    assert values(out.render(4, 0.0)) == [100, 200, 300, 0]


def test_the_first_audible_sample_is_told_with_its_time() -> None:
    out, lane = opened()
    lane.write(bytes(320) + steady(160))
    out.render(320, 2.0)
    assert lane.sounded == 2.0 + 160 / RATE


def test_drained_tells_when_the_last_sample_sounds() -> None:
    out, lane = opened()
    lane.write(steady(240))
    lane.finish()
    out.render(160, 1.0)
    out.render(160, 1.01)
    assert lane.drained == 1.01 + 80 / RATE
    assert lane.played == 240


def test_an_empty_lane_that_is_finished_drains() -> None:
    out, lane = opened()
    lane.finish()
    out.render(10, 5.0)
    assert lane.drained == 5.0


def test_lanes_play_one_after_the_other_in_the_order_they_were_made() -> None:
    out = Playout(RATE)
    one, two = out.lane(), out.lane()
    for lane in (two, one):
        lane.open()
        lane.finish() if lane == one else None
    two.write(steady(3, 7))
    one.write(steady(3, 5))
    assert values(out.render(6, 0.0)) == [5, 5, 5, 7, 7, 7]


def test_cancel_silences_at_once_and_counts_what_sounded() -> None:
    out, lane = opened()
    lane.write(steady(1000))
    out.render(160, 0.0)
    lane.cancel()
    assert lane.played == 160
    assert not any(values(out.render(160, 0.0)))
    lane.write(steady(10))
    assert not any(values(out.render(160, 0.0)))


def test_pause_fades_out_keeps_its_place_and_resumes_without_a_lost_sample() -> None:
    out, lane = opened()
    ramp = np.arange(1, 3001, dtype="<i2")
    lane.write(ramp.tobytes())
    out.render(160, 0.0)
    lane.fade(0.0)
    faded = values(out.render(480, 0.0))
    assert faded[-1] == 0
    at_pause = lane.played
    out.render(480, 0.0)
    assert lane.played == at_pause
    lane.fade(1.0)
    out.render(160, 0.0)
    after = values(out.render(160, 0.0))
    assert after == list(range(at_pause + 161, at_pause + 321))


def test_duck_lowers_the_volume_within_ten_milliseconds_and_goes_on() -> None:
    out, lane = opened()
    lane.write(steady(3000, 10_000))
    out.render(160, 0.0)
    lane.fade(DUCKED)
    out.render(160, 0.0)
    low = values(out.render(160, 0.0))
    assert all(abs(value - DUCKED * 10_000) < 50 for value in low)
    assert lane.played == 480


def test_a_full_lane_asks_its_writer_to_wait_and_calls_it_back() -> None:
    out, lane = opened(0.1)
    lane.write(steady(800))
    assert lane.room
    lane.write(steady(1600))
    out.render(1000, 0.0)
    assert not lane.room
    out.render(1000, 0.0)
    assert lane.room


def test_who_fills_a_lane_is_told_by_the_pump_of_what_happened_while_it_played() -> None:
    out, told = Playout(RATE, capacity_s=0.1), list[tuple[bool, bool, bool]]()
    lane = out.lane(lambda: told.append((lane.sounded is not None, lane.room, lane.drained is not None)))
    lane.open()
    lane.write(steady(2000))
    for at in range(5):
        out.render(480, at * 0.03)
        if at == 3:
            lane.finish()
        assert out.moved is (at in (0, 2, 4)), at
        out.pump()
    assert told == [(True, False, False), (True, True, False), (True, True, True)]


def test_a_long_piece_costs_no_more_to_render_than_a_short_one() -> None:
    """Chunks are sliced by view: rendering two minutes must not copy the rest at every callback."""
    out, lane = opened()
    lane.write(steady(48_000 * 120))
    begin = time.perf_counter()
    for _ in range(12_000):
        out.render(480, 0.0)
    assert lane.played == 48_000 * 120
    assert time.perf_counter() - begin < 5


@given(
    st.lists(st.integers(1, 700), min_size=1, max_size=30),
    st.lists(st.sampled_from([DUCKED, 0.0, 1.0, 9.0]), max_size=10),
    st.integers(1, 500),
)
def test_every_written_sample_sounds_exactly_once_whatever_is_commanded(
    sizes: list[int], orders: list[float], block: int
) -> None:
    out = Playout(RATE)
    lane = out.lane()
    total = sum(sizes)
    for size in sizes:
        lane.write(steady(size))
    lane.finish()
    for order in orders:
        lane.open() if order == 9.0 else lane.fade(order)
        assert len(out.render(block, 0.0)) == 2 * block
    lane.fade(1.0)
    lane.open()
    for _ in range(total // block + 50):
        out.render(block, 0.0)
    assert lane.played == total
    assert lane.drained is not None
