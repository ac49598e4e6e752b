"""Lines and server-sent events out of bytes that arrive in any pieces.

Belongs here: pure push parsers. Feed them bytes, take what is complete; the same input gives the
same output however it is cut. Does not belong here: sockets, JSON, any one service's fields.

Tolerated beyond the standard: a last event without its blank line, a bare `error: …` line (taken for
an event of that name), and a line that begins with `{` (taken for data).
Source: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from voicecli.errors import ProtocolError

LIMIT = 8 * 1024 * 1024
"""Bytes that one line, and the data of one event, may have."""

LINES = 4_000_000
"""Lines that one body may have, empty ones too: an event has two at least, and no answer a million words."""

_END = re.compile(rb"[\r\n]")


T = TypeVar("T", covariant=True)


class Parser(Protocol[T]):
    """Pieces of bytes in, whole things out. Raises ProtocolError for what passes its limit."""

    def feed(self, data: bytes, /) -> Iterator[T]: ...
    def finish(self) -> Iterator[T]: ...


class Lines:
    """Cuts bytes into lines at LF, CRLF or CR; the ends are not part of the lines."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit, self._most, self._count = limit, LINES, 0
        self._buffer = bytearray()
        self._after_cr = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that `data` completes. Raises ProtocolError for a line over the limit, or too many."""
        start = 0
        if self._after_cr and data:
            start, self._after_cr = int(data[:1] == b"\n"), False
        while end := _END.search(data, start):
            line = self._take(data[start : end.start()])
            start = end.end()
            if end.group() == b"\r":
                self._after_cr = start == len(data)
                start += data[start : start + 1] == b"\n"
            yield line
        self._hold(data[start:])

    def finish(self) -> Iterator[bytes]:
        """The last line, when the input ended without a line end."""
        if self._buffer:
            yield self._take(b"")

    def _take(self, rest: bytes) -> bytes:
        self._hold(rest)
        self._count += 1
        if self._count > self._most:
            raise ProtocolError(f"sent more than {self._most:,} lines")
        line = bytes(self._buffer)
        self._buffer.clear()
        return line

    def _hold(self, rest: bytes) -> None:
        if len(self._buffer) + len(rest) > self._limit:
            raise ProtocolError(f"sent a line of more than {self._limit} bytes")
        self._buffer += rest


class TextLines:
    """Cuts bytes into lines of UTF-8, as `Lines` does; what is no UTF-8 is replaced."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._lines = Lines(limit)

    def feed(self, data: bytes) -> Iterator[str]:
        return (line.decode("utf-8", "replace") for line in self._lines.feed(data))

    def finish(self) -> Iterator[str]:
        return (line.decode("utf-8", "replace") for line in self._lines.finish())


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event; `name` is "message" unless the service named it."""

    data: str
    name: str = "message"


class Events:
    """Cuts bytes into server-sent events."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._lines = Lines(limit)
        self._data: list[str] = []
        self._size = 0
        self._name = ""
        self._first = True

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that `data` completes. Raises ProtocolError for one over the limit."""
        for line in self._lines.feed(data):
            yield from self._line(line)

    def finish(self) -> Iterator[Event]:
        """The last event, when the input ended without a blank line."""
        for line in (*self._lines.finish(), b""):
            yield from self._line(line)

    def _line(self, line: bytes) -> Iterator[Event]:
        if self._first:
            line, self._first = line.removeprefix(b"\xef\xbb\xbf"), False
        if not line:
            yield from self._dispatch()
        elif line.startswith(b"{"):
            self._add(line)
        elif not line.startswith(b":"):
            yield from self._field(line)

    def _field(self, line: bytes) -> Iterator[Event]:
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._add(value)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
        elif field == b"error":
            yield from self._dispatch()
            yield Event(value.decode("utf-8", "replace"), "error")

    def _add(self, value: bytes) -> None:
        self._size += len(value) + 1
        if self._size > self._limit + 1:
            raise ProtocolError(f"sent an event of more than {self._limit} bytes")
        self._data.append(value.decode("utf-8", "replace"))

    def _dispatch(self) -> Iterator[Event]:
        data, name = self._data, self._name
        self._data, self._size, self._name = [], 0, ""
        if data:
            yield Event("\n".join(data), name or "message")
