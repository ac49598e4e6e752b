"""What is tried again, as values: the table of verbs and happenings, the pauses, the headers that name a time."""

from __future__ import annotations

from itertools import count
from typing import Any, get_args

import pytest

from voicecli.backends.transport import retry
from voicecli.backends.transport.retry import Happening, RetryPace, happening_of, reset_in, rule_for, wait_before_next
from voicecli.verbs import VERBS, Verb

ACTS = {"learn", ""}
FULL = RetryPace(dice=lambda: 1.0)
HAPPENINGS: tuple[Happening, ...] = get_args(Happening)


def attempts(happened: Happening, verb: str, **more: Any) -> int:
    """How often a request is sent that always ends the same way."""
    return next(n for n in count(1) if wait_before_next(happened, verb, n, **more) is None)


@pytest.mark.parametrize("verb", [*get_args(Verb), "read", ""])
def test_every_verb_has_a_row_and_none_is_sent_more_than_three_times(verb: Any) -> None:
    assert verb not in VERBS or VERBS[verb].retry in retry.RULES
    sent = {happened: attempts(happened, verb) for happened in HAPPENINGS}
    assert max(sent.values()) <= 3 and sent["final"] == 1
    if verb in ACTS:
        assert {h for h, n in sent.items() if n > 1} == {"unconnected", "unreached", "timeout", "early", "limited"}
    else:
        assert all(n > 1 for h, n in sent.items() if h != "final")
        assert sent["silence"] == sent["unreached"] == 2


@pytest.mark.parametrize("verb", ["chat", "speak"])
def test_what_somebody_waits_for_ends_within_ten_times_its_timeout(verb: str) -> None:
    """However busily it drips: ten minutes by default."""
    assert rule_for(verb).patience <= 10


def test_a_verb_that_the_table_does_not_know_is_an_act() -> None:
    assert rule_for("send_money") == rule_for("learn") and attempts("lost", "send_money") == 1


@pytest.mark.parametrize(
    ("status", "happened"),
    [(400, "final"), (401, "final"), (404, "final"), (408, "timeout"), (409, "conflict"), (413, "final"),
     (425, "early"), (429, "limited"), (500, "failed"), (501, "final"), (503, "failed"), (529, "failed")],
)  # fmt: skip
def test_statuses_mean_what_they_say(status: int, happened: Happening) -> None:
    assert happening_of(status) == happened


def test_pauses_double_up_to_a_limit_and_are_spread_by_full_jitter() -> None:
    pace = RetryPace(dice=lambda: 1.0, first_s=0.2, longest_s=1.0)
    assert [pace.pause(n) for n in range(1, 6)] == [0.2, 0.4, 0.8, 1.0, 1.0]
    assert RetryPace(dice=lambda: 0.0).pause(3) == 0.0
    assert RetryPace(dice=lambda: 0.25, first_s=0.2).pause(2) == pytest.approx(0.1)
    drawn = {retry.PACE.pause(1) for _ in range(50)}
    assert len(drawn) > 40 and all(0 <= each <= retry.PACE.first_s for each in drawn)


def test_a_service_that_names_a_time_gets_it_unless_it_asks_too_much() -> None:
    assert wait_before_next("limited", "chat", 1, asked=3.0, pace=FULL) == 3.0
    assert wait_before_next("limited", "chat", 1, asked=0.0, pace=FULL) == 0.2
    assert wait_before_next("limited", "chat", 1, asked=6.0) is None
    assert wait_before_next("limited", "transcribe", 1, asked=6.0) == 6.0
    assert wait_before_next("limited", "transcribe", 1, asked=60.0) is None


def test_nothing_begins_past_the_deadline() -> None:
    assert wait_before_next("limited", "chat", 1, asked=3.0, left_s=2.0) is None
    assert wait_before_next("limited", "chat", 1, asked=3.0, left_s=4.0) == 3.0
    assert wait_before_next("lost", "chat", 1, left_s=0.0) is None


def test_the_services_own_word_counts() -> None:
    assert attempts("failed", "chat", should="false") == 1
    assert attempts("failed", "learn", should="true") == 1
    assert attempts("final", "chat", should="true") == 1


NOW = 1_800_000_000.0
RESETS: list[tuple[dict[str, str], float | None]] = [
    ({}, None),
    ({"x-ratelimit-reset-requests": "1s"}, 1.0),
    ({"x-ratelimit-reset-requests": "6m0s"}, 360.0),
    ({"x-ratelimit-reset-tokens": "1h2m3.5s"}, 3723.5),
    ({"x-ratelimit-reset-tokens": "120ms"}, 0.12),
    ({"x-ratelimit-reset": "12"}, 12.0),
    ({"x-ratelimit-reset": str(NOW + 30)}, 30.0),
    ({"x-ratelimit-reset": str(NOW - 30)}, 0.0),
    ({"x-ratelimit-reset-requests": "9s", "x-ratelimit-remaining-requests": "3"}, None),
    ({"x-ratelimit-reset-requests": "9s", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-tokens": "2s",
      "x-ratelimit-remaining-tokens": "77"}, 9.0),
    ({"x-ratelimit-reset": "soon"}, None),
    ({"x-ratelimit-reset": "1s and more"}, None),
    ({"x-ratelimit-reset": "9" * 5000}, None),
    ({"x-ratelimit-reset": ""}, None),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "wait"), RESETS)
def test_the_headers_of_a_limit_tell_when_it_is_lifted(headers: dict[str, str], wait: float | None) -> None:
    found = reset_in(headers, NOW)
    assert found == (None if wait is None else pytest.approx(wait))
