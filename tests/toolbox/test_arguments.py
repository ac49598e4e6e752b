"""What models write as arguments: everything that does not fit is answered with what does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from voicecli.toolbox.arguments import (
    LONGEST,
    LONGEST_TEXT,
    MOST_TEXTS,
    WrongCallError,
    arguments,
    brief,
    quoted,
    schema_of,
    usage,
    written_out,
)
from voicecli.types import ToolCall, ToolSpec
from voicecli.verbs import ability_of

DRAW = ToolSpec("image_make", "", schema_of(ability_of("image_make")))
RANK = ToolSpec("rerank", "", schema_of(ability_of("rerank")))
NOTHING = ToolSpec("ping", "", {"type": "object", "properties": {}, "required": []})


def given(text: Any, spec: ToolSpec = DRAW) -> dict[str, Any]:
    return arguments(ToolCall("1", spec.name, text if isinstance(text, str) else json.dumps(text)), spec)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ({"prompt": "a pig"}, {"prompt": "a pig"}),
        ({"prompt": "a pig", "size": "64x64"}, {"prompt": "a pig", "size": "64x64"}),
        ({"prompt": "a pig", "size": None}, {"prompt": "a pig"}),
        ({"prompt": "a pig", "size": ""}, {"prompt": "a pig"}),
        (' {"prompt": "half a \\ud83d"} ', {"prompt": "half a ?"}),
    ],
)
def test_what_fits(text: Any, found: dict[str, str]) -> None:
    assert given(text) == found


def test_lists_and_no_arguments_at_all() -> None:
    assert given({"query": "q", "candidates": ["a", "b"]}, RANK)["candidates"] == ["a", "b"]
    assert given("", NOTHING) == given("{}", NOTHING) == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("draw a pig", "are no JSON"),
        ('{"prompt": "a pig"', "are no JSON"),
        ("[" * 100_000, "are no JSON"),
        ("[]", "no JSON object"),
        ("7", "no JSON object"),
        ("", "prompt is missing."),
        ({"size": "64x64"}, "prompt is missing."),
        ({"prompt": None}, "prompt is missing."),
        ({"prompt": " "}, "prompt is empty."),
        ({"prompt": 7}, "prompt must be a text."),
        ({"prompt": ["a", "pig"]}, "prompt must be a text."),
        ({"prompt": "a pig", "path": "/etc/passwd"}, "It takes no path."),
        ({"prompt": "a" * (LONGEST_TEXT + 1)}, "longer than"),
        ("x" * (LONGEST + 1), "too long"),
    ],
)
def test_what_does_not_fit_is_told(text: Any, told: str) -> None:
    with pytest.raises(WrongCallError, match=told):
        given(text)


@pytest.mark.parametrize(
    ("candidates", "told"),
    [
        ("a", "must be a list"),
        ([], "must be a list"),
        ([1], "each of candidates must"),
        (["x"] * (MOST_TEXTS + 1), "more"),
    ],
)
def test_lists_that_do_not_fit(candidates: Any, told: str) -> None:
    with pytest.raises(WrongCallError, match=told):
        given({"query": "q", "candidates": candidates}, RANK)


def test_the_message_says_how_it_is_right() -> None:
    assert usage(DRAW) == "image_make takes a JSON object of: prompt (a text), size (a text, may be left out)."
    with pytest.raises(WrongCallError, match="prompt \\(a text\\)"):
        given({"promt": "a pig"})


def test_what_is_repeated_is_one_short_line() -> None:
    assert brief("a\x1b[31m\npig\t") == "a pig"
    assert brief("x" * 500, 10) == "x" * 9 + "…"


def test_what_a_question_cannot_hold_is_written_out_whole() -> None:
    short = ToolCall("1", "write", json.dumps({"path": "a.txt", "times": 3}))
    assert written_out(short) == written_out(ToolCall("1", "write", "[")) == []
    note = "please\npath: /tmp/x\x1b[2J" + "x" * 300
    lines = written_out(ToolCall("1", "write", json.dumps({"note": note, "path": "~/.ssh/authorized_keys"})))
    assert lines == [
        "  note:",
        "  | please",
        "  | path: /tmp/x\\x1b[2J" + "x" * 300,
        "  path:",
        "  | ~/.ssh/authorized_keys",
    ]
    assert quoted({"a": ["b"]}) == '"{\\"a\\": [\\"b\\"]}"'
