"""Where long recordings are cut: every frame of speech in one piece, none too long, at quiet places."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.audio.splitter import Cut, SplitRules, Splitter

QUIET, LOUD = -80.0, -20.0


def split(speech: list[bool], rules: SplitRules, levels: list[float] | None = None, step: int = 7) -> list[Cut]:
    """The cuts of a recording that is fed in steps of so many frames."""
    levels = levels or [LOUD if each else QUIET for each in speech]
    splitter, cuts = Splitter(rules), []
    for at in range(0, len(speech), step):
        found = splitter.feed(levels[at : at + step], speech[at : at + step])
        assert all(cut.end <= splitter.kept_from or splitter.kept_from >= cut.start for cut in found)
        cuts += found
    return cuts + splitter.finish()


def frames(seconds: float) -> int:
    return round(seconds * 50)


def test_nothing_said_nothing_sent() -> None:
    assert split([False] * 500, SplitRules()) == []
    assert split([], SplitRules()) == []


def test_speech_keeps_a_little_of_the_silence_around_it() -> None:
    speech = [False] * 500 + [True] * 100 + [False] * 500
    assert split(speech, SplitRules()) == [Cut(480, 620, 500, 600)]


def test_a_short_pause_is_kept_and_a_long_one_left_out() -> None:
    rules = SplitRules()
    short = [True] * 100 + [False] * 149 + [True] * 100
    assert split(short, rules) == [Cut(0, 349, 0, 349)]
    long = [True] * 100 + [False] * 151 + [True] * 100
    assert split(long, rules) == [Cut(0, 120, 0, 100), Cut(231, 351, 251, 351)]


def test_sound_that_is_no_speech_is_left_out_and_so_is_speech_without_sound() -> None:
    assert split([False] * 500, SplitRules(), [LOUD] * 500) == []
    assert split([True] * 500, SplitRules(), [QUIET] * 500) == []


def test_a_long_piece_is_cut_in_its_last_pause() -> None:
    speech = ([True] * 145 + [False] * 20) * 4
    cuts = split(speech, SplitRules(longest_s=10))
    assert cuts[0].end in range(145 + 165 * 2, 165 * 3), "the third pause, of 9.5 s to 9.9 s"


def test_without_a_pause_it_is_cut_where_it_is_quietest() -> None:
    levels = [LOUD] * 600
    levels[395:405] = [-35.0] * 10
    cuts = split([True] * 600, SplitRules(longest_s=10), levels)
    assert cuts[0].end in range(395, 406)


def test_a_tone_that_is_no_speech_is_not_cut() -> None:
    """A pause in which something else sounds: what counts is how loud it is."""
    speech = [True] * 440 + [False] * 40 + [True] * 100
    levels = [LOUD] * 440 + [QUIET] * 12 + [LOUD] * 10 + [QUIET] * 18 + [LOUD] * 100
    cuts = split(speech, SplitRules(longest_s=10), levels)
    assert cuts[0].end in range(464, 480)


@pytest.mark.parametrize("longest_s", [1.0, 7.3, 90.0])
def test_hours_of_speech_without_any_pause(longest_s: float) -> None:
    cuts = split([True] * frames(600), SplitRules(longest_s=longest_s), step=50)
    assert sum(cut.end - cut.start for cut in cuts) == frames(600)
    assert max(cut.end - cut.start for cut in cuts) <= longest_s * 50


SPEECH = st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=30).map(
    lambda runs: [value for value, count in runs for _ in range(count)]
)
RULES = st.builds(SplitRules, longest_s=st.floats(0.5, 30))


@given(SPEECH, RULES, st.integers(1, 200))
def test_every_frame_of_speech_is_in_exactly_one_piece(speech: list[bool], rules: SplitRules, step: int) -> None:
    cuts = split(speech, rules, step=step)
    assert all(0 <= cut.start <= cut.first < cut.last <= cut.end <= len(speech) for cut in cuts)
    assert all(one.end <= two.start for one, two in pairwise(cuts))
    assert all(cut.end - cut.start <= max(1, rules.longest_s * 50) for cut in cuts)
    inside = {frame for cut in cuts for frame in range(cut.start, cut.end)}
    assert {at for at, voiced in enumerate(speech) if voiced} <= inside


@given(SPEECH, RULES, st.integers(1, 200))
def test_how_it_is_fed_makes_no_difference(speech: list[bool], rules: SplitRules, step: int) -> None:
    assert split(speech, rules, step=step) == split(speech, rules, step=1)


@given(SPEECH, RULES)
def test_it_remembers_no_more_than_a_piece(speech: list[bool], rules: SplitRules) -> None:
    splitter = Splitter(rules)
    for voiced in speech:
        splitter.feed([LOUD if voiced else QUIET], [voiced])
        assert len(splitter.levels) <= rules.longest + rules.pad


# -- shares of a recording whose length is known -----------------------------------------------------


@pytest.mark.parametrize(("total_s", "pieces"), [(60, 1), (90, 1), (91, 3), (170, 4), (300, 4), (600, 8), (3600, 44)])
def test_lanes_end_together(total_s: int, pieces: int) -> None:
    speech = ([True] * 140 + [False] * 20) * (total_s * 50 // 160) + [True] * (total_s * 50 % 160)
    cuts = split(speech, SplitRules(total_s=total_s), step=50)
    lengths = [cut.end - cut.start for cut in cuts]
    assert len(cuts) == pieces
    assert max(lengths) <= frames(90)
    assert min(lengths) > 0.75 * max(lengths)
    assert sum(lengths) == len(speech)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=30),
    st.floats(0, 200),
    st.sampled_from([1.0, 5.0, 30.0]),
)
def test_a_wrong_length_costs_no_frame(stretches: list[tuple[bool, int]], total_s: float, longest_s: float) -> None:
    speech = [said for said, count in stretches for _ in range(count)]
    cuts = split(speech, SplitRules(longest_s=longest_s, total_s=total_s))
    covered = [at for cut in cuts for at in range(cut.start, cut.end)]
    assert len(covered) == len(set(covered))
    assert {at for at, said in enumerate(speech) if said} <= set(covered)
    assert all(cut.end - cut.start <= frames(longest_s) for cut in cuts)
