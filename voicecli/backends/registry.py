"""Which families there are and what each can do: a capability is the presence of a factory.

Belongs here: the Family record, the table, and its limits. Does not belong here: any adapter code
(factories import their module when called, so that the registry costs nothing), or configuration.

A factory takes the resolved `Backend` settings and returns an async context manager that yields the
adapter; leaving it closes the adapter's client, sockets and processes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Any

from voicecli.types import Backend

Factory = Callable[[Backend], Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a family takes at most in one request; None: no known limit. Containers are extensions."""

    upload_bytes: int | None = None
    upload_seconds: float | None = None
    containers: frozenset[str] = frozenset({"wav"})
    documents: frozenset[str] = frozenset()
    speech_characters: int | None = None
    speech_bytes: int | None = None
    plain: bool = False
    """A recording must be plain samples: WAV, 16 kHz, mono."""
    model_seconds: tuple[tuple[str, float], ...] = ()
    """Models (by a part of their name) that take less than `upload_seconds`, and how much."""
    timeless: tuple[str, ...] = ()
    """Models (by a part of their name) that tell no times, whatever they are asked."""
    fetches: frozenset[str] = frozenset()
    """Containers, as an address ends, that the service fetches from a public address itself."""

    def seconds_for(self, model: str) -> float | None:
        """The longest recording that `model` takes in one request; None: no known limit."""
        own = [most for part, most in self.model_seconds if part in model.lower()]
        return min([*own, *([self.upload_seconds] if self.upload_seconds else [])], default=None)


@dataclass(frozen=True, slots=True)
class Family:
    """One way of speaking to a service.

    `needs` names, per verb, the setting without which a backend of the family lacks the verb.
    `takes` names, per verb, the option fields (of TranscribeOptions, ChatOptions, SpeechRequest …) that
    the family honours: anything else that a caller sets is refused before work begins. `apart` names pairs of
    them of which the second cannot be had with the first.
    `stops_on_cancel` names the verbs where leaving the stream really stops the service's work.
    `languages` names, per verb, the only languages (first subtags) that it can; absent: any. `notices`
    names, per verb, what a person should know who leaves the language open.
    `grammar` returns JSGF for what its chat understands; `takes_grammar` says its ears can use one.
    """

    name: str
    summary: str
    transcribe: Factory | None = None
    transcribe_live: Factory | None = None
    chat: Factory | None = None
    speak: Factory | None = None
    speak_live: Factory | None = None
    voices: Factory | None = None
    models: Factory | None = None
    health: Factory | None = None
    embed: Factory | None = None
    similar: Factory | None = None
    rerank: Factory | None = None
    image_make: Factory | None = None
    image_describe: Factory | None = None
    image_enhance: Factory | None = None
    image_animate: Factory | None = None
    video_track: Factory | None = None
    video_smooth: Factory | None = None
    learn: Factory | None = None
    local: bool = False
    needs: dict[str, str] = field(default_factory=dict)
    takes: dict[str, frozenset[str]] = field(default_factory=dict)
    apart: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    languages: dict[str, frozenset[str]] = field(default_factory=dict)
    notices: dict[str, str] = field(default_factory=dict)
    limits: Limits = Limits()
    stops_on_cancel: frozenset[str] = frozenset()
    grammar: Callable[[], str] | None = None
    takes_grammar: bool = False
    punctuates_fragments: bool = True
    bases: tuple[str, ...] = ()
    """Where the service is when the configuration names no address."""

    def can(self, verb: str) -> bool:
        """Whether the family serves `verb` by itself (without a bridge)."""
        return getattr(self, verb, None) is not None

    def of(self, backend: Backend) -> Family:
        """The family as `backend` has it: without the verbs whose setting is missing."""
        lacking: dict[str, Any] = {verb: None for verb, name in self.needs.items() if not getattr(backend, name)}
        return replace(self, **lacking)


def lazy(target: str) -> Factory:
    """A factory at "module:attribute" below voicecli.backends, imported when it is called."""

    def factory(backend: Backend) -> Any:
        module, _, attribute = target.partition(":")
        return getattr(import_module(f"voicecli.backends.{module}"), attribute)(backend)

    return factory


_OPENAI = lazy("openai:open_openai")
_GOV_MEDIA = lazy("gov_media:open_media")
_OPENAI_CHAT = frozenset(
    {"model", "temperature", "max_tokens", "top_p", "n", "seed", "stop", "schema", "images", "tools"}
)


def _embedded_grammar() -> str:
    from voicecli.backends import embedded

    return embedded.grammar()


FAMILIES: dict[str, Family] = {
    "openai": Family(
        name="openai",
        summary="Any OpenAI-compatible service",
        transcribe=_OPENAI,
        transcribe_live=_OPENAI,
        chat=_OPENAI,
        speak=_OPENAI,
        voices=_OPENAI,
        models=_OPENAI,
        health=_OPENAI,
        embed=_OPENAI,
        image_make=_OPENAI,
        image_describe=_OPENAI,
        needs={"transcribe_live": "live_url"},
        takes={
            "transcribe": frozenset({"language", "model", "prompt", "temperature", "words", "diarize", "translate"}),
            "transcribe_live": frozenset({"language", "model", "prompt"}),
            "chat": _OPENAI_CHAT,
            "speak": frozenset({"voice", "model", "speed", "format", "instructions", "reference"}),
            "embed": frozenset({"model"}),
            "image_make": frozenset({"model", "size"}),
            "image_describe": frozenset({"model", "question"}),
        },
        apart={"transcribe": (("translate", "language"), ("translate", "diarize"))},
        limits=Limits(
            upload_bytes=26_214_400,
            containers=frozenset({"wav", "flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "webm"}),
            model_seconds=(("gpt-4o", 1400.0),),
            timeless=("gpt-4o", "gpt-live", "-transcribe"),
            speech_characters=4096,
        ),
        stops_on_cancel=frozenset({"chat", "speak"}),
    ),
    "qiniu": Family(
        name="qiniu",
        summary="Qiniu's cloud voice: live recognition, speech, chat as OpenAI's",
        transcribe=lazy("qiniu:ears"),
        transcribe_live=lazy("qiniu:ears"),
        chat=lazy("qiniu:thinker"),
        speak=lazy("qiniu:mouth"),
        voices=lazy("qiniu:catalog"),
        models=lazy("qiniu:thinker"),
        health=lazy("qiniu:catalog"),
        takes={
            "transcribe": frozenset({"model", "words"}),
            "transcribe_live": frozenset({"model", "words"}),
            "chat": _OPENAI_CHAT,
            "speak": frozenset({"voice", "speed", "format"}),
        },
        limits=Limits(
            speech_characters=300,
            speech_bytes=1024,
            plain=True,
            fetches=frozenset({"wav", "mp3", "ogg", "oga", "opus"}),
        ),
        stops_on_cancel=frozenset({"chat"}),
        bases=("https://openai.qiniu.com/v1", "https://api.qnaigc.com/v1"),
    ),
    "selfhosted": Family(
        name="selfhosted",
        summary="Local servers: SenseVoice, a chat server, a voice that clones",
        transcribe=lazy("selfhosted.ears:open_transcriber"),
        chat=lazy("selfhosted.chat:open_chat"),
        speak=lazy("selfhosted.voice:open_speaker"),
        voices=lazy("selfhosted.voice:open_voices"),
        models=lazy("selfhosted.health:open_models"),
        health=lazy("selfhosted.health:open_health"),
        embed=lazy("selfhosted.meaning:open_meaning"),
        similar=lazy("selfhosted.meaning:open_meaning"),
        rerank=lazy("selfhosted.meaning:open_meaning"),
        needs=dict.fromkeys(("embed", "similar", "rerank"), "embedding_url"),
        takes={
            "transcribe": frozenset({"language"}),
            "chat": frozenset({"model"}),
            "speak": frozenset({"voice", "style", "reference", "temperature", "top_p"}),
            "embed": frozenset({"model"}),
        },
        # It answers after the whole synthesis: longer pieces would only be heard later.
        limits=Limits(speech_characters=300),
        stops_on_cancel=frozenset({"chat"}),
    ),
    "gov": Family(
        name="gov",
        summary="A government cloud service: answers by category",
        transcribe=lazy("gov:open_transcriber"),
        chat=lazy("gov:open_chat"),
        speak=lazy("gov:open_speaker"),
        health=lazy("gov:open_health"),
        image_make=_GOV_MEDIA,
        image_describe=_GOV_MEDIA,
        image_enhance=_GOV_MEDIA,
        image_animate=_GOV_MEDIA,
        video_track=_GOV_MEDIA,
        video_smooth=_GOV_MEDIA,
        learn=_GOV_MEDIA,
        takes={
            "chat": frozenset({"model", "temperature", "max_tokens", "category"}),
            "image_describe": frozenset({"segments"}),
            "learn": frozenset({"category"}),
        },
        # The text stands in the address: a byte becomes three characters there, and 2,048 are safe.
        limits=Limits(speech_characters=200, speech_bytes=600, documents=frozenset({"txt", "doc", "docx", "pdf"})),
    ),
    "embedded": Family(
        name="embedded",
        summary="This machine alone: no key, no network, no download",
        transcribe=lazy("embedded:transcribe"),
        transcribe_live=lazy("embedded:transcribe_live"),
        chat=lazy("embedded:chat"),
        speak=lazy("embedded:speak"),
        voices=lazy("embedded:voices"),
        health=lazy("embedded:health"),
        local=True,
        languages={"transcribe": frozenset({"en"})},
        notices={"transcribe": "English only, expect errors"},
        takes={
            "transcribe": frozenset({"language", "words", "grammar"}),
            "transcribe_live": frozenset({"language", "words", "grammar"}),
            "speak": frozenset({"voice", "language", "speed", "pitch"}),
        },
        limits=Limits(plain=True),
        stops_on_cancel=frozenset({"chat", "speak"}),
        grammar=_embedded_grammar,
        takes_grammar=True,
    ),
}
"""Every family by name. A new one is a new entry here and a room below voicecli.backends."""
