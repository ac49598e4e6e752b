"""Text on its way to a voice: out of stdin while it still arrives, and cut into pieces that a service takes.

Belongs here: reading and decoding piped text, markup to spoken words, words to pieces, as they come.
Does not belong here: where a sentence ends (dialogue), speaking the pieces, flags.
"""

from __future__ import annotations

import asyncio
import codecs
import io
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import IO, TYPE_CHECKING, Any

from voicecli.errors import InputError

if TYPE_CHECKING:
    from voicecli.backends.family import Limits

BLOCK = 65_536
"""Bytes or characters that are worked on at once: a long text costs no more memory than a short one."""

BLOCKS_AHEAD = 4
"""Blocks of stdin that are read before anybody wants them."""


class Cut(Enum):
    """How the text is cut: a first sentence at once, then more and more; all that the service takes; for subtitles."""

    SOON = "soon"
    FULL = "full"
    SENTENCES = "sentences"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text becomes pieces. `by_line`: a line is a text of its own."""

    limits: Limits
    cut: Cut = Cut.SOON
    literal: bool = False
    language: str | None = None
    by_line: bool = False

    def splitter(self) -> Any:
        from voicecli.text import sentences

        chars, octets = self.limits.speech_characters, self.limits.speech_bytes
        if self.cut is Cut.SOON:
            return sentences.SentenceSplitter(False, chars, octets)
        joined = {Cut.FULL: sentences.FULL, Cut.SENTENCES: sentences.EACH}[self.cut]
        return sentences.SentenceSplitter(False, chars, octets, joined)

    def words(self) -> Any:
        from voicecli.text.spoken import Speakable

        return _Literal() if self.literal else Speakable(self.language)


class _Literal:
    """Every sign is read."""

    def feed(self, text: str) -> str:
        return text

    def flush(self) -> str:
        return ""


async def pieces(texts: AsyncIterator[str], reading: Reading) -> AsyncGenerator[str]:
    """The pieces of a text that arrives in any portions; each as soon as it is certain where it ends."""
    reader = _Lines(reading) if reading.by_line else _Flow(reading)
    async for text in texts:
        for piece in reader.feed(text):
            yield piece
    for piece in reader.flush():
        yield piece


class _Flow:
    """One text.

    White space is held back with the word that follows it; but where it is the last that arrived, it tells
    that "12." is a sentence's end and not the beginning of 12.5.
    """

    def __init__(self, reading: Reading) -> None:
        self._words, self._splitter = reading.words(), reading.splitter()
        self._waits = reading.cut is Cut.FULL  # the last portion, to be joined to the one before
        self._waiting = ""
        self._spaced = False

    def feed(self, text: str) -> Iterator[str]:
        said = self._words.feed(text)
        if self._waits:
            said, self._waiting = self._waiting, said
            yield from self._splitter.feed(said)
        else:
            yield from self._splitter.feed(self._with_space(said, text))

    def flush(self) -> Iterator[str]:
        yield from self._splitter.flush(self._waiting + self._words.flush())

    def _with_space(self, said: str, text: str) -> str:
        said = said[1:] if self._spaced and said.startswith(" ") else said
        self._spaced = text[-1:].isspace() and (bool(said) or self._spaced)
        return said + " " if self._spaced and not said.endswith(" ") else said


class _Lines:
    """Many texts, one a line."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._rest = ""

    def feed(self, text: str) -> Iterator[str]:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            yield from self._said(line)

    def flush(self) -> Iterator[str]:
        rest, self._rest = self._rest, ""
        yield from self._said(rest)

    def _said(self, line: str) -> Iterator[str]:
        flow = _Flow(self._reading)
        yield from flow.feed(line)
        yield from flow.flush()


async def whole(text: str) -> AsyncGenerator[str]:
    """A text that is there already, in portions."""
    for at in range(0, len(text), BLOCK):
        yield text[at : at + BLOCK]
        await asyncio.sleep(0)  # cutting a book must not keep the loudspeaker waiting


# -- stdin -----------------------------------------------------------------------------------------


async def arriving(stream: IO[bytes]) -> AsyncGenerator[str]:
    """The text of `stream` as it arrives. InputError: it is no text, or can't be read."""
    decoder = TextDecoder()
    async for data in _bytes(stream):
        if text := decoder.feed(data):
            yield text
    if text := decoder.flush():
        yield text


class TextDecoder:
    """UTF-8 (or UTF-16 with its mark) that arrives in pieces. Raises InputError for bytes that are no text."""

    MARKS = (b"\xff\xfe", b"\xfe\xff")

    def __init__(self) -> None:
        self._decoder: codecs.IncrementalDecoder | None = None
        self._binary_allowed = False
        self._head = b""

    def feed(self, data: bytes) -> str:
        if self._decoder is None:
            self._head += data
            if len(self._head) < 2:
                return ""
            data, self._head = self._head, b""
            self._choose(data)
        return self._decoded(data)

    def flush(self) -> str:
        """What is left, the text having ended."""
        if self._decoder is None:
            self._choose(self._head)
        return self._decoded(self._head, final=True)

    def _choose(self, head: bytes) -> None:
        self._binary_allowed = head[:2] in self.MARKS
        self._decoder = codecs.getincrementaldecoder("utf-16" if self._binary_allowed else "utf-8-sig")("replace")

    def _decoded(self, data: bytes, final: bool = False) -> str:
        assert self._decoder is not None
        if b"\0" in data and not self._binary_allowed:
            raise InputError("is binary, not text", who="stdin", cure="Sound is for 'voice transcribe'.")
        return self._decoder.decode(data, final)


async def _bytes(stream: IO[bytes]) -> AsyncGenerator[bytes]:
    """Read on a daemon thread: a silent pipe never delays leaving. Waits for whoever takes the blocks."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    room = threading.Semaphore(BLOCKS_AHEAD)

    def put(item: bytes | OSError) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody wants it
            loop.call_soon_threadsafe(queue.put_nowait, item)

    threading.Thread(target=_read, args=(_reader(stream), room, put), daemon=True, name="voice-stdin").start()
    while data := await queue.get():
        if isinstance(data, OSError):
            raise InputError(data.strerror or str(data), who="stdin") from data
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
