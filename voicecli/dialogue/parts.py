"""What a conversation is made of, and by which rules it is held.

Belongs here: the two records that wiring fills in. Does not belong here: anything that acts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from voicecli.audio.endpointer import Timing
from voicecli.audio.playout import Playout
from voicecli.dialogue.events import Event
from voicecli.dialogue.reading import Reading, read
from voicecli.ports import Responder


class Voiced(Protocol):
    """What a detector says of a frame; `level` in dBFS."""

    @property
    def speech(self) -> bool: ...
    @property
    def level(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What a conversation is made of. The functions must not block.

    `keep` stores the recording of a lost turn and returns where (or ""), `kept` gives the oldest of them back
    (b"": none is); `separable` says whether the person can be told from the loudspeaker now (headphones, or
    an echo canceller that knows the room).
    """

    responder: Responder
    detect: Callable[[bytes], Voiced]
    playout: Playout
    emit: Callable[[Event, int], None]
    clock: Callable[[], float]
    keep: Callable[[int, bytes], str] = lambda _turn, _pcm: ""
    kept: Callable[[], bytes] = lambda: b""
    separable: Callable[[], bool] = lambda: True


@dataclass(frozen=True, slots=True)
class Rules:
    """How a conversation is held; times in ms."""

    timing: Timing = field(default_factory=Timing)
    end_ms_min: float = 400
    end_ms_max: float = 1200
    barge_in: bool = False
    push_to_talk: bool = False
    trust_punctuation: bool = False
    language: str | None = None
    answer_ends: bool = False
    """Whether an answer begins only after the end of a turn: a service finds that."""

    def reads_complete(self, text: str) -> bool:
        """Whether nothing seems to follow."""
        return self._read(text) is Reading.COMPLETE

    def wait_ms(self, text: str) -> float:
        """How much silence ends a turn whose words so far are `text`."""
        if self.answer_ends:
            return 0.0
        waits = {Reading.COMPLETE: self.end_ms_min, Reading.DANGLING: self.end_ms_max}
        return waits.get(self._read(text), self.timing.end_ms)

    def _read(self, text: str) -> Reading:
        return read(text, trust_punctuation=self.trust_punctuation, language=self.language)
