"""Waits that follow a person's pauses: the rule alone, then in a conversation on the virtual clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.clock import run
from tests.dialogue.talking import FRAME_MS, Brain, Ears, Manner, Room, Voice
from tests.dialogue.test_loop import even
from voicecli.dialogue import events as ev
from voicecli.dialogue.waiting import LEAST, MOST, TURNS, Patience


def after(*turns: float) -> float:
    patience = Patience(400)
    for longest in turns:
        patience.paused(longest)
        patience.ended(1000)
    return patience.factor


@pytest.mark.parametrize(
    ("turns", "factor"),
    [
        ((), 1.0),
        ((0,), 0.96),
        ((0,) * 4, LEAST),
        ((0,) * 40, LEAST),
        ((300,), 1.0),
        ((350,), 1.125),
        ((450,), MOST),
        ((450, *(0,) * (TURNS - 1)), MOST),
        ((450, *(0,) * TURNS), LEAST),
        ((5000,), 0.96),
    ],
)
def test_what_turns_make_of_the_waits(turns: tuple[float, ...], factor: float) -> None:
    assert after(*turns) == pytest.approx(factor)


def test_a_short_answer_tells_nothing() -> None:
    patience = Patience(400)
    patience.ended(200)
    assert patience.factor == 1.0


def waits(speech: list[Any], turns: int, rules: Manner) -> list[int | None]:
    it = Room(Ears(["tell me about whales"] * turns * 3), Brain(["Big."] * turns * 3), Voice(seconds_each=0.2), rules)
    run(it.run([("quiet", 0.5), *[*speech, ("quiet", 1.5), ("reply", 0), ("quiet", 0.5)] * turns]))
    return [each.end_ms for each in it.of(ev.TurnMetrics)]


STEADY: list[Any] = [("loud", 1.0)]
PAUSING: list[Any] = [("loud", 0.6), ("quiet", 0.4), ("loud", 0.6)]


def test_the_wait_follows_the_person() -> None:
    learning = replace(even(draft="asr"), learns=True, end_ms_min=400)
    assert waits(STEADY, 2, even(draft="asr")) == [500] * 2
    steady, pausing = waits(STEADY, 5, learning), waits(PAUSING, 2, learning)
    assert steady[-1] == pytest.approx(400 * LEAST, abs=FRAME_MS) and steady == sorted(steady, reverse=True)
    assert pausing[-1] == pytest.approx(400 * MOST, abs=FRAME_MS)


def test_a_turn_that_is_taken_back_was_ended_too_soon() -> None:
    """The pause of 600 ms outlasts the wait: the next turn is waited for longer."""
    speech: list[Any] = [("loud", 0.6), ("quiet", 0.6), ("loud", 0.6)]
    assert waits(speech, 2, replace(even(), learns=True, end_ms_min=400))[-1] == pytest.approx(625, abs=FRAME_MS)
