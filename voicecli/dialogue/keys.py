"""What keys, typed lines and timers ask of a conversation.

Belongs here: each wish, done at once, as soon as nobody speaks, or as soon as the conversation runs. Does not belong
here: which key it is (terminal.screen), what comes of it (dialogue.floor).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from voicecli.dialogue.events import Notice
from voicecli.dialogue.floor import Floor
from voicecli.dialogue.manners import SpokenWish
from voicecli.dialogue.parts import Parts
from voicecli.dialogue.standing import Standing
from voicecli.types import MIC, AudioFrame
from voicecli.types.turns import Wanted

FRAME_MS = 20


class Keys:
    """Call it on the event loop. `left` is set when somebody wants to leave; `acted` is called after each wish."""

    def __init__(self, floor: Floor, parts: Parts, standing: Standing, acted: Callable[[], None]) -> None:
        self.left = asyncio.Event()
        self._floor, self._parts, self._standing, self._acted = floor, parts, standing, acted
        self._early: list[Callable[[], None]] = []

    def catch_up(self) -> None:
        """The conversation runs: what was asked for before is done now."""
        early, self._early = self._early, []
        for act in early:
            self._act(act)

    def end(self) -> None:
        """Leave now: what sounds is cut off, as by an interruption."""
        self.left.set()

    def type(self, text: str) -> None:
        """The person typed instead of speaking."""

        def act() -> None:
            self._floor.clear("text")
            self._floor.turns.new().ask(Wanted(typed=text))

        self._act(act)

    def interrupt(self) -> None:
        """A key stops what is being said (or thought)."""
        self._act(lambda: self._floor.clear("key"))

    def obey(self, wish: SpokenWish) -> None:
        """What the voice alone is wanted to do; to pause a second time is to go on."""

        def act() -> None:
            busy = self._floor.turns.busy
            resumes = wish is SpokenWish.PAUSE and busy is not None and busy.paused
            self._floor.obey(SpokenWish.GO_ON if resumes else wish, "key")

        self._act(act)

    @property
    def muted(self) -> bool:
        """Whether the microphone is closed by hand."""
        return self._standing.muted

    def mute(self, muted: bool) -> None:
        self._standing.muted = muted
        if muted:
            self.release()
        else:
            self._acted()

    def press(self) -> None:
        """Push to talk: the person begins; whatever sounds stops."""
        self._act(self._floor.press)

    def release(self) -> None:
        """Push to talk: the person is done. Without push to talk: end the turn now."""
        self._act(lambda: self._floor.take(self._floor.endpointer.cut()))

    def announce(self, text: str) -> None:
        """Say something unasked (a timer rings) as soon as nobody speaks."""
        self._when_idle(lambda: self._floor.turns.new().ask(Wanted(says=text)))

    def again(self) -> None:
        """The oldest lost turn is heard again, as soon as nobody speaks."""
        pcm, step = self._parts.kept(), MIC.bytes_for(FRAME_MS)
        frames = [AudioFrame(pcm[at : at + step]) for at in range(0, len(pcm), step)]

        def act() -> None:
            turn = self._floor.turns.new()
            turn.hear(frames)
            turn.end()

        if frames:
            self._when_idle(act)
        else:
            self._parts.emit(Notice("no lost turn is kept"), self._floor.turns.number)

    def _act(self, act: Callable[[], None]) -> None:
        if self._floor.turns.tasks is None:
            self._early.append(act)
        else:
            act()
            self._acted()

    def _when_idle(self, act: Callable[[], None]) -> None:
        async def wait() -> None:
            while (busy := self._floor.turns.busy) is not None:
                await asyncio.wait([busy.over])
            act()

        self._act(lambda: self._floor.turns.beside(wait()))
