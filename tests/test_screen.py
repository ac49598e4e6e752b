"""Nothing printed is ever lost: the final screen of everything that prints, at every width, in every script."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import writing
from tests.emulator import BARS, console, drawable
from voicecli.dialogue import events as ev
from voicecli.errors import ServiceError
from voicecli.terminal.console import Console
from voicecli.terminal.failing import failed
from voicecli.terminal.markdown import MarkdownView, render
from voicecli.terminal.talking import TalkView, unspoken
from voicecli.terminal.transcripts import Results
from voicecli.text.clean import clean
from voicecli.text.subtitles import Layout
from voicecli.text.width import cells
from voicecli.types import Transcript, Word
from voicecli.usecases.transcribing.plan import Inputs, Source, plan

WIDTHS = (40, 60, 100, 160)
LONG = 60
"""Longer words are broken; in a table the parts then stand below each other."""
SCRIPTS = {
    "latin": "apple river mountain don't over the wide field once more and then again until evening",
    "cjk": "今天天气很好，我们去公园散步吧。東京タワーを見に行きましょう 한국어도 있어요 混排 English 也可以",
    "emoji": "start 😀 smile 👍🏽 thumb 🎉 party می\u200cخواهم کتاب\u200cها क्\u200dषेत्र end",
    "long": "https://example.org/" + "x" * 90 + " then " + "Donaudampfschifffahrt" * 4 + " end",
}


def pieces(text: str, size: int = 3) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


# -- what prints: each takes a console and a text, and yields where somebody may break it off ----------


def results(at: Console, text: str) -> Iterator[None]:
    for _ in range(2):
        at.result(text)
        yield


def open_row_under_a_bar(at: Console, text: str) -> Iterator[None]:
    """As `voice transcribe FILE`: a bar, then a text of which the row is not finished."""
    with at.progress("transcribing a.wav", 60.0, "s") as done:
        done(30)
        yield
        at.write(text)
        yield
    at.end_line()


def results_and_notes_under_a_bar(at: Console, text: str) -> Iterator[None]:
    with at.progress("transcribing 3 recordings", 3) as done:
        for number in range(3):
            at.result(text)
            at.note(f"wrote {number}.txt")
            done(number)
            yield


def words_in_tokens(at: Console, text: str) -> Iterator[None]:
    with at.progress("asking"):
        yield
    for token in pieces(text):
        at.write(token)
        yield
    at.end_line()


def reasoning_and_answer(at: Console, text: str) -> Iterator[None]:
    at.aside("hm")
    yield
    yield from answer(at, text)


def answer(at: Console, text: str) -> Iterator[None]:
    """A streamed answer, with a note in its middle."""
    view = MarkdownView(at)
    try:
        for number, token in enumerate(pieces(f"# {text}\n\n{text}\nnext row\n\n- {text}\n- item", 9)):
            view.write(token)
            if number == 4:
                at.warn("meanwhile")
            yield
    finally:
        view.end()


def asides(at: Console, text: str) -> Iterator[None]:
    at.note(text)
    at.warn(text)
    yield
    at.error("failed", text)


def failure(at: Console, text: str) -> Iterator[None]:
    at.write("half an answer")
    yield
    exc = ServiceError(f"broke off: {text}", who="work (api.example.org)", cure="Check the key from LAB_KEY")
    failed(at, 5, exc.message, exc.cure)


def rows_of_a_table(at: Console, text: str) -> Iterator[None]:
    words = text.split()
    at.table(["name", "what", "also"], [[word, text, word] for word in words[:3]])
    yield


def markdown_table(at: Console, text: str) -> Iterator[None]:
    view = MarkdownView(at)
    view.write(f"| name | value |\n|---|---|\n| key | {text} |\n| <b> | y |\n\n> {text}")
    yield
    view.end()


def talk(at: Console, text: str) -> Iterator[None]:
    """A turn of a conversation, as its screen prints it."""
    view = TalkView()
    for event in (ev.Ready("mic", "speaker"), ev.UserSaid(text), ev.AssistantDelta(text), ev.AssistantSaid(text)):
        view.take(event)
    view.take(ev.TurnMetrics(gap_ms=640))
    yield
    width = at.size()[0] - 1
    rows = [row for line in view.printed for row in line(width)]
    assert max(map(cells, map(clean, rows))) <= width
    at.drawn("".join(f"{row if at.colour(at.out) else clean(row)}\n" for row in rows))


PRINTS: tuple[Callable[[Console, str], Iterator[None]], ...] = (
    *(results, open_row_under_a_bar, results_and_notes_under_a_bar, words_in_tokens, reasoning_and_answer, answer),
    *(asides, failure, rows_of_a_table, markdown_table, talk),
)


@pytest.mark.parametrize("prints", PRINTS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("columns", WIDTHS)
@pytest.mark.parametrize("coloured", [True, False], ids=["colour", "plain"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_word_is_on_the_screen_and_no_bar(
    prints: Callable[[Console, str], Iterator[None]], columns: int, coloured: bool, script: str
) -> None:
    at, emulator = console(columns, coloured=coloured)
    for _ in prints(at, SCRIPTS[script]):
        pass
    assert not lost(SCRIPTS[script], emulator.bare), emulator.text
    assert not BARS.search(emulator.text), emulator.text


@pytest.mark.parametrize("prints", PRINTS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("seed", range(6))
def test_what_was_printed_stays_when_it_is_broken_off(
    prints: Callable[[Console, str], Iterator[None]], seed: int
) -> None:
    """Ctrl-C at any moment: the bar goes, what was printed before is there, what follows has a row of its own."""
    chance = random.Random(seed)
    at, emulator = console(chance.choice(WIDTHS))
    steps = prints(at, SCRIPTS["latin"])
    for _ in range(chance.randrange(1, 12)):
        if next(steps, StopIteration) is StopIteration:
            break
    before = len(BARS.sub("", emulator.bare))
    with suppress(KeyboardInterrupt, StopIteration, RuntimeError):
        steps.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    at.error("interrupted")
    assert not BARS.search(emulator.text), emulator.text
    assert emulator.rows[-1] == "error: interrupted"
    assert len(emulator.bare) >= before or prints in (
        open_row_under_a_bar,
        results_and_notes_under_a_bar,
        words_in_tokens,
    )


@pytest.mark.parametrize("prints", PRINTS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("stream", ["out", "err"])
def test_each_stream_alone(prints: Callable[[Console, str], Iterator[None]], stream: str) -> None:
    """The other goes elsewhere: each holds all that is its own, and a pipe never holds a bar."""
    at, emulator = console(60, shared=[stream])
    for _ in prints(at, SCRIPTS["latin"]):
        pass
    elsewhere = (at.err if stream == "out" else at.out).getvalue()  # type: ignore[union-attr]
    assert not BARS.search(elsewhere) and "\x1b" not in elsewhere
    assert not lost(SCRIPTS["latin"], emulator.bare + "".join(elsewhere.split()))
    assert not BARS.search(emulator.text)


def lost(text: str, bare: str) -> list[str]:
    """Words that the screen does not show; others than Latin by their first sign: emulators differ on joined ones."""
    words = (word if word.isascii() else word[:1] for word in drawable(text).split())
    return [word for word in words if word not in bare and len(word) < LONG]


@pytest.mark.parametrize(
    ("block", "shown"),
    [
        ("Some text:\n\n- one\n- two", ["Some text:", "", "• one", "• two"]),
        ("```\nx\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |", ["  x", "", "a  b", "1  2"]),
        ("```\n    return one + two + three\n```", ["      return one + two +", "        three"]),
        ("> 引用：中文与 English 混排的一行", ["▌ 引用：中文与 English", "▌ 混排的一行"]),
    ],
    ids=["one row before a list", "one row before a table", "code keeps its indentation", "a quote uses its row"],
)
def test_markdown_in_24_columns(block: str, shown: list[str]) -> None:
    at, emulator = console(25)
    view = MarkdownView(at)
    view.write(block)
    view.end()
    assert emulator.rows == shown


@pytest.mark.parametrize("coloured", [True, False])
def test_a_word_that_the_recogniser_doubts_gets_no_sign_of_its_own(coloured: bool) -> None:
    at, emulator = console(60, coloured=coloured)
    transcript = Transcript("what time", words=(Word("what", 0, 1), Word("time", 1, 2, unsure=True)))
    (job,) = plan(Inputs((Source("a.wav"),), False), None, ("text",))
    Results(at, Layout(), "transcribe", copy=False).give(job, transcript)
    assert emulator.rows == ["what time"]
    assert [emulator.screen.buffer[0][column].underscore for column in (0, 5)] == [False, coloured]


def test_what_was_searched_for_stands_out() -> None:
    at, emulator = console(60, coloured=True)
    at.table(["id", "m"], [["1", "the Pig m"]], ["pig", "m"])
    assert emulator.rows == ["id  m", "1   the Pig m"]
    assert [emulator.screen.buffer[1][column].bold for column in (4, 8, 12)] == [False, True, True]


@pytest.mark.parametrize("columns", [40, 60])
def test_errors_are_wrapped_at_words_with_the_cure_on_a_row_of_its_own(columns: int) -> None:
    at, emulator = console(columns)
    failed(at, 6, "work (api.example.org): rate limited: 3 requests per minute (RPM)", "Check the key from LAB_KEY")
    assert {"requests", "minute", "LAB_KEY"} <= set(emulator.text.split())
    assert any(row.startswith("  → Check the key") for row in emulator.rows)


def test_a_bar_has_the_width_there_is_and_says_how_long_it_takes() -> None:
    from voicecli.terminal.progress import Progress

    state = Progress("interview.mp3", 2952.0, "s", 1880.0)
    row = state.row(80, 45.0)
    assert "31:20 of 49:12 · 42× · 0:26 left" in row and cells(row) <= 80
    assert "━" not in state.row(30, 45.0) and cells(state.row(30, 45.0)) <= 30
    assert Progress("asking m").row(40, 3.2).endswith("asking m  0:03")


def test_a_paragraph_that_is_higher_than_the_window_is_whole_when_it_ends() -> None:
    at, emulator = console(40)
    view, text = MarkdownView(at), " ".join(f"word{number}" for number in range(300))
    for token in pieces(text, 7):
        view.write(token)
    assert "word299" in emulator.bare, "its end is seen while it is written"
    view.end()
    assert not [word for word in text.split() if word not in emulator.bare]
    assert emulator.bare.count("word0word1word2") == 1


def test_the_first_word_is_seen_at_once() -> None:
    at, emulator = console(60)
    view = MarkdownView(at)
    view.write("Hel")
    assert emulator.text == "Hel"
    view.write("lo *you*\n\nnext")
    assert emulator.rows == ["Hello *you*", "", "next"]
    view.end()
    assert emulator.rows == ["Hello you", "", "next"]


# -- Markdown for any text -----------------------------------------------------------------------------


@given(st.binary(min_size=8, max_size=120), st.sampled_from(WIDTHS), st.integers(1, 9))
def test_no_word_is_lost_on_the_screen(data: bytes, columns: int, size: int) -> None:
    made = writing.written(writing.chooser(data))
    at, _ = console(columns)
    view = MarkdownView(at)
    for token in pieces(made.text, size):
        view.write(token)
    view.end()
    drawn = "".join(clean(render(made.text, columns, coloured=True)).replace("▌", " ").split())
    assert not writing.missing(in_order(made), drawn), (made.text, drawn)


def in_order(made: writing.Written) -> list[str]:
    return sorted(made.words + made.hidden, key=made.text.find)


# -- the screen of talk --------------------------------------------------------------------------------


def rows_of(view: TalkView, columns: int = 60) -> list[str]:
    lines, view.printed = view.printed, []
    return [clean(row) for line in lines for row in line(columns)]


def test_what_is_noticed_in_a_turn_stands_below_what_was_said() -> None:
    view = TalkView()
    for turn in (0, 1):
        view.take(ev.Notice("reads a.txt"), turn)
    assert [clean(row) for rows in view.printed for row in rows(80)] == ["reads a.txt", "       reads a.txt"]


def test_what_was_not_spoken_stays() -> None:
    view = TalkView()
    view.take(ev.UserSaid("why?"))
    view.take(ev.AssistantDelta("Well, **it** is. And more."))
    assert view.live(60)[1] == "voice: Well, **it** is. And more."
    view.take(ev.AssistantSaid("Well, it", interrupted=True))
    assert rows_of(view) == ["you:   why?", "voice: Well, it** is. And more. — interrupted"]
    assert unspoken("Well, so.", "") == "Well, so." and unspoken("a b", "x") == ""
    assert unspoken("It is on. Now.", "It is on.") == "Now." and unspoken("It is on.", "It is on.") == ""


def test_a_reply_that_nobody_told_the_end_of_is_printed() -> None:
    view = TalkView()
    view.take(ev.AssistantDelta("Half a rep"))
    view.leave()
    assert rows_of(view) == ["voice: Half a rep — interrupted"]
    view.leave()
    assert rows_of(view) == []


def test_air_between_turns_and_one_time_behind_the_answer() -> None:
    view = TalkView()
    for _ in range(2):
        view.take(ev.UserSaid("hi"))
        view.take(ev.AssistantSaid("Hello."))
        view.take(ev.TurnMetrics(gap_ms=640))
    assert rows_of(view) == ["you:   hi", "voice: Hello.  0.6 s", "", "you:   hi", "voice: Hello.  0.6 s"]
    stages = TalkView(stages=True)
    stages.take(ev.TurnMetrics(gap_ms=640, end_ms=500))
    assert "wait 500 · gap 640 ms" in "".join(rows_of(stages))


def test_a_lost_turn_shows_what_was_written_of_it() -> None:
    view = TalkView()
    view.take(ev.AssistantDelta("Paid for."))
    view.take(ev.TurnLost("speech: down", 5))
    assert rows_of(view) == ["voice: Paid for.", "turn lost: speech: down"]


def test_the_status_tells_what_is_waited_for() -> None:
    view = TalkView()
    assert "starting" in view.status()[1]
    view.take(ev.Ready())
    view.take(ev.ToolUsed("draw", "asked", "May I?"))
    assert "waiting for your yes" in view.status()[1]
    view.take(ev.UserSaid("yes"))
    assert "listening" in view.status()[1]
    view.take(ev.Level(-10.0, True))
    view.tick()
    assert view.status()[1].split()[0] == "▁▁▁▁▁▁▁█"


# -- who has the rows ------------------------------------------------------------------------------------


def test_a_bar_and_a_text_that_goes_through_a_pipe_never_share_a_row() -> None:
    """`voice transcribe FILE | cat`: whoever reads the pipe may write to the same terminal at any time."""
    at, emulator = console(60, shared=["err"])
    reading, writing = os.pipe()
    with os.fdopen(reading), os.fdopen(writing, "w") as at.out:
        with at.progress("transcribing a.wav", 60.0, "s") as done:
            done(30)
            assert BARS.search(emulator.text)
            at.write("0000 ")
            emulator.feed("0000 ")  # by the program that reads
            done(40)
            at.rows.show(at.err, ["⠋ a bar"])  # type: ignore[arg-type]
        assert emulator.text == "0000"


def test_notices_before_and_while_a_screen_has_the_rows_stay() -> None:
    at, emulator = console(60)
    drawn: list[str] = []
    at.rows.show(at.err, ["⠋ opening"])  # type: ignore[arg-type]
    at.note("2 turns of earlier conversations got no answer")
    at.rows.taken_by(drawn.append)
    at.note("english only")
    assert emulator.rows == ["2 turns of earlier conversations got no answer"] and "english only" in drawn[0]
    at.rows.taken_by(None)
    at.note("bye")
    assert emulator.rows[-1] == "bye"
