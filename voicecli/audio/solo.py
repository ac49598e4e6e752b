"""One sound out of the loudspeaker, as it arrives: a playout with a single lane.

Belongs here: opening the device while the first sound is awaited, holding back what comes too fast, waiting for the
last sample. Does not belong here: when what is late is waited for (playout, pace), decoding (codec).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from voicecli.audio import devices
from voicecli.audio.pace import Pace
from voicecli.audio.playback import SoundCardLoudspeaker
from voicecli.audio.playout import Playout
from voicecli.errors import task_group

FULL_S = 10.0
"""Seconds of sound that are taken before they can be played."""

TAIL_S = 0.1
"""Seconds to wait after the last sample: devices claim a delay that is short by some milliseconds."""

SHOW_S = 0.1
Show = Callable[[str], object]


class Solo:
    """`play` plays s16le mono at `rate`. `begin` tells that the sound of another text comes now.

    A `pace` that is given remembers for the next sound how late a voice's pieces come. `show` is told of each text
    when it sounds, and of "" at the end.
    """

    def __init__(
        self, rate: int, device: devices.Wanted = None, pace: Pace | None = None, show: Show | None = None
    ) -> None:
        self._device = device
        self._playout, self._moved = Playout(rate, pace, capacity_s=FULL_S), asyncio.Event()
        self._lane = self._playout.lane(self._moved.set)
        self._show, self._written, self._texts = show, 0, deque[tuple[int, str]]()

    def begin(self, text: str) -> None:
        """The sound of `text` comes next; what was written before is complete."""
        self._lane.complete()
        self._lane.begin(text)
        self._texts.append((self._written, text))

    async def play(self, chunks: AsyncIterator[bytes]) -> float:
        """Plays all; returns when the last sample has sounded, with the seconds. DeviceError: no device, or lost.

        The device is opened (and woken) while the first chunk is still awaited.
        """
        async with task_group() as tasks:
            tasks.create_task(self._sound())
            showing = tasks.create_task(self._follow(self._show)) if self._show else None
            async for chunk in chunks:
                self._lane.write(chunk, asyncio.get_running_loop().time())
                self._written += len(chunk) // 2
                await self._until(lambda: self._lane.room)
            self._lane.complete()
            self._lane.finish()
            await self._until(lambda: self._lane.drained is not None)
            if showing:
                showing.cancel()
        return self._lane.played / self._playout.rate

    async def _follow(self, show: Show) -> None:
        """Tells which text sounds, until cancelled."""
        try:
            while True:
                while self._texts and self._texts[0][0] <= self._lane.played and self._lane.played:
                    show(self._texts.popleft()[1])
                await asyncio.sleep(SHOW_S)
        finally:
            show("")

    async def _sound(self) -> None:
        """Opens the loudspeaker and keeps it until all has sounded. What is given to one asleep may be lost."""
        async with SoundCardLoudspeaker(self._device, self._playout, self._playout.pump, devices.WHOLE) as speaker:
            self._lane.open()
            async with asyncio.TaskGroup() as tasks:
                watch = tasks.create_task(speaker.keep())
                await self._until(lambda: self._lane.drained is not None)
                ends_at = (self._lane.drained or 0.0) + TAIL_S
                await asyncio.sleep(max(0.0, ends_at - asyncio.get_running_loop().time()))
                watch.cancel()

    async def _until(self, true: Callable[[], bool]) -> None:
        while not true():
            self._moved.clear()
            await self._moved.wait()


async def play(chunks: AsyncIterator[bytes], rate: int, device: devices.Wanted = None) -> float:
    """Plays s16le mono at `rate` (whole samples) as it arrives; returns when the last has sounded, with the seconds."""
    solo = Solo(rate, device)
    solo.begin("")
    return await solo.play(chunks)
