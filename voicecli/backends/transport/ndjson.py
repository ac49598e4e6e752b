"""JSON objects out of a body that holds one on each line.

Belongs here: the pure step from a line to its objects. Does not belong here: cutting bytes into lines
(sse.Lines does that, inside a UTF-8 character too), sockets, any one service's fields.

Tolerated beyond one object on each line: blank lines, several objects on a line, and a server that
writes `data: ` before them or a byte order mark before the first.
Source: https://github.com/ndjson/ndjson-spec
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from voicecli.errors import ProtocolError

_DECODER = json.JSONDecoder()
_SHOWN = 80


def objects(line: str) -> Iterator[dict[str, object]]:
    """The objects on a line, in order. Raises ProtocolError at the first thing that is none."""
    rest = line.removeprefix("\ufeff").strip().removeprefix("data:").strip()
    while rest:
        found, end = _decoded(rest)
        if not isinstance(found, dict):
            raise ProtocolError(f"sent a line that is not a JSON object: {_shown(rest)}")
        yield found
        rest = rest[end:].lstrip()


def _decoded(text: str) -> tuple[object, int]:
    try:
        return _DECODER.raw_decode(text)
    except (ValueError, RecursionError) as exc:
        raise ProtocolError(f"sent a line that is not JSON: {_shown(text)}") from exc


def _shown(text: str) -> str:
    return ascii(text[:_SHOWN]) if not text[:_SHOWN].isprintable() else repr(text[:_SHOWN])
