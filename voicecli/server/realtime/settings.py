"""What a session is set to: a client's wishes merged into it, read for what matters here, shown in two dialects. Pure.

Belongs here: the session object, and the names of the beta dialect. Does not belong here: other events, what a setting
does. Source: OpenAI's API reference, "Realtime", GA; its beta of 2024 for older clients.

What nobody here knows is kept and shown again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from voicecli.types import ToolSpec
from voicecli.types.jsonvalue import laid_over

Json = dict[str, Any]
Coding = Literal["pcm", "pcmu", "pcma"]
RATES: dict[Coding, int] = {"pcm": 24_000, "pcmu": 8_000, "pcma": 8_000}

DETECTION: Json = {"type": "server_vad", "create_response": True, "interrupt_response": True}
SHORTEST_IDLE_MS = 1000
BETA_CODINGS = {"pcm16": "pcm", "g711_ulaw": "pcmu", "g711_alaw": "pcma"}

BETA_PLACES: dict[str, tuple[str, ...]] = {
    "modalities": ("output_modalities",),
    "voice": ("audio", "output", "voice"),
    "speed": ("audio", "output", "speed"),
    "input_audio_format": ("audio", "input", "format"),
    "output_audio_format": ("audio", "output", "format"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "max_response_output_tokens": ("max_output_tokens",),
}
"""Where a setting of the beta stands today."""


class WrongError(Exception):
    """What is wrong with a client's event, in words; `param` says where, `code` is OpenAI's for it."""

    def __init__(self, words: str, param: str | None = None, code: str = "invalid_value") -> None:
        super().__init__(words)
        self.param, self.code = param, code


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """A session, as far as it matters here. `detection` None: the client says when a turn ends.

    `pauses`: the client wants to be told when an answer stands still for speech over it. A wish of our own page's.
    """

    model: str = ""
    instructions: str = ""
    voice: str = ""
    language: str | None = None
    heard_as: Coding = "pcm"
    spoken_as: Coding = "pcm"
    detection: Mapping[str, Any] | None = field(default_factory=lambda: DETECTION)
    pauses: bool = False
    text_only: bool = False
    transcribes: bool = False
    tools: tuple[ToolSpec, ...] = ()

    @property
    def idle_timeout_ms(self) -> float | None:
        """Milliseconds without a word after which the assistant speaks up; None: never. Only server_vad has it."""
        wanted = (self.detection or {}).get("idle_timeout_ms")
        return wanted if self.answers and isinstance(wanted, (int, float)) and wanted >= SHORTEST_IDLE_MS else None

    @property
    def answers(self) -> bool:
        """Whether the end of a turn asks for an answer."""
        wanted = self.detection is not None and self.detection.get("create_response", True) is not False
        return wanted and not self.transcribes


def fresh(model: str, *, transcribes: bool) -> Json:
    """A session before a client has said anything."""
    listening = {"format": {"type": "audio/pcm", "rate": 24_000}, "transcription": None, "turn_detection": DETECTION}
    if transcribes:
        return {"type": "transcription", "audio": {"input": listening}}
    speaking = {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "alloy", "speed": 1.0}
    audio = {"input": listening, "output": speaking}
    known = {"model": model, "output_modalities": ["audio"], "instructions": "", "tools": [], "tool_choice": "auto"}
    return {"type": "realtime", **known, "audio": audio}


def merged(session: Json, wishes: Json) -> Json:
    """The session with the wishes in it. What is named at the top level by older clients goes where it stands today.

    A detection that names no type changes the one that there is.
    """
    wishes = _placed(wishes)
    detection: Any = wishes
    for step in BETA_PLACES["turn_detection"]:
        detection = detection.get(step) if isinstance(detection, dict) else None
    kept = isinstance(detection, dict) and "type" not in detection
    return laid_over(session, wishes, ("transcription", "format", *(() if kept else ("turn_detection",))))


def is_beta(wishes: Json) -> bool:
    """Whether only a client of the beta would say it so."""
    return any(name in wishes for name in ("modalities", "input_audio_format", "output_audio_format"))


def _placed(wishes: Json) -> Json:
    found: Json = {}
    for name, each in wishes.items():
        *way, last = BETA_PLACES.get(name, (name,))
        place = found
        for step in way:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise WrongError("This must be an object.", f"session.{step}")
        if name.endswith("_audio_format") and isinstance(each, str):
            coding = BETA_CODINGS.get(each, each)
            each = {"type": f"audio/{coding}", "rate": RATES.get(coding, 24_000)}  # type: ignore[call-overload]
        if name == "modalities" and isinstance(each, list):
            each = ["audio"] if "audio" in each else each
        if isinstance(each, dict) and isinstance(place.get(last), dict):
            place[last] = each | place[last]
        else:
            place[last] = each
    return found


def as_beta(session: Json) -> Json:
    """The session as the beta showed it."""
    found = {name: each for name, each in session.items() if name not in ("audio", "output_modalities")}
    for name, way in BETA_PLACES.items():
        each: Any = session
        for step in way:
            each = each.get(step) if isinstance(each, dict) else None
        if name.endswith("_audio_format") and isinstance(each, dict):
            coding = str(each.get("type", "")).removeprefix("audio/")
            each = next((beta for beta, ga in BETA_CODINGS.items() if ga == coding), coding)
        if name == "modalities" and each == ["audio"]:
            each = ["audio", "text"]
        found[name] = each
    return found


# -- read --------------------------------------------------------------------------------------------


def read(session: Json) -> SessionSettings:
    """The settings that matter here, out of a session object. Raises WrongError."""
    audio = _object(session, "audio", "session")
    heard, spoken = _object(audio, "input", "session.audio"), _object(audio, "output", "session.audio")
    transcription = _object(heard, "transcription", "session.audio.input")
    language = transcription.get("language")
    detection = heard.get("turn_detection", DETECTION)
    if detection is not None and not isinstance(detection, dict):
        raise WrongError("This must be an object or null.", "session.audio.input.turn_detection")
    return SessionSettings(
        model=_text(session.get("model")),
        instructions=_text(session.get("instructions")),
        voice=_text(spoken.get("voice")),
        language=language if isinstance(language, str) and language else None,
        heard_as=_coding(heard, "input"),
        spoken_as=_coding(spoken, "output"),
        detection=detection,
        pauses=spoken.get("pauses") is True,
        text_only=session.get("output_modalities") == ["text"],
        transcribes=session.get("type") == "transcription",
        tools=_tools(session.get("tools")),
    )


def _object(holder: Json, name: str, place: str) -> Json:
    found = holder.get(name)
    if found is not None and not isinstance(found, dict):
        raise WrongError("This must be an object.", f"{place}.{name}")
    return found or {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _coding(half: Json, name: str) -> Coding:
    asked = half.get("format") or {}
    kind = _text(asked.get("type") if isinstance(asked, dict) else asked).removeprefix("audio/") or "pcm"
    if kind not in RATES or (kind == "pcm" and isinstance(asked, dict) and asked.get("rate", 24_000) != 24_000):
        raise WrongError("Sound is audio/pcm at 24000, audio/pcmu or audio/pcma.", f"session.audio.{name}.format")
    return kind


def _tools(given: object) -> tuple[ToolSpec, ...]:
    """Functions; tools of other kinds run elsewhere and are left out. Some clients nest them, as for chat."""
    if given is not None and not isinstance(given, list):
        raise WrongError("This must be an array.", "session.tools")
    found = []
    for each in given or ():
        tool = each.get("function", each) if isinstance(each, dict) else {}
        if isinstance(tool, dict) and isinstance(tool.get("name"), str) and each.get("type", "function") == "function":
            parameters = tool.get("parameters")
            schema = parameters if isinstance(parameters, dict) else {"type": "object"}
            found.append(ToolSpec(tool["name"], _text(tool.get("description")), schema))
    return tuple(found)
