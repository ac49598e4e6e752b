"""Lines and server-sent events: the same however the bytes are cut, and never more than the limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicecli.backends.transport.mixed import BARE, Mixed
from voicecli.backends.transport.sse import Event, Events, Lines, Parser
from voicecli.errors import ProtocolError


def run(parser: Parser[object], *pieces: bytes) -> list[object]:
    out = [each for piece in pieces for each in parser.feed(piece)]
    return [*out, *parser.finish()]


def events(*pieces: bytes) -> list[Event]:
    return run(Events(), *pieces)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: one\n\ndata: two\n\n", [Event("one"), Event("two")]),
        (b"data:one\r\n\r\ndata:two\r\r", [Event("one"), Event("two")]),
        (b": keep-alive\n\n: ping\n\ndata: x\n\n", [Event("x")]),
        (b"data: a\ndata: b\n\n", [Event("a\nb")]),
        (b"event: error\ndata: {}\n\ndata: y\n\n", [Event("{}", "error"), Event("y")]),
        (b"event: ping\n\ndata: z\n\n", [Event("z")]),
        (b"id: 7\nretry: 10\ndata\n\n", [Event("")]),
        (b"data: [DONE]", [Event("[DONE]")]),
        (b"data: last\n", [Event("last")]),
        (b'error: {"message":"m"}\n\n', [Event('{"message":"m"}', "error")]),
        (b"data: a\nerror: broken\n", [Event("a"), Event("broken", "error")]),
        (b'{"error":"bare"}\n\n', [Event('{"error":"bare"}')]),
        (b"\xef\xbb\xbfdata: bom\n\n", [Event("bom")]),
        ("data: 你好 \n\n".encode(), [Event("你好 ")]),
        (b"data:  two blanks\n\n", [Event(" two blanks")]),
        (b"data: \xff\n\n", [Event("\ufffd")]),
        (b"", []),
        (b"\n\n\n", []),
    ],
)
def test_events(stream: bytes, expected: list[Event]) -> None:
    assert events(stream) == expected
    assert events(*(stream[i : i + 1] for i in range(len(stream)))) == expected


def test_event_comes_out_with_its_blank_line_not_later() -> None:
    parser = Events()
    assert list(parser.feed(b"data: now\n")) == []
    assert list(parser.feed(b"\n")) == [Event("now")]
    assert list(parser.feed(b"data: cr\r\r")) == [Event("cr")]
    assert list(parser.feed(b"\ndata: after\n\n")) == [Event("after")]


_TOKENS = b'data: event: error: : \n \r \r\n \n\n { } [ ] " \\ x \xe4\xbd\xa0 \xff \xef\xbb\xbf'
alphabet = st.sampled_from([b" ", *_TOKENS.split(b" ")])
streams = st.one_of(st.lists(alphabet, max_size=40).map(b"".join), st.binary(max_size=200))


@given(streams, st.data())
def test_any_cut_gives_the_same(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert events(*pieces) == events(stream)
    assert run(Lines(), *pieces) == run(Lines(), stream)
    assert run(Mixed(), *pieces) == run(Mixed(), stream)


def bare(*texts: str) -> list[Event]:
    return [Event(text, BARE) for text in texts]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b'\xef\xbb\xbf\n {"a": {"b": "}\\"]"}}\n', bare('{"a": {"b": "}\\"]"}}')),
        (b'{"a":1}\n{"a":2}\n\n[DONE]\n', bare('{"a":1}', '{"a":2}', "[DONE]")),
        (b'{"a":1}{"a":2}, {"a":3}', bare('{"a":1}', '{"a":2}', '{"a":3}')),
        (b'[{"a":1},\n{"a":2}]', bare('[{"a":1},\n{"a":2}]')),
        (b'{"a":1}\ndata: {"a":2}\n\n', bare('{"a":1}', '{"a":2}')),
        (b'{\n  "a": 1,\n  "b": [2', bare('{\n  "a": 1,\n  "b": [2')),
        (b'data: {"a":1}\n\n', [Event('{"a":1}')]),
        (b"<html>[1]</html>", []),
        (b" \n", []),
    ],
)
def test_events_or_values_of_json(stream: bytes, expected: list[Event]) -> None:
    assert run(Mixed(), stream) == expected
    assert run(Mixed(), *(stream[i : i + 1] for i in range(len(stream)))) == expected


def test_a_value_over_the_limit_is_refused() -> None:
    with pytest.raises(ProtocolError, match="more than 10 bytes"):
        run(Mixed(10), b'{"a": "', b"x" * 20)


@given(streams)
def test_lines_are_pythons_without_the_ends(stream: bytes) -> None:
    assert run(Lines(), stream) == stream.splitlines()


@given(streams, st.integers(1, 30))
def test_only_our_error_and_only_over_the_limit(stream: bytes, limit: int) -> None:
    longest = max(map(len, stream.splitlines()), default=0)
    try:
        out = run(Lines(limit), stream)
    except ProtocolError:
        assert longest > limit
    else:
        assert longest <= limit and out == stream.splitlines()
    try:
        assert all(len(event.data) <= limit for event in run(Events(limit), stream))  # type: ignore[attr-defined]
    except ProtocolError as exc:
        assert str(limit) in str(exc)


def test_endless_line_is_stopped_early() -> None:
    parser = Events(1000)
    with pytest.raises(ProtocolError):
        for _ in range(100):
            assert list(parser.feed(b"data: " + b"x" * 100)) == []


def test_event_of_many_lines_is_stopped_early() -> None:
    parser = Events(1000)
    with pytest.raises(ProtocolError):
        for _ in range(100):
            list(parser.feed(b"data: " + b"x" * 100 + b"\n"))


def test_long_lines_in_small_pieces_cost_linear_time() -> None:
    parser = Lines()
    for _ in range(200_000):
        assert not list(parser.feed(b"0123456789"))
    (line,) = parser.feed(b"\n")
    assert len(line) == 2_000_000
