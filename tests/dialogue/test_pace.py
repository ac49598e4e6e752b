"""The jitter buffer: a voice that is hardly faster than speech, or comes in bursts, does not stutter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

import numpy as np
import pytest

from tests.clock import run
from tests.dialogue.talking import RATE, Brain, Ears, Room, Voice
from voicecli.audio.playout import Playout
from voicecli.dialogue.loop import Rules
from voicecli.dialogue.pace import LONGEST_S, UNKNOWN_S, Pace


def piece(pace: Pace, *arrivals: tuple[float, float]) -> None:
    """A piece whose chunks (seconds of sound) came at those times."""
    for at, seconds in arrivals:
        pace.arrived(int(seconds * pace.rate), at)
    pace.ended()


def test_before_anything_is_known_a_little_is_kept_back() -> None:
    assert Pace(RATE).head_start_s == UNKNOWN_S


def test_a_fast_voice_needs_no_head_start() -> None:
    pace = Pace(RATE)
    piece(pace, (1.0, 0.5), (1.1, 0.5), (1.2, 0.5))
    assert pace.head_start_s == 0.0


def test_a_slow_voice_gets_what_it_lacked() -> None:
    """0.2 s of sound every 0.25 s: the fifth chunk comes 0.2 s after the fourth has ended."""
    pace = Pace(RATE)
    piece(pace, *((0.25 * each, 0.2) for each in range(5)))
    assert pace.head_start_s == pytest.approx(1.2 * 0.2)


def test_the_worst_of_the_last_pieces_counts_and_is_forgotten() -> None:
    pace = Pace(RATE)
    piece(pace, (0.0, 0.1), (0.5, 0.1))
    piece(pace, (9.0, 1.0))
    assert pace.head_start_s == pytest.approx(1.2 * 0.4)
    for each in range(8):
        piece(pace, (10.0 + each, 1.0))
    assert pace.head_start_s == 0.0


def test_there_is_a_most() -> None:
    pace = Pace(RATE)
    piece(pace, (0.0, 0.1), (60.0, 0.1))
    assert pace.head_start_s == LONGEST_S


def test_a_piece_without_sound_says_nothing() -> None:
    pace = Pace(RATE)
    pace.ended()
    assert pace.head_start_s == UNKNOWN_S


def test_held_sound_waits_and_what_stands_before_it_does_not() -> None:
    playout = Playout(1000)
    lane = playout.lane()
    playout.open(lane)
    playout.write(lane, b"\1\0" * 10)
    playout.hold(lane, 5.0)
    playout.write(lane, b"\2\0" * 10)
    assert playout.render(15, 1.0) == b"\1\0" * 10 + bytes(10)
    assert playout.render(5, 4.9) == bytes(10)
    assert playout.render(5, 5.0) == b"\2\0" * 5
    playout.hold(lane, 99.0)
    playout.write(lane, b"\3\0" * 5)
    playout.release(lane)
    assert playout.render(10, 5.1) == b"\2\0" * 5 + b"\3\0" * 5


@dataclass
class SlowVoice(Voice):
    """A second of sound a piece, in chunks of 0.1 s, each `every` seconds."""

    every: float = 0.11

    @asynccontextmanager
    async def say(self, text: str) -> AsyncIterator[AsyncIterator[bytes]]:
        self.said.append(text)

        async def sound() -> AsyncIterator[bytes]:
            for _ in range(10):
                await asyncio.sleep(self.every)
                yield (b"\x00\x20" + b"\x00\xe0") * (RATE // 20)

        async with aclosing(sound()) as stream:
            yield stream


def stutters(sound: bytes) -> list[float]:
    """The seconds of silence between sounds, in order."""
    loud = np.flatnonzero(np.frombuffer(sound, "<i2"))
    gaps = np.diff(loud) - 1
    return [round(float(gap) / RATE, 3) for gap in gaps[gaps > 1]]


@pytest.mark.parametrize("every", [0.1, 0.11, 0.13])
def test_a_voice_near_its_own_pace_is_silent_between_sentences_only(every: float) -> None:
    reply = "This is the first sentence of it. This is the second sentence of it. This is the third sentence of it."
    voice = SlowVoice(every=every)
    room = Room(Ears(["one"] * 4, delay=0.02), Brain([reply] * 4, first=0.02, each=0.0), voice, Rules(draft="off"))
    turn = [("quiet", 0.5), ("loud", 1.0), ("quiet", 2.0), ("reply", 0)]
    run(room.run(turn))
    learnt = len(room.sound)
    assert voice.said[:3] == reply.replace(". ", ".|").split("|")
    room.ears.texts, room.brain.replies = ["two"] * 4, [reply] * 4
    again = Room(room.ears, room.brain, voice, Rules(draft="off"))
    again.talk.parts.stages.pace._lacked.extend(room.talk.parts.stages.pace._lacked)
    run(again.run(turn))
    inside = [gap for gap in stutters(bytes(again.sound)) if gap < 0.05]
    assert learnt
    assert inside == []
    assert len(stutters(bytes(again.sound))) <= 2
