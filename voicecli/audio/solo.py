"""One sound out of the loudspeaker, as it arrives: a playout with a single lane.

Belongs here: opening the device while the first sound is awaited, holding back what comes too fast, waiting for the
last sample. Does not belong here: when what is late is waited for (playout, pace), decoding (codec).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from voicecli.audio import devices
from voicecli.audio.pace import Pace
from voicecli.audio.playback import Loudspeaker
from voicecli.audio.playout import Drained, Hungry, Playout
from voicecli.errors import only

FULL_S = 10.0
"""Sound that is taken before it can be played."""

TAIL_S = 0.1
"""Waited after the last sample: what devices claim of their delay is short by some ms."""


class Solo:
    """`play` plays s16le mono at `rate`. `begin` tells that the sound of another text comes now.

    A `pace` that is given remembers for the next sound how late a voice's pieces come.
    """

    def __init__(self, rate: int, device: devices.Wanted = None, pace: Pace | None = None) -> None:
        self._device, self._pace = device, pace or Pace(rate)
        self._playout = Playout(rate, capacity_s=FULL_S)
        self._lane = self._playout.lane()
        self._piece = self._pace.asked("")
        self._room, self._drained = asyncio.Event(), asyncio.Event()
        self._ends_at = 0.0

    def begin(self, text: str) -> None:
        """The sound of `text` comes next; what was written before is complete."""
        self._playout.release(self._lane)
        self._pace.ended(self._piece)
        self._piece = self._pace.asked(text)

    async def play(self, chunks: AsyncIterator[bytes]) -> float:
        """Plays all; returns when the last sample has sounded, with the seconds. DeviceError: no device, or lost.

        The device is opened (and woken) while the first chunk is still awaited.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._sound())
                async for chunk in chunks:
                    await self._write(chunk)
                self.begin("")
                self._playout.finish(self._lane)
        except BaseExceptionGroup as group:
            raise only(group) from None
        return self._playout.played(self._lane) / self._playout.rate

    async def _write(self, pcm: bytes) -> None:
        now = asyncio.get_running_loop().time()
        if not self._piece.samples and (head_start := self._pace.head_start_s(self._piece)):
            self._playout.hold(self._lane, head_start, now)
        self._piece.arrived(len(pcm) // 2, now)
        self._room.clear()
        if not self._playout.write(self._lane, pcm):
            await self._room.wait()

    async def _sound(self) -> None:
        """Opens the loudspeaker and keeps it until all has sounded. What is given to one asleep may be lost."""
        async with Loudspeaker(self._device, self._playout, self._pump, devices.WHOLE) as speaker:
            self._playout.open(self._lane)
            async with asyncio.TaskGroup() as tasks:
                watch = tasks.create_task(speaker.watch())
                await self._drained.wait()
                await asyncio.sleep(max(0.0, self._ends_at + TAIL_S - asyncio.get_running_loop().time()))
                watch.cancel()

    def _pump(self) -> None:
        while self._playout.notices:
            notice = self._playout.notices.popleft()
            if isinstance(notice, Hungry):
                self._room.set()
            elif isinstance(notice, Drained):
                self._ends_at = notice.at
                self._drained.set()


async def play(chunks: AsyncIterator[bytes], rate: int, device: devices.Wanted = None) -> float:
    """Plays s16le mono at `rate` (whole samples) as it arrives; returns when the last has sounded, with the seconds."""
    return await Solo(rate, device).play(chunks)
