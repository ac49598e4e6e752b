"""The first line of a client of `voice mcp`, answered while the package that serves the rest is still being loaded.

Loading it takes a second or more, and clients give a server little time to answer `initialize`. The package then gets
that line all the same, so that it knows the client; its own answer, which says no other thing, is dropped.

Belongs here: that answer, and standard input and output as they would be without it. Does not belong here: tools, an
import that costs time.
"""

from __future__ import annotations

import io
import json
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from voicecli import __version__

INSTRUCTIONS = (
    "Speak with the person at this machine: converse to say something and hear the answer, ask for a decision. Keep"
    " what is spoken to one or two short sentences, without code, paths or addresses: those belong on the screen."
)
VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Of the protocol, as far as it begins with `initialize`; who wants another one gets the last."""
CAPABILITIES = {
    "prompts": {"listChanged": False},
    "resources": {"listChanged": False, "subscribe": False},
    "tools": {"listChanged": False},
}
LONGEST = 65_536
"""Bytes of a first line that is answered here."""


def greeting(line: bytes) -> bytes:
    """The answer to `line`; b"" where it is anything but a plain `initialize`. Pure."""
    try:
        match json.loads(line):
            case {
                "jsonrpc": "2.0",
                "id": int() | str() as number,
                "method": "initialize",
                "params": {
                    "protocolVersion": str(version),
                    "capabilities": {} as able,
                    "clientInfo": {"name": str(), "version": str()} as who,
                },
            } if not isinstance(number, bool) and all(isinstance(each, dict) for each in able.values()):
                return _answer(number, version) if who.keys() <= {"name", "version", "title"} else b""
    except (ValueError, RecursionError):
        pass
    return b""


def _answer(number: int | str, version: str) -> bytes:
    result = {
        "capabilities": CAPABILITIES,
        "instructions": INSTRUCTIONS,
        "protocolVersion": version if version in VERSIONS else VERSIONS[-1],
        "serverInfo": {"name": "voice", "version": __version__},
    }
    return json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode() + b"\n"


class _Again(io.RawIOBase):
    """Reads `data` and then what `source` gives, until `hang_up`: a thread that waits for a client then goes on."""

    def __init__(self, data: bytes, source: int) -> None:
        self._data, self._source = data, source
        self._woken, self._wake = os.pipe()

    def hang_up(self) -> None:
        os.write(self._wake, b"x")

    def _read(self, most: int) -> bytes:
        if os.name == "posix" and self._woken in select.select([self._source, self._woken], [], [])[0]:
            return b""
        return os.read(self._source, most)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._data[: len(buffer)] or self._read(len(buffer))
        self._data = self._data[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


class _Rest(io.RawIOBase):
    """Writes to `target` what comes after the first line, or all of it; `gone` is called when nobody reads it."""

    def __init__(self, target: int, gone: Callable[[], None], *, skipped: bool) -> None:
        self._target, self._gone, self._skipped = target, gone, skipped

    def writable(self) -> bool:
        return True

    def write(self, data: memoryview) -> int:  # type: ignore[override]
        if not self._skipped:
            line, end, _ = bytes(data).partition(b"\n")
            self._skipped = bool(end)
            return len(line + end)
        try:
            return os.write(self._target, data)
        except OSError:
            self._gone()
            raise


@contextmanager
def greeted() -> Iterator[Callable[[], None]]:
    """A plain `initialize` that comes first is answered. What others print in the block goes to stderr.

    Yields what ends the input: nothing else wakes who reads it in a thread.
    """
    source, target = os.dup(0), os.dup(1)
    came = b""
    while b"\n" not in came and len(came) < LONGEST and (more := os.read(source, LONGEST)):
        came += more
    answer = greeting(came.partition(b"\n")[0])
    os.write(target, answer)
    kept = sys.stdin, sys.stdout
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    again = _Again(came, source)
    sys.stdin = io.TextIOWrapper(io.BufferedReader(again))
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(_Rest(target, again.hang_up, skipped=not answer)))
    try:
        yield again.hang_up
    finally:
        sys.stdin, sys.stdout = kept
        os.dup2(source, 0)
        os.dup2(target, 1)
