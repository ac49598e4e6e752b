"""What a skill is: the one definition that understanding and the help are made from.

Belongs here: the record types that skills and the chat exchange. Does not belong here: any skill, any
clock (the time is handed in), any I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, and what a skill may know to answer it.

    A skill gets `text` normalised (numbers as digits unless it is verbatim), and in `slots` what its pattern captured.
    `last_reply` is what the assistant said before; `timers` how many seconds are left of each;
    `rings` whether somebody waits for them.
    """

    text: str
    now: datetime
    slots: Mapping[str, str] = field(default_factory=dict)
    chinese: bool = False
    last_reply: str = ""
    timers: tuple[float, ...] = ()
    rings: bool = False

    def say(self, english: str, chinese: str) -> Answer:
        """The answer in the language of the question."""
        return Answer(chinese if self.chinese else english)


@dataclass(frozen=True, slots=True)
class Answer:
    """A short sentence to be shown and spoken, and what it does to the timers.

    `start` sets a timer of so many seconds, at whose end `ringing` is said; `cancel` ends all that run.
    """

    text: str
    start: float | None = None
    ringing: str = ""
    cancel: bool = False


@dataclass(frozen=True, slots=True)
class Skill:
    """Something that can be answered without a model.

    `asked` are regular expressions over normalised text (skills.text); what their groups capture are the slots.
    `answer` may return None: then the next skill is tried.
    `verbatim` skills are given the text with its numbers as they were written.
    """

    name: str
    answer: Callable[[Question], Answer | None]
    asked: tuple[str, ...]
    help: str = ""
    help_chinese: str = ""
    verbatim: bool = False
