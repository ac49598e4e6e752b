"""A conversation that sleeps: until its wake phrase is heard, and again when nobody has talked to it for a while.

Belongs here: what of the words in a room is said to us, ears that pass on only that. Does not belong here: the phrase
in a text (manners), the tone when it wakes and whose recogniser may hear the room (wiring.waking).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf

from voicecli.dialogue.hearing import Hearing
from voicecli.dialogue.manners import after_phrase
from voicecli.types import AudioFrame
from voicecli.types.turns import Heard


@dataclass(slots=True)
class Sleep:
    """`phrase` wakes it; it sleeps again `awake_s` after the last turn, by `clock`. `woke` is told of each waking."""

    phrase: str
    awake_s: float
    clock: Callable[[], float]
    woke: Callable[[], None] = lambda: None
    _until: float = -inf

    @property
    def awake(self) -> bool:
        return self.clock() < self._until

    def mind(self, *, idle: bool) -> None:
        """Call it often: a conversation that is awake stays so while it is not `idle`, and for `awake_s` after that."""
        if self.awake:
            self._until = self.clock() + self.awake_s if idle else inf

    def ours(self, text: str) -> str:
        """The part of a text, which may still grow, that is said to the assistant."""
        rest = after_phrase(text, self.phrase)
        return (text if self.awake else "") if rest is None else rest

    def taken(self, heard: Heard) -> Heard:
        """The same for the final words of a turn. The wake phrase in them wakes the conversation."""
        called = after_phrase(heard.text, self.phrase) is not None
        ours = replace(heard, text=self.ours(heard.text), aside=called or not self.awake)
        if called and not self.awake:
            self._until = self.clock() + self.awake_s
            self.woke()
        return ours


class WakingEars:
    """A `Hearing` over another, which passes on only what is said to the assistant."""

    def __init__(self, inner: Hearing, sleep: Sleep) -> None:
        self._inner, self._sleep = inner, sleep
        self.pcm = inner.pcm

    def hear(self, frames: Sequence[AudioFrame]) -> None:
        self._inner.hear(frames)

    def pause(self) -> None:
        self._inner.pause()

    async def text(self) -> Heard:
        return self._sleep.taken(await self._inner.text())

    def abandon(self) -> None:
        self._inner.abandon()

    @property
    def interim(self) -> str | None:
        return self._inner.interim and self._sleep.ours(self._inner.interim)

    @property
    def backlog_s(self) -> float:
        return self._inner.backlog_s
