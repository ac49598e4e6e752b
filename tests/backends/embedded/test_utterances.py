"""Which utterance is decoded next, and where a long recording is cut; no decoder is needed for that."""

from __future__ import annotations

from array import array
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from voicecli.backends.embedded.engine import SECOND, Hit
from voicecli.backends.embedded.utterances import (
    FIRST,
    LONGEST_PIECE,
    SHORTEST_PIECE,
    Desk,
    Utterance,
    cuts,
    transcript,
)


def desk(*utterances: Utterance) -> Desk:
    made = Desk()
    for each in utterances:
        made.add(each)
    return made


def live(number: int, seconds: float = 0.0, *, ended: bool = False) -> Utterance:
    return Utterance(number, pcm=bytearray(int(seconds * SECOND)), ended=ended)


def test_nothing_is_decoded_before_there_is_a_second_of_sound() -> None:
    utterance = live(1, 0.9)
    assert not utterance.ready and desk(utterance).next() is None
    utterance.pcm += bytes(FIRST)
    assert utterance.ready
    utterance.at = len(utterance.pcm)
    assert not utterance.ready
    utterance.ended = True
    assert utterance.ready


def test_a_whole_recording_waits_until_it_is_whole() -> None:
    utterance = Utterance(1, live=False, pcm=bytearray(20 * SECOND))
    assert not utterance.ready
    utterance.ended = True
    assert utterance.ready


def test_what_is_complete_comes_first_and_nobody_waits_for_one_that_stands_still() -> None:
    first, second = live(1, 3), live(2, 3)
    at_work = desk(first, second)
    # The newest begins; the one that has the decoder keeps it.
    assert at_work.next() is second
    assert at_work.next() is second
    first.ended = True
    second.at = SECOND
    assert at_work.next() is first
    # The one that lost the decoder begins again.
    assert second.at == 0
    at_work.remove(1)
    assert at_work.next() is second
    second.at = len(second.pcm)
    assert at_work.next() is None


def test_one_that_stands_still_holds_nobody_up() -> None:
    idle, speaking = live(1, 2), live(2)
    at_work = desk(idle, speaking)
    assert at_work.next() is idle
    idle.at = len(idle.pcm)
    speaking.pcm += bytes(2 * SECOND)
    assert at_work.next() is speaking


def test_an_abandoned_one_is_gone() -> None:
    at_work = desk(live(1, 2, ended=True))
    assert at_work.next() is not None
    at_work.remove(1)
    at_work.remove(99)
    assert at_work.next() is None and at_work.get(1) is None


@given(st.integers(0, 80))
def test_pieces_cover_a_recording_and_none_is_long(seconds: int) -> None:
    pcm = bytes(seconds * SECOND + 6)
    pieces = list(cuts(pcm))
    assert sum(end - begin for begin, end in pieces) == len(pcm)
    assert all(a[1] == b[0] for a, b in pairwise(pieces))
    assert all(0 < end - begin <= LONGEST_PIECE and begin % 2 == 0 for begin, end in pieces)


def test_a_recording_is_cut_where_it_is_quiet() -> None:
    loud = array("h", [9000, -9000] * (SECOND * 4)).tobytes()
    silence = bytes(SECOND // 2)
    quiet_at = 10 * SECOND
    pcm = loud[:quiet_at] + silence + loud
    begin, end = next(cuts(pcm))
    assert begin == 0 and quiet_at <= end <= quiet_at + len(silence)
    assert SHORTEST_PIECE < end < LONGEST_PIECE


def test_doubtful_words_are_marked() -> None:
    hits = [Hit("sure", 0.1, 0.4, 0.98), Hit("maybe", 0.4, 0.8, 0.2), Hit("held", 0.8, 1.0, None)]
    words = transcript("sure maybe held", hits, matched=False)["words"]
    assert [each["unsure"] for each in words] == [False, True, False]
