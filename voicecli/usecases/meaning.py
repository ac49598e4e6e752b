"""Texts by what they mean: vectors and the formats they are written in, nearness, ranking.

Belongs here: asking, batches, lines of JSON, NumPy's array. Does not belong here: flags, how a service is spoken to.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from voicecli.errors import ProtocolError
from voicecli.usecases.writing import output

if TYPE_CHECKING:
    from voicecli.types import EmbedOptions, Ranked
    from voicecli.wiring.services import Services

BATCH = 64
"""Texts that go out with one request."""

Vector = Sequence[float]
Entry = Mapping[str, object]


class VectorSink(Protocol):
    """Takes vectors one by one; `count` is how many it has."""

    count: int

    def take(self, text: str, vector: Vector) -> None: ...
    def end(self) -> None: ...


async def embedded(services: Services, texts: Sequence[str], options: EmbedOptions, sink: VectorSink) -> None:
    """The vector of each of `texts`, in their order, into `sink`. Raises ProtocolError for wrong ones."""
    async with services.open("embed") as embedder:
        with services.report.progress("embedding", len(texts)) as show:
            for at in range(0, len(texts), BATCH):
                some = texts[at : at + BATCH]
                for text, vector in zip(some, await embedder.embed(some, options), strict=True):
                    sink.take(text, vector)
                show(sink.count)
    sink.end()


async def compared(services: Services, a: str, b: str, options: EmbedOptions) -> float:
    """How near two texts are in meaning, on the service's own scale."""
    async with services.open("similar") as comparer:
        with services.report.progress("comparing"):
            found: float = await comparer.similar(a, b, options)
    return found


async def ranked(services: Services, query: str, texts: Sequence[str], options: EmbedOptions) -> Sequence[Ranked]:
    """`texts` in the order in which they fit `query`, the best first."""
    async with services.open("rerank") as reranker:
        with services.report.progress("ranking"):
            found: Sequence[Ranked] = await reranker.rerank(query, texts, options)
    return found


@contextmanager
def vector_file(path: Path, services: Services, line: Callable[[Entry], str]) -> Iterator[VectorSink]:
    """Where vectors go in a file, which vanishes when the block raises: an array in .npy, else `line`s of JSON."""
    with output(path, services.report) as file:
        if path.suffix.lower() == ".npy":
            yield Npy(file.file)
        else:
            yield JsonLines(lambda entry: file.file.write(line(entry).encode() + b"\n"))


class JsonLines:
    """A line of JSON for each text."""

    def __init__(self, write: Callable[[Entry], object]) -> None:
        self._write = write
        self.count = 0

    def take(self, text: str, vector: Vector) -> None:
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

    def take(self, text: str, vector: Vector) -> None:
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
