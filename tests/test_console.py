"""What reaches the streams: cleaned, masked, coloured where that is welcome, and never a crash."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.errors import InputError, UsageError
from voicecli.terminal.console import Console
from voicecli.terminal.streams import OutputClosedError
from voicecli.text.clean import clean
from voicecli.text.decoding import as_text
from voicecli.text.jsonline import dump_json
from voicecli.types import Secret, Word

ESC = "\x1b"


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@dataclass
class Streams:
    """A console on streams in memory."""

    console: Console
    out_bytes: io.BytesIO
    err_bytes: io.BytesIO

    @property
    def out(self) -> str:
        return self.out_bytes.getvalue().decode("utf-8", "surrogateescape")

    @property
    def err(self) -> str:
        return self.err_bytes.getvalue().decode()


def streams(env: dict[str, str] | None = None, *, terminal: bool = False, encoding: str = "utf-8") -> Streams:
    kind = Terminal if terminal else io.TextIOWrapper
    out, err = io.BytesIO(), io.BytesIO()
    console = Console(
        env or {},
        kind(out, encoding=encoding, errors="replace", newline=""),
        kind(err, encoding=encoding, errors="replace", newline=""),
    )
    return Streams(console, out, err)


# -- cleaning --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dirty", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("日本語 🎼 é", "日本語 🎼 é"),
        (f"{ESC}[31mred{ESC}[0m", "red"),
        (f"{ESC}]0;a title\x07after", "after"),
        (f"{ESC}]8;;http://evil{ESC}\\link{ESC}]8;;{ESC}\\", "link"),
        (f"{ESC}]52;c;cm0gLXJmIC8=\x07paste", "paste"),
        (f"{ESC}Pq#0;2;0;0;0{ESC}\\sixel", "sixel"),
        ("\x9b2Jcleared", "cleared"),
        (f"{ESC}c reset", " reset"),
        (f"cut off{ESC}", "cut off"),
        (f"cut off{ESC}[", "cut off"),
        ("over\rwritten", "overwritten"),
        ("line\r\nline", "line\nline"),
        ("b\x08s\x00 \x07bell\x7f", "bs bell"),
        ("\u202egnirts\u202c \u2066x\u2069", "gnirts x"),
        ("half \ud83d pair", "half \ufffd pair"),
    ],
)
def test_service_text_cannot_steer_the_terminal(dirty: str, shown: str) -> None:
    assert clean(dirty) == shown


@given(st.text(alphabet=st.one_of(st.sampled_from("\x1b\x9b\x9d\x07\\[]PX^_;0123m \n\t"), st.characters())))
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    left = set(clean(text))
    assert not {char for char in left if (ord(char) < 32 and char not in "\t\n") or 0x7F <= ord(char) < 0xA0}
    clean(text).encode()


def test_clean_text_is_left_alone_however_long() -> None:
    text = "word " * 200_000
    assert clean(text) == text


def test_hostile_text_is_cleaned_in_linear_time() -> None:
    """Half a megabyte of openings that never close must not take minutes."""
    for opening in (f"{ESC}]", f"{ESC}[", f"{ESC}P{ESC}", "\x9b"):
        assert ESC not in clean(opening * 250_000)


# -- JSON ------------------------------------------------------------------------------------------


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_json_loses_nothing_and_shows_on_one_line(value: object) -> None:
    line = dump_json(value)
    assert json.loads(line) == value
    assert len(line.splitlines()) == 1
    assert clean(line) == line


def test_json_has_dataclasses_as_objects() -> None:
    assert json.loads(dump_json([Word("hi", 0.0, 0.5)])) == [
        {"text": "hi", "start": 0.0, "end": 0.5, "confidence": None, "unsure": False}
    ]


def test_json_never_holds_a_secret() -> None:
    assert "hunter2" not in dump_json({"key": Secret("hunter2")})


# -- results ---------------------------------------------------------------------------------------


def test_results_go_to_stdout_and_words_to_stderr() -> None:
    at = streams()
    at.console.result("text\n\n")
    at.console.note("a note")
    at.console.warn("a warning")
    at.console.error("an error")
    assert at.out == "text\n"
    assert at.err == "a note\nwarning: a warning\nerror: an error\n"


def test_quiet_leaves_warnings_and_errors() -> None:
    at = streams()
    at.console.quiet = at.console.verbose = True
    at.console.note("a note")
    at.console.detail("a detail")
    at.console.warn("a warning")
    at.console.error("an error")
    assert at.err == "warning: a warning\nerror: an error\n"


def test_details_need_verbose() -> None:
    at = streams()
    at.console.detail("unasked")
    at.console.verbose = True
    at.console.detail("asked")
    assert at.err == "asked\n"


def test_a_streamed_answer_ends_with_one_newline() -> None:
    at = streams()
    for piece in ("one ", "two", ""):
        at.console.write(piece)
    at.console.end_line()
    at.console.end_line()
    assert at.out == "one two\n"


def test_an_escape_sequence_cut_by_the_stream_stays_harmless() -> None:
    at = streams()
    for piece in ("a\x1b", "[31mb", "\x9b", "2J"):
        at.console.write(piece)
    assert at.out == "a[31mb2J"


def test_bytes_are_written_as_they_are() -> None:
    at = streams()
    at.console.write_bytes(b"RIFF\x00\x1b[\xff")
    assert at.out_bytes.getvalue() == b"RIFF\x00\x1b[\xff"


def test_what_a_stream_cannot_encode_is_replaced() -> None:
    at = streams(encoding="ascii")
    at.console.result("naïve 日本")
    at.console.error("défaut")
    assert at.out == "na?ve ??\n"
    assert at.err == "error: d?faut\n"


def test_tables_are_tab_separated_in_a_pipe() -> None:
    at = streams()
    at.console.table(("name", "what"), [("a", "tab\there\nnewline"), ("b", "\x1b[31mred")])
    assert at.out == "name\twhat\na\ttab here newline\nb\tred\n"


def test_tables_are_columns_on_a_terminal() -> None:
    at = streams({"TERM": "xterm", "COLUMNS": "60", "NO_COLOR": "1"}, terminal=True)
    at.console.table(("name", "what"), [("a", "[b]literal[/b]"), ("long name", ":smile:")])
    lines = [line.rstrip() for line in at.out.splitlines()]
    assert lines == ["name       what", "a          [b]literal[/b]", "long name  :smile:"]


# -- colour ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "terminal", "coloured"),
    [
        ({"TERM": "xterm"}, True, True),
        ({"TERM": "xterm"}, False, False),
        ({"TERM": "dumb"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
        ({"TERM": "xterm", "CI": "true"}, True, True),
    ],
)
def test_colour_is_where_it_is_welcome(env: dict[str, str], terminal: bool, coloured: bool) -> None:
    at = streams(env, terminal=terminal)
    at.console.error("no")
    assert (ESC in at.err) is coloured
    assert clean(at.err) == "error: no\n"


@pytest.mark.parametrize(
    ("env", "quiet", "animated"),
    [
        ({"TERM": "xterm"}, False, True),
        ({"TERM": "xterm"}, True, False),
        ({"TERM": "xterm", "CI": "1"}, False, False),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_progress_is_drawn_only_for_a_person(env: dict[str, str], quiet: bool, animated: bool) -> None:
    at = streams(env, terminal=True)
    at.console.quiet = quiet
    with at.console.progress("working", 10) as done:
        done(5)
    assert bool(at.err) is animated
    assert at.out == ""


def test_an_error_does_not_run_into_an_open_line() -> None:
    at = streams({"TERM": "xterm", "NO_COLOR": "1"}, terminal=True)
    at.console.write("half an ans")
    at.console.error("broke off")
    assert (at.out, at.err) == ("half an ans\n", "error: broke off\n")


# -- secrets ---------------------------------------------------------------------------------------


def test_known_secrets_are_masked_in_everything_on_stderr() -> None:
    at = streams()
    at.console.verbose = True
    at.console.hide(Secret("sk-verysecret\n"))
    for tell in (at.console.note, at.console.warn, at.console.error, at.console.detail, at.console.usage):
        tell("before sk-verysecret after")
    assert "verysecret" not in at.err
    assert at.err.count("before **** after") == 5


def test_masking_happens_before_cleaning_can_join_a_secret() -> None:
    at = streams()
    at.console.hide("sk-verysecret")
    at.console.error("sk-very\x1b[0msecret")
    assert "sk-verysecret" not in at.err


def test_a_short_secret_does_not_blot_out_words() -> None:
    at = streams()
    at.console.hide("a")
    at.console.error("a cat")
    assert at.err == "error: a cat\n"


# -- streams that fail -----------------------------------------------------------------------------


@pytest.fixture
def closed_pipe() -> Iterator[io.TextIOWrapper]:
    """The writing end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    yield stream
    with contextlib.suppress(BrokenPipeError):
        stream.close()


def test_a_closed_pipe_is_told_as_such(closed_pipe: io.TextIOWrapper) -> None:
    console = Console({}, closed_pipe, io.StringIO())
    with pytest.raises(OutputClosedError):
        console.result("x")


def test_a_closed_stderr_is_no_reason_to_fail(closed_pipe: io.TextIOWrapper) -> None:
    Console({}, io.StringIO(), closed_pipe).error("nobody hears")


class Full(io.StringIO):
    """A disk without room."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_not_a_closed_pipe() -> None:
    with pytest.raises(UsageError, match="stdout: can't be written: No space left on device"):
        Console({}, Full(), io.StringIO()).result("x")


# -- input -----------------------------------------------------------------------------------------


def test_text_is_read_in_the_usual_encodings() -> None:
    assert as_text("naïve".encode(), "x") == "naïve"
    assert as_text(b"\xef\xbb\xbfmarked", "x") == "marked"
    assert as_text("wide".encode("utf-16"), "x") == "wide"
    assert as_text(b"latin \xe9", "x") == "latin é"


def test_binary_is_refused() -> None:
    with pytest.raises(InputError, match="is binary"):
        as_text(b"RIFF\x00\x00", "notes.bin")
