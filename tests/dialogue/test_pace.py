"""The jitter buffer: a voice that is hardly faster than speech, or comes in bursts, does not stutter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import numpy as np
import pytest

from tests.clock import passing, run
from tests.dialogue.talking import RATE, Brain, Ears, Manner, Room, Voice
from voicecli.audio.pace import LONGEST_S, MARGIN, REMEMBERED, UNKNOWN_S, Pace
from voicecli.audio.playout import Lane, Playout


def piece(pace: Pace, *arrivals: tuple[float, float], text: str = "one two") -> None:
    """A piece whose chunks (seconds of sound) came at those times."""
    measured = pace.asked(text)
    for at, seconds in arrivals:
        measured.arrived(int(seconds * pace.rate), at)
    pace.ended(measured)


def head_start(pace: Pace, text: str = "one two") -> float:
    return pace.head_start_s(pace.asked(text))


def test_before_anything_is_known_a_little_is_kept_back() -> None:
    assert head_start(Pace(RATE)) == UNKNOWN_S


def test_a_fast_voice_needs_no_head_start() -> None:
    pace = Pace(RATE)
    piece(pace, (1.0, 0.5), (1.1, 0.5), (1.2, 0.5))
    assert head_start(pace) == 0.0


def test_a_slow_voice_gets_what_it_lacked() -> None:
    """0.2 s of sound every 0.25 s: the fifth chunk comes 0.2 s after the fourth has ended."""
    pace = Pace(RATE)
    piece(pace, *((0.25 * each, 0.2) for each in range(5)))
    assert head_start(pace) == pytest.approx(MARGIN * 0.2)


def test_the_worst_of_the_last_pieces_counts_and_is_forgotten() -> None:
    pace = Pace(RATE)
    piece(pace, (0.0, 0.1), (0.5, 0.1))
    piece(pace, (9.0, 1.0))
    assert head_start(pace) == pytest.approx(MARGIN * 0.4)
    for each in range(REMEMBERED):
        piece(pace, (10.0 + each, 1.0))
    assert head_start(pace) == 0.0


def test_there_is_a_most() -> None:
    pace = Pace(RATE)
    piece(pace, (0.0, 0.1), (60.0, 0.1))
    assert head_start(pace) == LONGEST_S


def test_a_piece_without_sound_says_nothing() -> None:
    pace = Pace(RATE)
    pace.ended(pace.asked("one"))
    assert head_start(pace) == UNKNOWN_S


def test_a_longer_piece_of_a_slow_voice_gets_more_and_a_shorter_one_no_less() -> None:
    """It falls behind by 0.2 s in 1 s: by 0.6 s in a text three times as long."""
    pace = Pace(RATE)
    piece(pace, *((0.25 * each, 0.2) for each in range(5)), text="one two")
    assert head_start(pace, "one two" * 3) == pytest.approx(MARGIN * 0.6)
    assert head_start(pace, "one") == pytest.approx(MARGIN * 0.2)


def test_two_pieces_at_once_are_measured_apart() -> None:
    """A draft is spoken into the closed gate while the reply before it still sounds."""
    pace = Pace(RATE)
    draft, reply = pace.asked("one two"), pace.asked("one two")
    for at in range(5):
        reply.arrived(RATE // 10, at / 10)
        draft.arrived(RATE // 10, 7 + at / 10)
    pace.ended(draft)
    pace.ended(reply)
    assert head_start(pace) == pytest.approx(0.0)


def open_lane() -> tuple[Playout, Lane]:
    """A thousand samples are a second."""
    playout = Playout(1000)
    lane = playout.lane()
    lane.open()
    return playout, lane


def slow_lane() -> tuple[Playout, Lane]:
    playout, lane = open_lane()
    lane.hold(0.0, 0.0)
    return playout, lane


def test_held_sound_waits_and_what_stands_before_it_does_not() -> None:
    playout, lane = open_lane()
    lane.write(b"\1\0" * 10)
    lane.hold(4.0, 1.0)
    lane.write(b"\2\1" * 150)
    assert playout.render(15, 1.0) == b"\1\0" * 10 + bytes(10)
    assert playout.render(5, 4.9) == bytes(10)
    assert playout.render(5, 5.0) == b"\2\1" * 5
    lane.release()
    assert playout.render(145, 5.1) == b"\2\1" * 145


def test_a_head_start_counts_from_what_is_not_yet_on_its_way_to_the_loudspeaker() -> None:
    """A sound card wants its samples 40 ms before they sound: of a head start of 40 ms nothing would be left."""
    playout, lane = open_lane()
    assert playout.render(10, 1.04) == bytes(20)
    lane.hold(0.04, 1.0)
    lane.write(b"\1\1" * 200)
    assert playout.render(40, 1.05) == bytes(80)
    assert playout.render(10, 1.09) == b"\1\1" * 10


def test_a_slow_voice_fills_up_again_in_a_pause_and_not_within_a_word() -> None:
    playout, lane = slow_lane()
    lane.write(b"\1\1" * 20 + bytes(20) + b"\1\1" * 20)
    assert playout.render(20, 0.0) == b"\1\1" * 20
    assert playout.render(20, 0.02) == bytes(40)
    lane.write(b"\1\1" * 89)
    assert playout.render(20, 0.04) == bytes(40)
    lane.write(b"\1\1")
    assert playout.render(20, 0.06) == bytes(20) + b"\1\1" * 10


def test_the_end_of_a_chunk_is_no_pause_for_being_quiet() -> None:
    """A sound crosses zero hundreds of times a second."""
    playout, lane = slow_lane()
    lane.write(b"\1\1" * 20 + bytes(6))
    lane.write(b"\1\1" * 20)
    assert playout.render(20, 0.0) == b"\1\1" * 20
    assert playout.render(23, 0.02) == bytes(6) + b"\1\1" * 20


def test_a_slow_voice_that_ran_dry_is_silent_once() -> None:
    playout, lane = slow_lane()
    for at in range(13):
        lane.write(b"\1\1" * 10)
        assert playout.render(20, at / 50)[:20] == (b"\1\1" if at in (0, 12) else b"\0\0") * 10


def test_what_is_left_of_a_slow_voice_is_played_when_no_more_comes() -> None:
    playout, lane = slow_lane()
    lane.write(bytes(20) + b"\1\1" * 10)
    assert playout.render(20, 0.0) == bytes(40)
    lane.release()
    assert playout.render(20, 0.02) == bytes(20) + b"\1\1" * 10


WORD_S, PAUSE_S = 0.24, 0.06


@dataclass
class SlowVoice(Voice):
    """Words and pauses; what sounds for a second is made in `takes` seconds, in chunks of 0.1 s."""

    takes: float = 1.1

    @asynccontextmanager
    async def say(self, text: str) -> AsyncIterator[AsyncIterator[bytes]]:
        self.said.append(text)
        word = b"\x00\x20" * int(WORD_S * RATE) + bytes(2 * int(PAUSE_S * RATE))
        sound = word * len(text.split())

        async def chunks() -> AsyncIterator[bytes]:
            for at in range(0, len(sound), RATE // 5):
                await passing(0.1 * self.takes)
                yield sound[at : at + RATE // 5]

        async with aclosing(chunks()) as stream:
            yield stream


def words(sound: bytes) -> list[float]:
    """How long each stretch of sound is, in seconds."""
    edges = np.flatnonzero(np.diff(np.frombuffer(bytes(2) + sound + bytes(2), "<i2") != 0))
    return [round(float(last - first) / RATE, 3) for first, last in zip(edges[::2], edges[1::2], strict=True)]


def spoken_twice(takes: float, latency: float) -> tuple[list[float], int]:
    """What sounded of two replies, and how many words they have."""
    reply = "This is short. This sentence is a good deal longer than the first. Then one more of them comes along."
    ears, brain = Ears(["one", "two"], delay=0.02), Brain([reply] * 2, first=0.02, each=0.0)
    room = Room(ears, brain, SlowVoice(takes=takes), Manner(draft="off"), latency=latency)
    run(room.run([("loud", 1.0), ("quiet", 1.0), ("reply", 0)] * 2))
    return words(bytes(room.sound)), 2 * len(reply.split())


@pytest.mark.parametrize("takes", [0.5, 1.0, 1.01, 1.1])
@pytest.mark.parametrize("latency", [0.0, 0.04])
def test_no_word_of_a_voice_near_its_own_pace_is_broken_not_even_of_its_first_reply(
    takes: float, latency: float
) -> None:
    sounded, count = spoken_twice(takes, latency)
    assert sounded == [WORD_S] * count


def test_of_a_voice_slower_than_that_only_the_very_first_word_is() -> None:
    sounded, count = spoken_twice(1.3, 0.04)
    assert sounded[2:] == [WORD_S] * (count - 1)
    assert sum(sounded[:2]) == pytest.approx(WORD_S)
