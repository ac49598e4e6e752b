"""Signs to a person who looks elsewhere, and the words for one who waits."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import pytest

from tests.emulator import console
from voicecli.backends.transport.http import tell_of_waiting
from voicecli.config.model import AudioSettings
from voicecli.dialogue import events as ev
from voicecli.errors import RateLimitedError
from voicecli.terminal.atonce import METER, STARTING, starting
from voicecli.terminal.beckoning import LONG_S, Taskbar, shows_progress
from voicecli.terminal.hosting import farewell
from voicecli.terminal.masking import listen_for_waiting
from voicecli.types import Usage
from voicecli.usecases.chatting.answer import tokens_of
from voicecli.wiring.devices import Devices, Ends
from voicecli.wiring.talk import cued
from voicecli.wiring.talk_files import readable


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


def test_a_conversation_ends_with_what_was_kept(tmp_path: Path) -> None:
    at, emulator = console(100)
    (tmp_path / "user.wav").write_bytes(bytes(2000))
    farewell(at, 0, 3.0, 0, None)
    farewell(at, 12, 370.0, 59, tmp_path)
    assert emulator.rows[0] == "12 turns, 6:10 min, kept as 59 · voice talk -c goes on"
    assert "user.wav; 2.0 kB)" in " ".join(emulator.text.split())


def test_a_transcript_can_be_read() -> None:
    events: list[ev.Event] = [
        ev.Ready(),
        ev.UserSaid("why?"),
        ev.AssistantSaid("Because", interrupted=True),
        ev.AssistantSaid(""),
    ]
    assert "".join(map(readable, events)) == "\n**you:** why?\n\n**voice:** Because — interrupted\n"


def test_costs_are_told_where_prices_are_known() -> None:
    usage = Usage(1000, 500)
    assert tokens_of(usage).endswith("= 1500")
    assert tokens_of(usage, {"asked": 2.0, "answered": 8.0}).endswith("= 1500, about 0.006")


def test_a_cue_sounds_in_a_lane_of_its_own_where_it_is_wanted(tmp_path: Path) -> None:
    devices = Devices(AudioSettings(), Ends("a.wav", str(tmp_path / "b.wav"), fast=True), lambda text: None)
    told: list[ev.Event] = []
    emit = cued(lambda event, turn: told.append(event), devices, ["taken"])
    silent = bytes(2 * devices.playout.rate)
    emit(ev.PhaseChanged("listening"), 0)
    assert devices.playout.render(devices.playout.rate, 0.0) == silent
    emit(ev.UserSaid("hello"), 1)
    assert devices.playout.render(devices.playout.rate, 1.0) != silent
    assert devices.playout.render(devices.playout.rate, 2.0) == silent and len(told) == 2


def test_the_prompt_is_there_before_anything_is_loaded_and_gone_when_it_fails() -> None:
    at, emulator = console(60)
    starting(at)
    at.note("opening")
    assert emulator.rows == ["opening", f" {METER} {STARTING}", "›"]
    at.rows.clear()
    assert emulator.rows == ["opening"]
