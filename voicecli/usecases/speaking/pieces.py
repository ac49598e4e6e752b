"""Text on its way to a voice: markup to spoken words, words to pieces that a service takes, while they arrive.

Belongs here: how a text is cut for whom. Does not belong here: where a sentence ends (text.sentences), reading files
and pipes (usecases.inputs), speaking the pieces.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol, TypeVar

from voicecli.errors import InputError

if TYPE_CHECKING:
    from voicecli.backends.family import Limits
    from voicecli.text.sentences import SentenceSplitter

T = TypeVar("T")

BLOCK = 65_536
"""Characters that are worked on at once: a long text costs no more memory than a short one."""


class Pieces(Enum):
    """How a text is cut: a first sentence at once, then more and more; all that the service takes; for subtitles."""

    SOON = "soon"
    FULL = "full"
    SENTENCES = "sentences"


class Words(Protocol):
    """Takes text as it arrives, gives what is to be spoken of it."""

    def feed(self, text: str) -> str: ...
    def flush(self) -> str: ...


@dataclass(frozen=True, slots=True)
class TextReading:
    """How a text becomes pieces. `by_line`: a line is a text of its own; `literal`: markup is read sign by sign."""

    limits: Limits
    cut: Pieces = Pieces.SOON
    literal: bool = False
    language: str | None = None
    by_line: bool = False

    def splitter(self) -> SentenceSplitter:
        from voicecli.text import sentences

        chars, octets = self.limits.speech_characters, self.limits.speech_bytes
        if self.cut is Pieces.SOON:
            return sentences.SentenceSplitter(False, chars, octets)
        joined = {Pieces.FULL: sentences.FULL, Pieces.SENTENCES: sentences.EACH}[self.cut]
        return sentences.SentenceSplitter(False, chars, octets, joined)

    def words(self) -> Words:
        from voicecli.text.spoken import Speakable

        return _Literal() if self.literal else Speakable(self.language)


class _Literal:
    """Every sign is read."""

    def feed(self, text: str) -> str:
        return text

    def flush(self) -> str:
        return ""


async def pieces(text: str | AsyncIterator[str], reading: TextReading) -> AsyncGenerator[str]:
    """The pieces of a text that arrives in any portions; each as soon as it is certain where it ends.

    Of a whole text the reasoning at its beginning is not read, also where only its end is marked.
    """
    from voicecli.text.reasoning import without

    text = without(text) if isinstance(text, str) and not reading.literal else text
    reader = _Lines(reading) if reading.by_line else _Flow(reading)
    async for portion in _whole(text) if isinstance(text, str) else text:
        for piece in reader.feed(portion):
            yield piece
    for piece in reader.flush():
        yield piece


async def _whole(text: str) -> AsyncGenerator[str]:
    """A text that is there already, in portions: cutting a book must not keep the loudspeaker waiting."""
    import asyncio

    for at in range(0, len(text), BLOCK):
        yield text[at : at + BLOCK]
        await asyncio.sleep(0)


class _Flow:
    """One text.

    White space is held back with the word that follows it; but where it is the last that arrived, it tells
    that "12." is a sentence's end and not the beginning of 12.5.
    """

    def __init__(self, reading: TextReading) -> None:
        self._words, self._splitter = reading.words(), reading.splitter()
        self._waits = reading.cut is Pieces.FULL  # the last portion, to be joined to the one before
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


_LINE_END = re.compile("\r\n?|\n")


class _Lines:
    """Many texts, one a line."""

    def __init__(self, reading: TextReading) -> None:
        self._reading = reading
        self._rest = ""

    def feed(self, text: str) -> Iterator[str]:
        *lines, self._rest = _LINE_END.split(self._rest + text)
        for line in lines:
            yield from self._said(line)

    def flush(self) -> Iterator[str]:
        rest, self._rest = self._rest, ""
        yield from self._said(rest)

    def _said(self, line: str) -> Iterator[str]:
        flow = _Flow(self._reading)
        yield from flow.feed(line)
        yield from flow.flush()


async def chained(heads: Iterable[T], rest: AsyncIterator[T]) -> AsyncGenerator[T]:
    """`heads`, which were taken from `rest` before, and then the others."""
    for head in heads:
        yield head
    async for each in rest:
        yield each


async def with_something(found: AsyncIterator[str]) -> AsyncGenerator[str]:
    """The same pieces. Raises InputError, at the first, when there are none."""
    some = False
    async for piece in found:
        some = True
        yield piece
    if not some:
        raise InputError("there is nothing to say", cure="The text has no words; --literal reads every sign.")
