"""What a family of services is, and what one backend of it can do: the shape that every family's room fills in.

A family is one file in its room: `FAMILY = Family(name, summary, describe)`. Its factories import their adapter when
they are called, so that a family costs nothing until it is used; mypy holds each to the Protocol of its verb.

Belongs here: Family, Capabilities, Limits, Preset. Does not belong here: any particular family, the list of them
(registry).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Literal, TypeVar

from voicecli import ports, types
from voicecli.types import Backend
from voicecli.verbs import VERBS, Use, Verb

P = TypeVar("P")
S = TypeVar("S", bound=Backend)

Opening = Callable[[Backend], ports.Opened[P]]
"""A factory: the backend's settings, key and all, to a context that yields the adapter and closes what it opened."""

LANES = 4
"""Requests that a service is sent side by side, where its family says nothing else."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a backend takes at most in one request; None: no known limit. Containers are extensions."""

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


NO_MATTER = frozenset(
    {
        "name",
        "key",
        "key_source",
        "api_key_env",
        "api_key_cmd",
        "proxy",
        "timeout_s",
        "connect_timeout_s",
        "extra",
        "price",
    }
)
"""Settings that change nothing about what is answered. `extra` counts by the verb (`Backend.extra_for`)."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one backend can do: a verb that has a factory.

    `takes` names, per verb, the option fields (of TranscribeOptions, ChatOptions, SpeechRequest …) that are honoured:
    anything else that a caller sets is refused before work begins. `apart` names pairs of them of which the second
    cannot be had with the first. `needs` names, per verb, the setting without which a backend lacks the verb.
    `languages` names, per key of `[use]`, the only languages (first subtags) that it can; absent: any. `notices` names,
    per key of `[use]`, what a person should know who leaves the language open.
    """

    backend: Backend
    transcribe: Opening[ports.FileTranscriber] | None = None
    transcribe_live: Opening[ports.LiveTranscriber] | None = None
    chat: Opening[ports.ChatModel] | None = None
    speak: Opening[ports.Speaker] | None = None
    converse: Opening[ports.Converser] | None = None
    voices: Opening[ports.VoiceCatalog] | None = None
    models: Opening[ports.ModelCatalog] | None = None
    health: Opening[ports.Health] | None = None
    embed: Opening[ports.Embedder] | None = None
    similar: Opening[ports.Comparer] | None = None
    rerank: Opening[ports.Reranker] | None = None
    image_make: Opening[ports.Painter] | None = None
    image_describe: Opening[ports.Onlooker] | None = None
    image_enhance: Opening[ports.Enhancer] | None = None
    image_animate: Opening[ports.Animator] | None = None
    video_track: Opening[ports.Tracker] | None = None
    video_smooth: Opening[ports.Smoother] | None = None
    learn: Opening[ports.Learner] | None = None
    needs: Mapping[Verb, str] = field(default_factory=dict)
    takes: Mapping[Verb, frozenset[str]] = field(default_factory=dict)
    apart: Mapping[Verb, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    languages: Mapping[Use, frozenset[str]] = field(default_factory=dict)
    notices: Mapping[Use, str] = field(default_factory=dict)
    limits: Limits = Limits()
    stops_on_cancel: frozenset[Verb] = frozenset()
    """The verbs where leaving the stream really stops the service's work."""
    addresses: Mapping[Verb, str] = field(default_factory=dict)
    """Where a verb is asked that has an address of its own; the others are asked at `bases`."""
    bases: tuple[str, ...] = ()
    offline: bool = False
    """It works without a network: nothing leaves this machine."""
    rehears: bool = False
    """Its live recogniser had better hear a turn again, whole, once its end is known."""
    lanes: int = LANES
    """Requests that may run side by side: 1 for what takes a processor of this machine."""
    punctuates_fragments: bool = True
    """Its ears end every piece with a full stop, whether the sentence ended or not."""

    @property
    def name(self) -> str:
        """The family's name."""
        return self.backend.family

    def can(self, verb: Verb) -> bool:
        """Whether the backend serves `verb` by itself (without a bridge)."""
        return getattr(self, verb) is not None

    def opening(self, verb: Verb) -> Opening[object] | None:
        """The factory of a verb that is known only when it runs."""
        found: Opening[object] | None = getattr(self, verb)
        return found

    def as_configured(self) -> Capabilities:
        """Without the verbs whose setting is missing."""
        lacking = {str(verb): None for verb, name in self.needs.items() if not getattr(self.backend, name)}
        return replace(self, **lacking)  # type: ignore[arg-type]

    def asked_at(self, verb: Verb) -> tuple[str, ...]:
        """The addresses that `verb` may ask, in order; none for what runs here."""
        own = self.addresses.get(verb, "")
        return (own,) if own else tuple(each for each in self.bases if each)

    def identity(self, verb: Verb) -> str:
        """Changes with every setting that may change what is answered: what is kept under it is never stale."""
        use = VERBS[verb].use
        other_models = {f"{row.use}_model" for row in VERBS.values()} - {f"{use}_model"}
        kept = {each.name for each in fields(self.backend)} - NO_MATTER - other_models
        settings = {name: getattr(self.backend, name) for name in kept}
        asked = json.dumps([use, settings, self.backend.extra_for(use)], sort_keys=True, default=str)
        return hashlib.sha256(asked.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Preset:
    """A service that is set up by one variable, which holds its key: the table of its backend, and what it is for."""

    name: str
    variable: str
    table: Mapping[str, str]
    uses: tuple[Use, ...] = ("transcribe", "chat", "speak")

    @property
    def whole(self) -> Mapping[str, str]:
        """The table with the name of the variable, as a file has it."""
        return {**self.table, "api_key_env": self.variable}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address that a family asks, of which the checklist in docs/backends.md is made.

    `path` is as the service's documents write it; {text} stands for anything. `server` tells which of several
    servers has it, `note` when it is asked, `command` who alone asks it of the commands that use its verbs.
    """

    method: Literal["GET", "POST", "WS"]
    path: str
    verbs: tuple[Verb, ...]
    note: str = ""
    server: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answered on this machine. `settings` are those of a backend, `models` names with their kind
    (a key of `[use]`, "other", or "" for not told); `uses` is what it is for, where no model decides that."""

    name: str
    family: str
    settings: Mapping[str, str]
    models: Mapping[str, str] = field(default_factory=dict)
    uses: tuple[Use, ...] = ()


Looking = Callable[[], Awaitable[Server | None]]


@dataclass(frozen=True)
class Family:
    """One way of speaking to a service.

    `describe` tells what a backend can do; it must be quick, and never fails. `settings` is its `[backends.NAME]`
    table: Backend, or a frozen dataclass that adds fields to it. With `built_in` a backend of the family's name needs
    no table. `nearby` is asked, with ports that a person named, for knocks at this machine's doors. `endpoints` are
    there for each verb that is served over a network, but for lists of our own making.
    """

    name: str
    summary: str
    describe: Callable[[Backend], Capabilities]
    settings: type[Backend] = Backend
    built_in: bool = False
    presets: tuple[Preset, ...] = ()
    nearby: Callable[[tuple[int, ...]], list[Looking]] = lambda ports: []
    endpoints: tuple[Endpoint, ...] = ()

    def of(self, backend: Backend) -> Capabilities:
        """What `backend` can do, as it is configured."""
        return self.describe(backend).as_configured()

    def plain(self, name: str = "") -> Backend:
        """A backend of the family with nothing set."""
        return self.settings(name=name or self.name, family=self.name)

    @cached_property
    def at_best(self) -> Capabilities:
        """What a backend of the family can do when everything is configured."""
        return self.describe(self.plain())


def options_of(verb: Verb) -> type | None:
    """The dataclass of what a caller may ask for; None where there is nothing to ask for."""
    name = VERBS[verb].options
    return getattr(types, name) if name else None


def own(kind: type[S], backend: Backend) -> S:
    """`backend` as the family's own settings, which it always is: the configuration makes it so."""
    assert isinstance(backend, kind), f"{backend.name} is no {kind.__name__}"
    return backend
