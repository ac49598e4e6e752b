"""What is read for a piece of work: texts and files whole, or a pipe while it still arrives.

Belongs here: opening and reading, and what an OSError means to a person. Does not belong here: what is done with it,
flags, encodings (text.decoding), sound files (audio).
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO

from voicecli.errors import InputError, UsageError, unreadable
from voicecli.text.decoding import TextDecoder, exact_text, taken

STD = "-"
"""How stdin and stdout are called among files."""

BLOCK = 65_536
"""Bytes that are read at once."""

BLOCKS_AHEAD = 4
"""Blocks of a stream that are read before anybody wants them."""


def read_text(path: Path) -> str:
    """The text of a file. Raises InputError that says why it can't be read, or that it is no text."""
    return exact_text(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """A file whole, as large as a text may be. Raises InputError that says why it can't be read."""
    try:
        with path.open("rb") as file:
            return taken(file.read, str(path))
    except OSError as exc:
        raise unreadable(path, exc) from exc


def one_of(value: str, allowed: Sequence[str], flag: str) -> str:
    """`value` when it is allowed, in lower case. Raises UsageError naming what is."""
    if value.lower() in allowed:
        return value.lower()
    raise UsageError(f"{flag} does not know '{value}'", cure=f"It knows: {', '.join(allowed)}.")


@contextmanager
def readable(path: str) -> Iterator[BinaryIO]:
    """A file that is there, is not empty, and can be sought in (a pipe is read first). Raises InputError."""
    try:
        file: BinaryIO = Path(path).open("rb")  # noqa: SIM115
    except OSError as exc:
        raise unreadable(path, exc) from exc
    with file:
        found = file if file.seekable() else io.BytesIO(taken(file.read, path))
        if not found.read(1):
            raise InputError("is empty", who=path)
        found.seek(0)
        yield found


# -- a stream while it arrives ---------------------------------------------------------------------


async def arriving(stream: IO[bytes], who: str = "stdin") -> AsyncGenerator[str]:
    """The text of `stream` as it arrives. Raises InputError: it is no text, or can't be read."""
    decoder = TextDecoder(who)
    async for data in _bytes(stream, who):
        if text := decoder.feed(data):
            yield text
    if text := decoder.flush():
        yield text


async def _bytes(stream: IO[bytes], who: str) -> AsyncGenerator[bytes]:
    """Read on a daemon thread: a silent pipe never delays leaving. Waits for whoever takes the blocks."""
    import asyncio

    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    room = threading.Semaphore(BLOCKS_AHEAD)

    def put(item: bytes | OSError) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody wants it
            loop.call_soon_threadsafe(queue.put_nowait, item)

    threading.Thread(target=_read, args=(_reader(stream), room, put), daemon=True, name="voice-stdin").start()
    while data := await queue.get():
        if isinstance(data, OSError):
            raise unreadable(who, data) from data
        yield data
        room.release()


def _reader(stream: IO[bytes]) -> Callable[[], bytes]:
    """How to read what there is. Around Python's buffer: its lock would be held when the program leaves."""
    try:
        number = stream.fileno()
    except (OSError, io.UnsupportedOperation):
        return lambda: stream.read(BLOCK)
    return lambda: os.read(number, BLOCK)


def _read(read: Callable[[], bytes], room: threading.Semaphore, put: Callable[[bytes | OSError], None]) -> None:
    data = b" "
    while data:
        room.acquire()
        try:
            data = read()
        except OSError as exc:
            put(exc)
            return
        put(data)
