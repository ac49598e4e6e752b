"""Who pauses inside a turn is seldom cut off: the real detector and endpointer with the wait that the text decides.

Belongs here: how often turns end early on the labelled utterances, at the default settings. Does not belong
here: how texts are read (test_reading), the endpointer's rules (test_endpointer).
"""

from __future__ import annotations

from functools import cache

import pytest

from tests.conftest import RECORDINGS
from tests.dialogue.pausing import (
    PAUSES_MS,
    Watched,
    conversation,
    early,
    labelled,
    recorded,
    run,
    settings,
    spoken_over,
    synthesised,
    watch,
)

SOUNDS_MS = 425
"""The soonest that a reply can sound: a draft at 60 ms, the first token 200 ms later, its clause 15, its sound 150."""
EARLY, OVER = 0.05, 0.05


@cache
def people() -> tuple[Watched, ...]:
    """Every labelled utterance with its pauses, synthesised."""
    return tuple(watch(synthesised(turn)) for turn in labelled())


def test_the_pauses_are_those_of_the_bound() -> None:
    lengths = [pause for turn in labelled() for pause in turn.pauses_ms]
    assert set(lengths) == set(PAUSES_MS)
    assert (min(lengths), max(lengths)) == (150, 450)
    assert len(labelled()) > 70


def test_who_pauses_is_seldom_cut_off() -> None:
    cut = early(people())
    assert len(cut) < EARLY * len(people()), [(turn.text, outcome) for turn, outcome in cut]


def test_who_pauses_often_is_cut_off_less_as_the_talk_goes_on() -> None:
    learnt = [outcome.cut for outcome in conversation(people())]
    assert sum(learnt) <= 0.02 * len(people()) and sum(learnt) <= len(early(people()))


def test_a_reply_seldom_meets_who_goes_on() -> None:
    met = [(turn.text, outcome) for turn, outcome in early(people()) if spoken_over(outcome, SOUNDS_MS)]
    assert len(met) < OVER * len(people()), met


def test_only_what_reads_complete_is_cut_off_before_the_plain_wait() -> None:
    """A pause that the plain wait outlasts is dangerous only where the text seems whole."""
    impatient = early(people(), settings(500, shortest=500))
    assert len(impatient) < 0.04 * len(people()), impatient


def test_a_shorter_wait_cuts_more_off() -> None:
    """The measure measures: without patience most are cut off."""
    assert len(early(people(), settings(200, shortest=150, longest=200))) > 0.5 * len(people())


def test_every_whole_turn_ends_as_its_text_asks() -> None:
    """20 ms of a frame and what a detector lags are the most that is added to the longest wait."""
    for each in people():
        outcome = run(each)
        assert 290 <= outcome.wait_ms <= 1200 + 150, (each.take.turn.text, outcome)


@pytest.mark.parametrize("first", [0, 3])
def test_real_people_are_seldom_cut_off(first: int) -> None:
    """Their words by espeak-ng where the recordings are not there."""
    takes = [watch(take) for take in recorded(RECORDINGS if RECORDINGS.is_dir() else None, first)]
    cut = early(takes)
    assert len(cut) <= 2, cut
    assert sum(spoken_over(outcome, SOUNDS_MS) for _, outcome in cut) <= 1
