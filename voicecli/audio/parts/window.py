"""A stretch of a file as a file of its own, with a header of our making before it.

Belongs here: reading at any place, a window on a file. Does not belong here: what a container is.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """One recording in a file: bytes [start, end) behind a `head` of ours. `seconds`, where its frames were counted."""

    start: int
    end: int
    head: bytes = b""
    seconds: float | None = None


class Bytes:
    """The bytes of a file at any place. One block of it is in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._first, self._block = 0, b""
        self.size = file.seek(0, io.SEEK_END)

    def at(self, where: int, count: int) -> bytes:
        """Up to `count` bytes from `where` on; fewer at the end."""
        if not self._first <= where <= where + count <= self._first + len(self._block):
            self._file.seek(where)
            self._first, self._block = where, self._file.read(max(count, BLOCK))
        return self._block[where - self._first : where - self._first + count]

    def find(self, mark: re.Pattern[bytes], start: int, longest: int) -> Iterator[int]:
        """Where `mark` stands, from `start` on. It is `longest` bytes at most."""
        past = start
        while start < self.size:
            self.at(start, min(longest, self.size - start))
            block, first = self._block, self._first
            for found in mark.finditer(block, start - first):
                if (where := first + found.start()) >= past:
                    yield where
                    past = where + 1
            if first + len(block) >= self.size:
                return
            start = max(start + 1, first + len(block) - longest + 1)


class Window(io.RawIOBase):
    """A part of a file, to be read and sought in. Several may be open on one file, of which one is read at a time."""

    def __init__(self, file: BinaryIO, part: Part) -> None:
        super().__init__()
        self._file, self._part, self._at = file, part, 0
        self._size = len(part.head) + part.end - part.start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        """The next bytes, as many as there is room for; 0 at the end."""
        view = memoryview(buffer).cast("B")
        head = self._part.head[self._at : self._at + len(view)]
        view[: len(head)] = head
        size = min(len(view), max(0, self._size - self._at))
        if len(head) < size:
            self._file.seek(self._part.start + self._at + len(head) - len(self._part.head))
            rest = self._file.read(size - len(head))
            view[len(head) : len(head) + len(rest)] = rest
            size = len(head) + len(rest)
        self._at += size
        return size
