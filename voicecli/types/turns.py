"""What passes between a conversation and whoever answers in it, one turn at a time.

Belongs here: the frozen values of `ports.Responder`. Does not belong here: who answers and how, events for an audience.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from voicecli.types import ToolCall, ToolNews, Usage

Stage = Literal["asked", "first_token", "first_piece", "speech_asked", "first_audio"]
"""Moments of an answer that its responder notes: see `dialogue.events.TurnMetrics`."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The words of a turn so far; `unsure` are those that the recogniser doubts.

    `final` is False for a guess: the answer to it stays unheard until the final words have come. `anew`: the words
    are others than the guess, and all of the answer that came before them is void. `aside`: it was not said to us,
    and nobody waits for a reply.
    """

    text: str = ""
    unsure: tuple[str, ...] = ()
    final: bool = True
    anew: bool = False
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer, as it is written. `reasoning` is shown, and neither spoken nor kept."""

    text: str
    reasoning: bool = False


@dataclass(frozen=True, slots=True)
class Sound:
    """A piece of the answer's sound, s16le mono at the rate of the loudspeaker.

    With `says` a new stretch begins, and these are all its words; with `ended` it is complete. Where its words come
    while it sounds, each piece of them `goes_on` the stretch. An `aside` only passes the time ("One moment."): it is
    no part of the reply that is remembered.
    """

    pcm: bytes = field(default=b"", repr=False)
    says: str | None = None
    aside: bool = False
    ended: bool = False
    goes_on: bool = False


Reply = Heard | Text | Sound | ToolNews | Usage
"""What a responder yields. A `Usage` counts what is new since the last; a `ToolNews` without a name is a remark."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a responder.

    `typed` are the person's words where they were typed; None: they are in the sound. `says` are words to be spoken as
    they are (a timer rings; `again`: once more); None: an answer is wanted. `prefix` was said before, in a turn that
    was taken back. A `draft` is wanted before the turn's end; `guess` are the words to make it on while the final ones
    are not known.
    """

    typed: str | None = None
    says: str | None = None
    prefix: str = ""
    draft: bool = False
    guess: str = ""
    again: bool = False


# -- a service that hears and speaks -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AnswerWanted:
    """What is to be answered besides what was heard: words that were typed, results of tools.

    `prefix` was said before, in a turn that was taken back. `says` are words to be spoken as they are; None: an answer
    is wanted. Without `tools` none may be called. `instructions`, where there are some, stand for this answer alone in
    place of the conversation's.
    """

    typed: str | None = None
    says: str | None = None
    prefix: str = ""
    results: tuple[tuple[ToolCall, str], ...] = ()
    tools: bool = True
    instructions: str = ""


Answer = Heard | Text | Sound | ToolCall | ToolNews | Usage
"""What an answer consists of. A `ToolCall` is whole, and comes last."""
