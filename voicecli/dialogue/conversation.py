"""A conversation: microphone frames and keys in, one turn at a time, until somebody leaves.

Belongs here: running, and what keys, timers and typed lines may ask. Does not belong here: devices, services, the
screen, who has the floor (dialogue.floor), how it stands (dialogue.standing).

Every task belongs to the TaskGroup of `Dialogue.run`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Literal

from voicecli.dialogue import events as ev
from voicecli.dialogue.floor import Floor
from voicecli.dialogue.history import History
from voicecli.dialogue.parts import Parts, Rules
from voicecli.dialogue.standing import Standing
from voicecli.dialogue.states import State
from voicecli.errors import only
from voicecli.types import MIC, AudioFrame
from voicecli.types.turns import Wanted

FRAME_MS = 20


class Dialogue:
    """Run it over the frames of a microphone; call the other methods from the same event loop.

    What is asked of it before it runs is done as soon as it does.
    """

    def __init__(self, parts: Parts, rules: Rules, history: History | None = None) -> None:
        self.parts, self.history = parts, history or History()
        self.floor = Floor(parts, rules, self.history)
        self.standing = Standing(self.floor, parts, rules)
        self._phase: ev.Phase | None = None
        self._early: list[Callable[[], None]] = []
        self._ended = asyncio.Event()

    # -- running -------------------------------------------------------------------------------------

    async def run(self, frames: AsyncIterator[AudioFrame]) -> None:
        """Until the frames end (then the last turn is finished) or `end` is called.

        Raises the VoiceError that ends a session: configuration, a refused key, a lost device.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                self.floor.tasks = tasks
                listening = tasks.create_task(self._listen(frames))
                self._show()
                early, self._early = self._early, []
                for act in early:
                    act()
                await self._ended.wait()
                listening.cancel()
                self.floor.clear("key")
        except BaseExceptionGroup as group:
            raise only(group) from None
        finally:
            self.floor.tasks = None

    def end(self) -> None:
        """Leave now: what sounds is cut off, as by an interruption."""
        self._ended.set()

    async def _listen(self, frames: AsyncIterator[AudioFrame]) -> None:
        async for frame in frames:
            self.feed(frame)
        self.release()
        while self.floor.busy is not None:
            await asyncio.wait([self.floor.busy.over])
        self._ended.set()

    def feed(self, frame: AudioFrame) -> None:
        """One frame of the microphone."""
        if self.standing.deaf:
            self.floor.endpointer.reset()
            self._tell(ev.Level(-90.0, False))
        else:
            voicing = self.parts.detect(frame.pcm)
            self._tell(ev.Level(voicing.level, voicing.speech))
            self.floor.hear(frame, speech=voicing.speech, level=voicing.level)
        self._show()

    def pump(self) -> None:
        """Takes the playout's news; the loudspeaker calls it on the event loop."""
        self.parts.playout.pump()
        self._show()

    # -- what others may ask -------------------------------------------------------------------------

    def type(self, text: str) -> None:
        """The person typed instead of speaking."""
        self._act(lambda: self._ask("text", Wanted(typed=text)))

    def _ask(self, by: Literal["text"] | None, wanted: Wanted) -> None:
        if by is not None:
            self.floor.clear(by)
        self.floor.new_turn().ask(wanted)

    def interrupt(self) -> None:
        """A key stops what is being said (or thought)."""
        self._act(lambda: self.floor.clear("key"))

    def mute(self, muted: bool) -> None:
        self.standing.ears.muted = muted
        if muted:
            self.release()

    @property
    def muted(self) -> bool:
        return self.standing.ears.muted

    def press(self) -> None:
        """Push to talk: the person begins; whatever sounds stops."""
        self._act(self._press)

    def _press(self) -> None:
        if self.floor.busy is not None and self.floor.busy.state is State.SOUNDING:
            self.floor.busy.interrupt("key")
        self.floor.take(self.floor.endpointer.begin())

    def release(self) -> None:
        """Push to talk: the person is done. Without push to talk: end the turn now."""
        self._act(lambda: self.floor.take(self.floor.endpointer.cut()))

    def announce(self, text: str) -> None:
        """Say something unasked (a timer rings) as soon as nobody speaks."""
        self._when_idle(lambda: self._ask(None, Wanted(says=text)))

    def again(self) -> None:
        """The oldest lost turn is heard again, as soon as nobody speaks."""
        pcm, step = self.parts.kept(), MIC.bytes_for(FRAME_MS)
        frames = [AudioFrame(pcm[at : at + step]) for at in range(0, len(pcm), step)]
        if frames:
            self._when_idle(lambda: self._replay(frames))
        else:
            self._tell(ev.Notice("no lost turn is kept"))

    def _replay(self, frames: Sequence[AudioFrame]) -> None:
        turn = self.floor.new_turn()
        turn.hear(frames)
        turn.end()

    def _act(self, act: Callable[[], None]) -> None:
        if self.floor.tasks is None:
            self._early.append(act)
        else:
            act()
            self._show()

    def _when_idle(self, act: Callable[[], None]) -> None:
        async def wait() -> None:
            while (busy := self.floor.busy) is not None:
                await asyncio.wait([busy.over])
            act()

        self._act(lambda: self.floor.spawn(wait()))

    def _tell(self, event: ev.Event) -> None:
        self.parts.emit(event, self.floor.number)

    def _show(self) -> None:
        """Tells the screen when the phase has changed."""
        phase = self.standing.phase
        if phase != self._phase:
            self._phase = phase
            self._tell(ev.PhaseChanged(phase))
