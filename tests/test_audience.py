"""What the audiences make of events: lines, bars, reports."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicecli.dialogue import events as ev
from voicecli.terminal.audience import (
    lost_line,
    metrics_line,
    reply_line,
    report_lines,
    said_line,
    saved_ms,
    share_of_gap,
    tool_line,
)
from voicecli.terminal.timeline import page
from voicecli.types import ToolNews

TURN = ev.TurnMetrics(
    end_ms=500,
    asr_ms=150,
    first_token_ms=200,
    first_piece_ms=15,
    first_audio_ms=150,
    gap_ms=700,
    draft="speak",
    drafts=1,
)


def test_a_turn_is_one_line_with_its_stages_the_gap_and_what_the_draft_saved() -> None:
    line = metrics_line(TURN)
    assert "wait 500" in line
    assert "gap 700 ms" in line
    assert "a draft saved 315" in line
    assert saved_ms(ev.TurnMetrics(end_ms=500, gap_ms=500)) == 0


def test_words_that_the_recogniser_doubts_are_marked() -> None:
    assert said_line(ev.UserSaid("set a Timer, please", ("timer",))) == "you:   set a Timer,(?) please"


def test_an_interrupted_reply_and_a_lost_turn_say_so() -> None:
    assert reply_line(ev.AssistantSaid("Well", True)).endswith("interrupted")
    lost = "turn lost: work: down. The recording is kept in x.wav: Ctrl-R sends it again."
    assert lost_line(ev.TurnLost("work: down", 4, "x.wav")) == lost


def test_tools_are_told_of_but_for_questions_which_are_spoken_and_ends_without_anything_to_see() -> None:
    lines = {
        ("asked", "May I?"): "",
        ("working", "a pig"): "draw: a pig …",
        ("working", ""): "draw …",
        ("done", "pig.png"): "draw: pig.png",
        ("done", ""): "",
        ("failed", "no paint"): "draw failed: no paint",
        ("failed", ""): "draw failed",
        ("declined", "a pig"): "draw: declined",
    }
    for (state, text), told in lines.items():
        for kind in (ev.ToolUsed, ToolNews):
            assert tool_line(kind("draw", state, text)) == told  # type: ignore[arg-type]
    assert tool_line(ev.ToolUsed("time", "working", "Paris", quick=True)) == ""
    assert tool_line(ToolNews("", "failed", "cut off")) == "cut off"


def test_service_text_cannot_move_the_cursor() -> None:
    assert "\x1b" not in reply_line(ev.AssistantSaid("a\x1b[2Jb"))
    assert "\x1b" not in tool_line(ev.ToolUsed("draw\x1b[2J", "done", "\x1b]0;x\x07"))


def test_the_report_tells_median_and_95th_percentile() -> None:
    turns = [ev.TurnMetrics(gap_ms=value, drafts=1, wasted_tokens=2, tokens=5) for value in range(100, 2100, 100)]
    lines = report_lines(turns)
    assert lines[0].startswith("20 turns")
    gap = next(line for line in lines if line.startswith("gap"))
    assert gap.split() == ["gap", "1050", "1900"]
    assert lines[-1] == "about 100 tokens of answers; 20 drafts, about 40 tokens of them thrown away"
    assert report_lines([]) == []


@given(st.lists(st.one_of(st.none(), st.integers(0, 5000)), min_size=5, max_size=5), st.integers(1, 80))
def test_the_bar_fills_its_cells(values: list[int | None], cells: int) -> None:
    end, asr, token, piece, audio = values
    bar = share_of_gap(
        ev.TurnMetrics(end_ms=end, asr_ms=asr, first_token_ms=token, first_piece_ms=piece, first_audio_ms=audio), cells
    )
    assert all(count >= 0 for _, count in bar)
    assert sum(count for _, count in bar) == (cells if any(values) else 0)


def test_a_page_draws_every_turn_and_needs_nothing_from_elsewhere() -> None:
    turns = [ev.TurnMetrics(500, 150, 200, 20, 150, 700, "speak", 1), ev.TurnMetrics(draft="<b>")]
    drawn = page(turns)
    assert "700 ms, drafted to speak" in drawn and "no sound, drafted to &lt;b&gt;" in drawn
    assert drawn.count("<rect") == 2 * 6 and "median ms" in drawn
    assert not any(each in drawn for each in ("<script", "href", "src=", "url("))
    assert "No turn" in page([])
