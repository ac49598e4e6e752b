"""What a client has sent and the conversation has not taken yet: frames of sound, and work to be done between them.

Belongs here: decoding, holding back what waits to be committed, the order. Does not belong here: what the work is
(between), how samples are coded (sound).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from voicecli.server.realtime.book import Book
from voicecli.server.realtime.sound import AppendedSound
from voicecli.types import AudioFrame

WAITING_FRAMES = 3000
"""A minute of sound may wait; a client that sends faster waits itself."""

Work = Callable[[], Awaitable[None]]
"""Something to be done between two frames."""


class Inbox:
    """`put` waits while too much waits; `frames` are those of one conversation."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._queue: asyncio.Queue[AudioFrame | Work] = asyncio.Queue(WAITING_FRAMES)
        self._next: deque[Work] = deque()
        self._ears = AppendedSound(book.settings.heard_as)
        self._held: list[AudioFrame] = []
        """What waits to be committed."""

    async def put(self, *work: AudioFrame | Work) -> None:
        for each in work:
            await self._queue.put(each)

    def soon(self, work: Work) -> None:
        """Work that a frame gives rise to: it is done before the next one, however many wait."""
        self._next.append(work)

    async def append(self, data: bytes) -> None:
        """Sound as the client codes it."""
        frames = self._ears.feed(data)
        if self._book.settings.detection is None:
            self._held += frames
        else:
            await self.put(*frames)

    def committed(self) -> list[AudioFrame]:
        """All frames that were held back until the commit; none is left."""
        frames, self._held = [*self._held, *self._ears.flush()], []
        return frames

    def clear(self) -> None:
        self._held = []
        self._ears = AppendedSound(self._book.settings.heard_as)

    async def look(self) -> None:
        """Settings have changed: sound may be coded otherwise, and the conversation looks whether it still fits."""
        if self._ears.coding != self._book.settings.heard_as:
            self._ears = AppendedSound(self._book.settings.heard_as)
        await self._queue.put(_nothing)

    async def frames(self, fits: Callable[[], bool]) -> AsyncIterator[AudioFrame]:
        """What the client sends, with what it asks between; it ends where other settings want another conversation."""
        while True:
            each = self._next.popleft() if self._next else await self._queue.get()
            if isinstance(each, AudioFrame):
                yield each
                if not self._queue.empty():
                    await asyncio.sleep(0)  # a client may send faster than time: others want to live
            elif each is not _nothing:
                await each()
            elif not fits():
                return


async def _nothing() -> None:
    """What `look` leaves in the queue."""
