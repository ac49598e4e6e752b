"""One JSON object on each line, and what servers make of that."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.backends.transport.ndjson import objects
from voicecli.backends.transport.sse import Lines
from voicecli.errors import ProtocolError

ANSWER = [{"delta": "量子"}, {"delta": "计算 😊\n"}, {"event": "done"}]
BODY = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in ANSWER).encode()


def read(pieces: list[bytes]) -> list[dict[str, object]]:
    lines = Lines()
    found = [each for piece in pieces for line in lines.feed(piece) for each in objects(line.decode())]
    return found + [each for line in lines.finish() for each in objects(line.decode())]


def test_whole_byte_by_byte_and_without_the_last_line_end() -> None:
    assert read([BODY]) == ANSWER
    assert read([bytes([byte]) for byte in BODY]) == ANSWER
    assert read([BODY.rstrip()]) == ANSWER


@given(st.lists(st.integers(0, len(BODY)), max_size=8))
def test_any_cut_gives_the_same(cuts: list[int]) -> None:
    edges = sorted({0, len(BODY), *cuts})
    assert read([BODY[a:b] for a, b in pairwise(edges)]) == ANSWER


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("", []),
        ("  \t", []),
        ('\ufeff{"a": 1}', [{"a": 1}]),
        ('data: {"a": 1}', [{"a": 1}]),
        ('{"a": 1} {"b": "}{"}{"c": {}}', [{"a": 1}, {"b": "}{"}, {"c": {}}]),
    ],
)
def test_tolerated(line: str, found: list[dict[str, object]]) -> None:
    assert list(objects(line)) == found


@pytest.mark.parametrize(
    "line",
    ["[1]", "7", '"words"', "<html>", '{"delta": "half', '{"a": 1} tail', "[" * 100_000, '{"a": ' + "9" * 5000 + "}"],
)
def test_anything_else_is_a_protocol_error_that_quotes_it(line: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        list(objects(line))
    assert len(caught.value.what) < 250


def test_objects_before_the_fault_are_given() -> None:
    found = objects('{"delta": "a"} \x1b[31m')
    assert next(found) == {"delta": "a"}
    with pytest.raises(ProtocolError) as caught:
        next(found)
    assert "\x1b" not in caught.value.what
