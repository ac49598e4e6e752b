"""How fast the voice of a conversation speaks, where the person wants it slower or faster.

Belongs here: the speed that is asked of the voice. Does not belong here: who wants it (dialogue.manners).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from voicecli.types import SpeechRequest

SLOWEST, FASTEST = 0.5, 2.0
"""What every voice that has speeds can do."""


@dataclass(slots=True)
class Pacing:
    """`speed` is the voice's own, 1.0 is normal; what is asked for next has it times what the person wanted."""

    speed: float
    factor: float = 1.0

    def change(self, factor: float) -> None:
        """So many times as fast from now on, between the slowest and the fastest."""
        wanted = min(FASTEST, max(SLOWEST, self.speed * self.factor * factor))
        self.factor = wanted / self.speed

    def applied(self, speech: SpeechRequest) -> SpeechRequest:
        return speech if self.factor == 1.0 else replace(speech, speed=round(self.speed * self.factor, 2))
