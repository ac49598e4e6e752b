"""The dialects of speech-to-speech sessions, as one table: what each calls things, and what it cannot do.

Belongs here: facts about services, how a dialect is told, the layout of its settings. Does not belong here: which
message comes when (protocol), sockets. Sources: openai-python `types/realtime`, learn.microsoft.com (realtime audio
migration guide), docs.x.ai and LiveKit's xai plug-in, alibabacloud.com 2922854 and help.aliyun.com
(qwen-audio-realtime), the READMEs of LocalAI, speaches and Hugging Face's speech-to-speech.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from voicecli.types import Backend, TalkOptions, ToolSpec
from voicecli.types.jsonvalue import laid_over

Json = dict[str, Any]

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a service is spoken to.

    `beta`: events and settings have the names of OpenAI's beta. `flat`: names of settings that stand at the top of
    the session. `nested_tools`: a tool is written as for chat. `manual`: the client may end a turn. `pictures`: it
    looks at what a message shows. `cancels`, `truncates`, `deletes`: the service does so when it is asked. `session_s`:
    how long a session lasts at most. `hears`: the model that writes down what the person says; "": the service's own.
    `models`: beginnings of the names of models that speak it.
    """

    name: str
    beta: bool = False
    flat: frozenset[str] = frozenset()
    coding: str = "pcm16"
    rate_in: int = 24_000
    rate_out: int = 24_000
    nested_tools: bool = False
    manual: bool = True
    pictures: bool = False
    cancels: bool = True
    truncates: bool = True
    deletes: bool = True
    detection: Mapping[str, Any] = field(default_factory=lambda: {"type": "server_vad"})
    hears: str = ""
    session_s: float = HOUR_S
    key_header: str = ""
    hosts: tuple[str, ...] = ()
    models: tuple[str, ...] = ()


_LETS_GO_ON = {"type": "server_vad", "interrupt_response": False}
"""Whether speech over a reply stops it is decided here."""
_OPENAI = Dialect(
    "openai", pictures=True, hears="gpt-4o-mini-transcribe", detection=_LETS_GO_ON, hosts=("api.openai.com",)
)
_QWEN = Dialect(
    "qwen-omni",
    beta=True,
    coding="pcm",
    rate_in=16_000,
    nested_tools=True,
    truncates=False,
    deletes=False,
    session_s=2 * HOUR_S,
    hosts=("dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com"),
)

DIALECTS: Mapping[str, Dialect] = {
    each.name: each
    for each in (
        _OPENAI,
        replace(_OPENAI, name="azure", hears="whisper-1", key_header="api-key", hosts=(".openai.azure.com",)),
        Dialect(
            "xai",
            flat=frozenset({"voice", "turn_detection"}),
            manual=False,
            truncates=False,
            deletes=False,
            hosts=("api.x.ai",),
        ),
        replace(_QWEN, name="qwen-audio", detection={"type": "smart_turn"}, models=("qwen-audio",)),
        _QWEN,
        Dialect("localai"),
        Dialect("speaches", beta=True, cancels=False, truncates=False, deletes=False),
        Dialect("huggingface", manual=False, truncates=False, deletes=False),
        Dialect("voicecli", detection=_LETS_GO_ON),
        Dialect("beta", beta=True, hears="whisper-1"),
    )
}
"""Each by the name that `talk_dialect` takes. Of those that fit a host, the first whose models fit too."""

NAMES = {
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "conversation.item.created": "conversation.item.added",
}
"""Events of the beta, by their names of today. All are understood from everybody."""


def dialect_of(backend: Backend) -> Dialect | None:
    """The dialect that the settings name, or the host and the model tell; None: the first events will."""
    if backend.talk_dialect:
        return DIALECTS[backend.talk_dialect]
    host = (urlsplit(backend.talk_url).hostname or "").lower()
    at_host = [each for each in DIALECTS.values() if host and any(host.endswith(name) for name in each.hosts)]
    return next((each for each in at_host if not each.models or backend.talk_model.startswith(each.models)), None)


def told_by(event: Mapping[str, Any]) -> Dialect:
    """The dialect of a service whose first event this is."""
    session = event.get("session")
    if event.get("type") == "conversation.created":
        return DIALECTS["xai"]
    if isinstance(session, Mapping) and "audio" not in session and {"modalities", "input_audio_format"} & set(session):
        return DIALECTS["beta"]
    return DIALECTS["openai"]


def address(url: str, model: str) -> str:
    """Where a session is asked for: the model stands in the query, unless one does already."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if not model or "model" in query or "deployment" in query:
        return url
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, urlencode({"model": model}))))))


# -- settings ------------------------------------------------------------------------------------------


def settings(dialect: Dialect, options: TalkOptions, transcriber: str, extra: Mapping[str, Any]) -> Json:
    """The session that is asked for; `extra` is laid over it."""
    detection = None if options.turns == "client" else dict(dialect.detection)
    hearing = {"model": transcriber, "language": options.language}
    transcription = {name: each for name, each in hearing.items() if each} if transcriber else None
    known: Json = {
        "instructions": options.instructions,
        "tools": [_tool(each, nested=dialect.nested_tools) for each in options.tools],
        "tool_choice": "auto",
    }
    lay = _beta if dialect.beta else _ga
    return laid_over(known | lay(dialect, options.voice, transcription, detection), extra)


def _ga(dialect: Dialect, voice: str | None, transcription: Json | None, detection: Json | None) -> Json:
    heard: Json = {"format": {"type": "audio/pcm", "rate": dialect.rate_in}}
    spoken: Json = {"format": {"type": "audio/pcm", "rate": dialect.rate_out}}
    top: Json = {"type": "realtime", "output_modalities": ["audio"], "audio": {"input": heard, "output": spoken}}
    (top if "turn_detection" in dialect.flat else heard)["turn_detection"] = detection
    if transcription is not None:
        heard["transcription"] = transcription
    if voice:
        (top if "voice" in dialect.flat else spoken)["voice"] = voice
    return top


def _beta(dialect: Dialect, voice: str | None, transcription: Json | None, detection: Json | None) -> Json:
    coding = {"input_audio_format": dialect.coding, "output_audio_format": dialect.coding}
    top: Json = {"modalities": ["text", "audio"], "turn_detection": detection} | coding
    optional = {"voice": voice, "input_audio_transcription": transcription}
    return top | {name: each for name, each in optional.items() if each}


def _tool(spec: ToolSpec, *, nested: bool) -> Json:
    function: Json = {"name": spec.name, "description": spec.meaning, "parameters": dict(spec.parameters)}
    return {"type": "function", "function": function} if nested else {"type": "function"} | function
