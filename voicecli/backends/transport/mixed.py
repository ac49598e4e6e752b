"""Events or JSON out of bytes, whichever they turn out to be: content types of services lie.

Belongs here: pure push parsers. A body that begins with `{` or `[` holds values of JSON: one, pretty-printed or not, or
several, on lines of their own (NDJSON), after one another, behind `data:`. Anything else holds server-sent events.
Does not belong here: sockets, what a value means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from voicecli.backends.transport.sse import LIMIT, LINES, Event, Events, Parser
from voicecli.errors import ProtocolError

BARE = "json"
"""The name of an event that was a value of JSON by itself."""

HEAD = 2048
"""Bytes of a body's beginning that are kept, to be quoted where it made no sense."""

_BOM = b"\xef\xbb\xbf"
_STRUCTURE = re.compile(rb'["{}\[\]]')
_OPENING = re.compile(rb"[{\[]")
_IN_STRING = re.compile(rb'["\\]')


class Mixed:
    """See the module. `head` is how the body began, `bare` whether it held values of JSON."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._inner: Parser[Event] | None = None
        self._held: bytes | None = b""
        self.head = b""
        self.bare = False

    def feed(self, data: bytes) -> Iterator[Event]:
        """The events that `data` completes. Raises ProtocolError for one over the limit."""
        self.head += data[: HEAD - len(self.head)]
        if self._held is not None:
            self._held += data
            if _BOM.startswith(self._held):
                return iter(())
            data, self._held = self._held.removeprefix(_BOM), None
        if self._inner is None:
            data = data.lstrip(b" \t\r\n")
            if not data:
                return iter(())
            self.bare = data[:1] in (b"{", b"[")
            self._inner = Values(self._limit) if self.bare else Events(self._limit)
        return self._inner.feed(data)

    def finish(self) -> Iterator[Event]:
        """What is left: a last event, or a value that was cut off."""
        return self._inner.finish() if self._inner is not None else iter(())


class Values:
    """Cuts bytes into whole values of JSON, objects and lists; what stands between them is passed over."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit, self._count = limit, 0
        self._value = bytearray()
        self._depth = 0
        self._string = self._escaped = False

    def feed(self, data: bytes) -> Iterator[Event]:
        """The values that `data` completes. Raises ProtocolError for one over the limit, or too many."""
        at = 0
        while at < len(data):
            if not self._depth:
                opening = _OPENING.search(data, at)
                if opening is None:
                    return
                at = opening.start()
            begin, at = at, self._end(data, at)
            self._value += data[begin:at]
            if len(self._value) > self._limit:
                raise ProtocolError(f"sent a value of more than {self._limit} bytes")
            if not self._depth:
                yield self._taken()

    def finish(self) -> Iterator[Event]:
        """A value that was cut off, which will be no JSON."""
        if self._value:
            yield self._taken()

    def _taken(self) -> Event:
        self._count += 1
        if self._count > LINES:
            raise ProtocolError(f"sent more than {LINES:,} values")
        text = self._value.decode("utf-8", "replace")
        self._value.clear()
        return Event(text, BARE)

    def _end(self, data: bytes, at: int) -> int:
        """Where the value that goes on at `at` ends, or the data."""
        while at < len(data):
            if self._escaped:
                at, self._escaped = at + 1, False
                continue
            found = (_IN_STRING if self._string else _STRUCTURE).search(data, at)
            if found is None:
                return len(data)
            at = found.end()
            if self._step(found.group()):
                return at
        return at

    def _step(self, sign: bytes) -> bool:
        """Takes one sign of structure. Whether a value ends with it."""
        if self._string:
            self._string, self._escaped = sign != b'"', sign == b"\\"
            return False
        if sign == b'"':
            self._string = True
            return False
        self._depth += 1 if sign in b"{[" else -1
        return self._depth == 0
