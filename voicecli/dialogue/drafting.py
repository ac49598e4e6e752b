"""How far a draft may go, and whether it was made on the right words. Pure.

Belongs here: the budget of drafts, what a refusal costs them, when two texts say the same. Does not belong
here: making drafts (dialogue.cascade), when a turn ends (dialogue.floor).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Depth = Literal["off", "asr", "chat", "speak"]
DEPTHS: tuple[Depth, ...] = ("off", "asr", "chat", "speak")
"""How far a draft may go: nowhere, to the text, to the model's answer, to the first sound."""

MAX_DRAFTS = 3
"""In one turn. The last one is for the pause at its end: text that only seems complete does not use it up."""
BACK_OFF_S = 30.0
LONGEST_BACK_OFF_S = 600.0
BUDGET_SPENT = "drafts have used up what they may cost (talk.draft_budget)"


@dataclass(slots=True)
class Drafts:
    """What drafts may still do in this session. `budget`: estimated tokens that withdrawn drafts may cost."""

    depth: Depth = "off"
    budget: int = 20_000
    spent: int = 0
    resume_at: float = float("-inf")
    back_off_s: float = BACK_OFF_S

    def allowed(self, made: int, now: float, *, guess: bool = False) -> Depth:
        """How far the next draft of a turn goes that has `made` some. `guess`: the person may still speak."""
        return "off" if made >= MAX_DRAFTS - guess else self.depth_now(now)

    def depth_now(self, now: float) -> Depth:
        """How far a draft may go now, whichever of its turn it is."""
        if self.depth in ("off", "asr"):
            return self.depth
        return "asr" if self.spent >= self.budget or now < self.resume_at else self.depth

    def withdrawn(self, tokens: int) -> str:
        """A draft was thrown away. Returns what the person is told when that used the budget up, else ""."""
        had = self.spent < self.budget
        self.spent += tokens
        return BUDGET_SPENT if had and self.spent >= self.budget and self.depth in ("chat", "speak") else ""

    def refused(self, now: float, retry_after: float | None) -> None:
        """A service asks for fewer requests: drafts wait, longer each time."""
        if now < self.resume_at:
            return
        self.resume_at = now + max(self.back_off_s, retry_after or 0.0)
        self.back_off_s = min(2 * self.back_off_s, LONGEST_BACK_OFF_S)


def same_words(one: str, other: str) -> bool:
    """Whether two texts differ in nothing but marks, spaces and case."""
    return _words(one) == _words(other)


def _words(text: str) -> str:
    return "".join(each for each in text.casefold() if each.isalnum())
