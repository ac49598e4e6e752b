"""A conversation: microphone frames in, one turn at a time, until they end or somebody leaves.

Belongs here: running it. Does not belong here: devices, services, the screen, what is asked of it (dialogue.keys), who
has the floor (dialogue.floor), how it stands (dialogue.standing).

Every task belongs to the TaskGroup of `Dialogue.run`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from voicecli.dialogue import events as ev
from voicecli.dialogue.floor import Floor
from voicecli.dialogue.history import History
from voicecli.dialogue.keys import Keys
from voicecli.dialogue.parts import Parts, Rules
from voicecli.dialogue.standing import Standing
from voicecli.errors import task_group
from voicecli.types import AudioFrame


class Dialogue:
    """Run it over the frames of a microphone; whatever else is asked of it, ask on the same event loop."""

    def __init__(self, parts: Parts, rules: Rules, history: History | None = None) -> None:
        self.parts, self.history = parts, history or History()
        self._floor = Floor(parts, rules, self.history)
        self.turns = self._floor.turns
        self.standing = Standing(self._floor, parts, rules)
        self.keys = Keys(self._floor, parts, self.standing, self._show)
        self._phase: ev.Phase | None = None

    async def run(self, frames: AsyncIterator[AudioFrame]) -> None:
        """Until the frames end (then the last turn is finished) or somebody leaves.

        Raises the VoiceError that ends a session: configuration, a refused key, a lost device.
        """
        try:
            async with task_group() as self.turns.tasks:
                listening = self.turns.tasks.create_task(self._listen(frames))
                self._show()
                self.keys.catch_up()
                await self.keys.left.wait()
                listening.cancel()
                self._floor.clear("key")
                self.turns.stop()
        finally:
            self.turns.tasks = None

    async def _listen(self, frames: AsyncIterator[AudioFrame]) -> None:
        async for frame in frames:
            self.feed(frame)
        self.keys.release()
        while (busy := self.turns.busy) is not None:
            await asyncio.wait([busy.over])
        self.keys.end()

    def feed(self, frame: AudioFrame) -> None:
        """One frame of the microphone."""
        if self.standing.deaf:
            self._floor.endpointer.reset()
            self._tell(ev.Level(-90.0, False))
        else:
            voicing = self.parts.detect(frame.pcm)
            self._tell(ev.Level(voicing.level, voicing.speech))
            self._floor.hear(frame, speech=voicing.speech, level=voicing.level)
        self._show()

    def pump(self) -> None:
        """Takes the playout's news; the loudspeaker calls it on the event loop."""
        self.parts.playout.pump()
        self._show()

    def _tell(self, event: ev.Event) -> None:
        self.parts.emit(event, self.turns.number)

    def _show(self) -> None:
        """Tells the screen when the phase has changed."""
        phase = self.standing.phase
        if phase != self._phase:
            self._phase = phase
            self._tell(ev.PhaseChanged(phase))
