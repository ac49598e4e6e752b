"""A lane of the playout as something to wait for, and what was heard of the words in it.

Belongs here: sound into a lane, its room and its end as awaitables. Does not belong here: how a lane plays
(audio.playout), what is said and when.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from voicecli.audio.playout import Playout
from voicecli.dialogue.heard import HeardStretch, heard_until
from voicecli.types.turns import Sound

LONGEST_LATENCY_S = 1.0
"""A device may claim anything: nobody waits longer than this for its last sample."""


class Mouth:
    """`sounding` is called, on the event loop, when the first sample is heard."""

    def __init__(
        self, playout: Playout, clock: Callable[[], float], sounding: Callable[[], object] = lambda: None
    ) -> None:
        self.lane = playout.lane(self._on_lane)
        self._told = False
        self._clock, self._sounding = clock, sounding
        self._pieces: list[HeardStretch] = []
        self._moved = asyncio.Event()

    def say(self, sound: Sound) -> None:
        """The next sound; see that there is `room` before."""
        if sound.says is not None:
            self._begin(sound, sound.says)
        if sound.pcm:
            self.lane.write(sound.pcm, self._clock())
            if not self._pieces:
                self._pieces.append(HeardStretch([]))
            self._pieces[-1].samples += len(sound.pcm) // 2
        if sound.ended:
            self.lane.complete()
            for stretch in self._pieces[-1:]:
                stretch.whole = True

    def _begin(self, sound: Sound, says: str) -> None:
        last = self._pieces[-1] if self._pieces else None
        if sound.goes_on and last is not None and not last.whole:
            last.words.append((says, last.samples))
            return
        self.lane.begin(says)
        self._pieces.append(HeardStretch([] if sound.aside else [(says, 0)], follows=sound.goes_on))

    async def room(self) -> None:
        """Returns when the lane wants more sound."""
        await self._until(lambda: self.lane.room)

    async def drained(self) -> None:
        """Returns when all has sounded: the last sample is heard a device's latency after it was played."""
        self.lane.complete()
        self.lane.finish()
        if self._pieces:
            await self._until(lambda: self.lane.drained is not None)
            assert self.lane.drained is not None
            await asyncio.sleep(max(0.0, min(LONGEST_LATENCY_S, self.lane.drained - self._clock())))

    def heard(self) -> str:
        """The words as far as they sounded, cut at the sample counter."""
        return heard_until(self._pieces, self.lane.played, self.lane.rate)

    def _on_lane(self) -> None:
        self._moved.set()
        if self.lane.sounded is not None and not self._told:
            self._told = True
            self._sounding()

    async def _until(self, true: Callable[[], bool]) -> None:
        while not true():
            self._moved.clear()
            await self._moved.wait()
