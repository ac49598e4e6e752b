"""Timers that run.

Belongs here: keeping timers on the event loop's clock, ringing them. Does not belong here: what a skill understands and
says (skills/), conversations (offline).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass

from voicecli.skills import Answer


@dataclass(frozen=True, slots=True)
class RunningTimer:
    """A timer that runs: when it rings, in seconds on the event loop's clock, and what is said then."""

    rings_at: float
    says: str


class Timers:
    """The timers of one conversation. `announcements` rings them: whoever speaks them iterates it."""

    def __init__(self) -> None:
        self.running: tuple[RunningTimer, ...] = ()
        self.rings = False
        self._changed = asyncio.Event()

    def left(self, time: float) -> tuple[float, ...]:
        """How many seconds are left of each, at `time` of the loop's clock."""
        return tuple(max(0.0, each.rings_at - time) for each in self.running)

    def apply(self, answer: Answer, time: float) -> None:
        """Timers start and stop as an answer says."""
        kept = () if answer.cancel else self.running
        new = () if answer.start is None else (RunningTimer(time + answer.start, answer.ringing),)
        self.set(kept + new)

    def set(self, timers: tuple[RunningTimer, ...]) -> None:
        if timers != self.running:
            self.running = timers
            self._changed.set()

    async def announcements(self) -> AsyncGenerator[str]:
        """The announcement of each timer, when the timer runs out. Timers can be set while somebody iterates."""
        loop = asyncio.get_running_loop()
        self.rings = True
        try:
            while True:
                self._changed.clear()
                due = min(self.running, key=lambda each: each.rings_at, default=None)
                if due is not None and due.rings_at <= loop.time():
                    self.running = tuple(each for each in self.running if each is not due)
                    yield due.says
                    continue
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(due.rings_at if due else None):
                        await self._changed.wait()
        finally:
            self.rings = False
