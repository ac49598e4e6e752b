"""`voice embed`: texts to vectors, as lines of JSON or as a NumPy array.

Belongs here: the flags, batches, the two formats. Does not belong here: how a service is spoken to.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Protocol

import typer

from voicecli.commands import media_work
from voicecli.commands import session as common
from voicecli.commands.session import Input, Model, Output, Session
from voicecli.errors import ProtocolError
from voicecli.verbs import meaning

if TYPE_CHECKING:
    from voicecli.types import EmbedOptions

BATCH = 64
"""Texts that go out with one request."""


def embed(
    ctx: typer.Context,
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]...", help=meaning("embed", "texts") + " - is stdin, a text a line."),
    ] = None,
    input: Input = None,
    output: Output = None,
    model: Model = None,
) -> None:
    """Turn texts into vectors.

    Examples:
      voice embed "hello world" "good morning"
      voice embed - < notes.txt | jq -c .vector
      voice embed -i notes.txt -o vectors.npy

    Each text becomes a line of JSON: {"text": …, "vector": […]}. A file that ends with .npy is an array for NumPy, a
    row of float32 for each text. Blank lines are left out.
    """
    from voicecli.types import EmbedOptions

    session = common.session(ctx)
    if output not in (None, media_work.STD):
        media_work.refuse_target(str(output), input)
    options = EmbedOptions(model)
    family, _ = session.choose("embed")
    session.check(family, "embed", options)
    found = media_work.lines(session, texts, input, "texts")
    common.run(lambda: _embedded(session, found, options, output))


async def _embedded(session: Session, texts: list[str], options: EmbedOptions, output: str | None) -> None:
    with _sink(session, output) as sink:
        async with session.open("embed") as embedder:
            with session.console.progress("embedding", len(texts)) as show:
                async for some, vectors in _batches(embedder, texts, options):
                    for text, vector in zip(some, vectors, strict=True):
                        sink.take(text, vector)
                    show(sink.count)
        sink.end()


async def _batches(
    embedder: Any, texts: list[str], options: EmbedOptions
) -> AsyncIterator[tuple[list[str], Sequence[Sequence[float]]]]:
    for at in range(0, len(texts), BATCH):
        some = texts[at : at + BATCH]
        yield some, await embedder.embed(some, options)


# -- formats ---------------------------------------------------------------------------------------


class Sink(Protocol):
    """Takes vectors one by one; `count` is how many it has."""

    count: int

    def take(self, text: str, vector: Sequence[float]) -> None: ...
    def end(self) -> None: ...


@contextmanager
def _sink(session: Session, output: str | None) -> Iterator[Sink]:
    """Where the vectors go; a file vanishes when the block raises."""
    if output in (None, media_work.STD):
        yield Lines(session.console.json_line)
        return
    from voicecli.audio import files
    from voicecli.terminal.console import dump_json

    with files.atomic(Path(str(output))) as file:
        if str(output).lower().endswith(".npy"):
            yield Npy(file)
        else:
            yield Lines(lambda entry: file.write(dump_json(entry).encode() + b"\n"))


class Lines:
    """A line of JSON for each text."""

    def __init__(self, write: Callable[[Any], object]) -> None:
        self._write = write
        self.count = 0

    def take(self, text: str, vector: Sequence[float]) -> None:
        self._write({"text": text, "vector": list(vector)})
        self.count += 1

    def end(self) -> None:
        """Lines have no end of their own."""


class Npy:
    """A two-dimensional array of float32 in NumPy's format 1.0, written as it comes; only a row is in memory.

    Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
    """

    HEADER = 128

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._width = self.count = 0
        self._held = bytearray() if not file.seekable() else None
        self._put(self._header() if self._held is None else b"")

    def take(self, text: str, vector: Sequence[float]) -> None:
        """Raises ProtocolError for a vector of another length than the first."""
        self._width = self._width or len(vector)
        if len(vector) != self._width:
            raise ProtocolError(f"the service answered with vectors of {self._width} and of {len(vector)} numbers")
        row = array("f", vector)
        if sys.byteorder == "big":
            row.byteswap()
        self._put(row.tobytes())
        self.count += 1

    def end(self) -> None:
        """The header tells how many there are."""
        if self._held is None:
            self._file.seek(0)
        self._file.write(self._header())
        self._file.write(bytes(self._held or b""))

    def _put(self, data: bytes) -> None:
        if self._held is None:
            self._file.write(data)
        else:
            self._held += data

    def _header(self) -> bytes:
        told = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({self.count}, {self._width}), }}"
        size = self.HEADER - 10
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", size) + told.ljust(size - 1).encode() + b"\n"
