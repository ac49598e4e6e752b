"""Signs to a person who looks elsewhere, and the words for one who waits."""

from __future__ import annotations

import io
import logging

import pytest

from voicecli.backends.transport.http import tell_of_waiting
from voicecli.errors import RateLimitedError
from voicecli.terminal.beckoning import LONG_S, Taskbar, shows_progress
from voicecli.terminal.masking import listen_for_waiting


@pytest.mark.parametrize(
    ("env", "there"),
    [({}, False), ({"WT_SESSION": "1"}, True), ({"TERM_PROGRAM": "ghostty"}, True), ({"TERM_PROGRAM": "iTerm"}, False)],
)
def test_progress_goes_to_terminals_that_know_it(env: dict[str, str], there: bool) -> None:
    assert shows_progress(env) == there
    assert not shows_progress(env | {"TMUX": "/tmp/x"})


def test_the_taskbar_is_told_each_change_once_and_the_end() -> None:
    stream = io.StringIO()
    taskbar = Taskbar(stream, {"WT_SESSION": "1"})
    for share in (None, 0.5, 0.501, 1.0):
        taskbar.shows(share)
    taskbar.over(1.0)
    assert stream.getvalue() == "".join(f"\x1b]9;4;{state}\x1b\\" for state in ("3;0", "1;50", "1;100", "0;0"))


def test_a_bell_rings_after_long_work() -> None:
    stream = io.StringIO()
    Taskbar(stream, {}).over(LONG_S - 1)
    Taskbar(stream, {}).over(LONG_S)
    assert stream.getvalue() == "\a"


def test_a_person_is_told_why_it_takes_long() -> None:
    told: list[str] = []
    listen_for_waiting(told.append)
    tell_of_waiting(RateLimitedError("slow down", who="work"), 0.9, 1)
    tell_of_waiting(RateLimitedError("slow down", who="work"), 2.2, 1)
    logging.getLogger("voicecli.backends").handlers.clear()
    assert told == ["work: slow down; again in 2 s (attempt 2)"]
