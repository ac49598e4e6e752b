"""What a conversation tells its audience: frozen events, their JSON form, and a turn's stage times. Pure.

Belongs here: the vocabulary of `voice talk --json`, version 1, and the arithmetic of a turn's stages.
Does not belong here: printing, clocks, asyncio.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

JSON_VERSION = 1
Phase = Literal["listening", "hearing", "thinking", "working", "speaking", "muted", "waiting"]


@dataclass(frozen=True, slots=True)
class Ready:
    """Both devices run; speech is heard from now on. `turn` is 0."""

    input: str = ""
    output: str = ""


@dataclass(frozen=True, slots=True)
class UserPartial:
    """What is understood so far of an utterance that goes on."""

    text: str


@dataclass(frozen=True, slots=True)
class UserSaid:
    """The text of the turn, final. `unsure` are words that the recogniser marked as doubtful."""

    text: str
    unsure: tuple[str, ...] = ()
    typed: bool = False


@dataclass(frozen=True, slots=True)
class AssistantDelta:
    """A piece of the answer, as it is written."""

    text: str
    reasoning: bool = False


@dataclass(frozen=True, slots=True)
class AssistantSaid:
    """The answer as far as it sounded; `interrupted` when that is not all of it."""

    text: str
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class ToolUsed:
    """A tool that the answer needs: leave is asked for, it works, or it is over. `text` tells more of it.

    `quick`: it is over before a person would wonder.
    """

    name: str
    state: Literal["asked", "working", "done", "failed", "declined"]
    text: str = ""
    quick: bool = False


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The person spoke (or pressed a key) over the answer, and it stopped."""

    by: Literal["speech", "key", "text"] = "speech"


@dataclass(frozen=True, slots=True)
class TurnLost:
    """The turn failed; the conversation goes on. `code` is the exit code that such a failure has."""

    reason: str
    code: int = 5
    recording: str = ""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """The person went on speaking: the last question and answer are withdrawn, what follows is joined to it."""

    text: str


@dataclass(frozen=True, slots=True)
class TurnMetrics:
    """How long each stage of a turn took, in ms; None where a stage did not happen.

    end_ms: last voiced sample to the turn's end · asr_ms: last sample sent to final text ·
    first_token_ms: chat request to first token · first_piece_ms: first token to first piece of text
    for speech · first_audio_ms: speech request to first sound received · gap_ms: last voiced sample
    to first audible sample. Stages may overlap when a draft was made. `draft`: how far it had come
    when the turn ended. `wasted_tokens`: estimated tokens of drafts that were thrown away; `tokens`: those
    of the answer, as the service counts them where it hears and speaks, of which `answered_tokens` are its own words.
    """

    end_ms: int | None = None
    asr_ms: int | None = None
    first_token_ms: int | None = None
    first_piece_ms: int | None = None
    first_audio_ms: int | None = None
    gap_ms: int | None = None
    draft: str = "off"
    drafts: int = 0
    wasted_tokens: int = 0
    tokens: int = 0
    answered_tokens: int = 0


@dataclass(frozen=True, slots=True)
class PhaseChanged:
    """For the screen only: what the assistant is doing."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class Level:
    """For the screen only: the microphone's level in dBFS, and whether it is speech."""

    dbfs: float
    speech: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth a line that is no error."""

    text: str


Event = (
    Ready
    | UserPartial
    | UserSaid
    | AssistantDelta
    | AssistantSaid
    | ToolUsed
    | Interrupted
    | TurnLost
    | TakenBack
    | TurnMetrics
    | PhaseChanged
    | Level
    | Notice
)

JSON_NAMES: dict[type[Any], str] = {
    Ready: "ready",
    UserPartial: "user_partial",
    UserSaid: "user_said",
    AssistantDelta: "assistant_delta",
    AssistantSaid: "assistant_said",
    ToolUsed: "tool",
    Interrupted: "interrupted",
    TurnLost: "turn_lost",
    TakenBack: "taken_back",
    TurnMetrics: "turn_metrics",
    Notice: "notice",
}


def to_json(event: Event, turn: int, t_ms: int) -> dict[str, object] | None:
    """The line of `--json` for this event; None for what only a screen shows."""
    name = JSON_NAMES.get(type(event))
    if name is None:
        return None
    head: dict[str, Any] = {"v": JSON_VERSION, "event": name, "turn": turn, "t_ms": t_ms}
    return head | {field.name: getattr(event, field.name) for field in fields(event)}


@dataclass(slots=True)
class Stopwatch:
    """The moments of a turn, in seconds on one clock; None: not reached."""

    last_voiced: float | None = None
    ended: float | None = None
    heard_from: float | None = None
    text: float | None = None
    asked: float | None = None
    first_token: float | None = None
    first_piece: float | None = None
    speech_asked: float | None = None
    first_audio: float | None = None
    sounded: float | None = None

    def restart(self) -> None:
        """The answer is made anew."""
        self.text = self.asked = self.first_token = self.first_piece = self.speech_asked = self.first_audio = None

    @property
    def reached(self) -> str:
        """How far the answer has come: to the text, to the model, to the voice."""
        reached = (("speak", self.speech_asked), ("chat", self.asked), ("asr", self.text))
        return next((name for name, at in reached if at is not None), "off")

    def metrics(self, *, draft: str, drafts: int, wasted_tokens: int) -> TurnMetrics:
        return TurnMetrics(
            end_ms=_ms(self.last_voiced, self.ended),
            asr_ms=_ms(self.heard_from, self.text),
            first_token_ms=_ms(self.asked, self.first_token),
            first_piece_ms=_ms(self.first_token, self.first_piece),
            first_audio_ms=_ms(self.speech_asked, self.first_audio),
            gap_ms=_ms(self.last_voiced, self.sounded),
            draft=draft,
            drafts=drafts,
            wasted_tokens=wasted_tokens,
        )


def _ms(begin: float | None, end: float | None) -> int | None:
    return None if begin is None or end is None else round((end - begin) * 1000)
