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
from voicecli.dialogue.manners import ASKED, THINKS_MS, WORD_MS, ended_by, thinks
from voicecli.dialogue.reading import Reading, read
from voicecli.ports import Responder

GUESS_MS, WHOLE_GUESS_MS = 40.0, 30.0
"""Milliseconds of silence after which a text may be drafted on: one that does not dangle, one that reads complete.

Gaps inside words are mostly shorter.
"""


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
    an echo canceller that knows the room), `away` whether a device was lost and is waited for; `pace` makes the voice
    so many times as fast, where it has speeds.
    """

    responder: Responder
    detect: Callable[[bytes], Voiced]
    playout: Playout
    emit: Callable[[Event, int], None]
    clock: Callable[[], float]
    keep: Callable[[int, bytes], str] = lambda _turn, _pcm: ""
    kept: Callable[[], bytes] = lambda: b""
    separable: Callable[[], bool] = lambda: True
    away: Callable[[], bool] = lambda: False
    pace: Callable[[float], object] | None = None


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
    end_words: tuple[str, ...] = ()
    """Words that end a turn; then silence hardly does."""
    manners: bool = True
    """Whether small words are obeyed without a model, and who thinks is waited for (dialogue.manners)."""
    learns: bool = False
    """Whether the waits follow the person's own pauses (dialogue.waiting)."""
    answer_ends: bool = False
    """Whether an answer begins only after the end of a turn: a service finds that."""

    def may_be_over(self, text: str, silence_ms: float = GUESS_MS) -> bool:
        """Whether an answer to `text` may be drafted after `silence_ms`: nothing has to follow."""
        reading = self._read(text)
        enough = silence_ms >= (WHOLE_GUESS_MS if reading is Reading.COMPLETE else GUESS_MS)
        return enough and reading is not Reading.DANGLING and not (self.manners and thinks(text))

    def wait_ms(self, text: str, *, asked: bool = False, factor: float = 1.0) -> float:
        """How much silence ends a turn whose words so far are `text`. `asked`: they answer a question of ours.

        `factor` is the person's own, on all but the wait for words that dangle.
        """
        if self.answer_ends or (self.end_words and ended_by(text, self.end_words)):
            return 0.0
        if self.manners and thinks(text):
            return THINKS_MS
        reading = self._read(text)
        waits = {Reading.COMPLETE: factor * self.end_ms_min, Reading.DANGLING: self.end_ms_max}
        wait = waits.get(reading, factor * self.timing.end_ms)
        patience = ASKED if asked and self.manners and reading is not Reading.COMPLETE else 1.0
        return WORD_MS if self.end_words else wait * patience

    def _read(self, text: str) -> Reading:
        return read(text, trust_punctuation=self.trust_punctuation, language=self.language)
