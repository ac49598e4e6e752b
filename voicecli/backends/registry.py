"""Which families there are and what each can do: a capability is the presence of a factory.

Belongs here: the Family record, the table, and its limits. Does not belong here: any adapter code
(factories import their module when called, so that the registry costs nothing), or configuration.

A factory takes the resolved `Backend` settings and returns an async context manager that yields the
adapter; leaving it closes the adapter's client, sockets and processes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from voicecli.types import Backend

Factory = Callable[[Backend], Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a family takes at most in one request; None: no known limit. Containers are extensions."""

    upload_bytes: int | None = None
    upload_seconds: float | None = None
    containers: frozenset[str] = frozenset({"wav"})
    speech_characters: int | None = None
    speech_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """One way of speaking to a service.

    `takes` names, per verb, the option fields (of TranscribeOptions, ChatOptions, SpeechRequest) that
    the family honours: anything else that a caller sets is refused before work begins.
    `stops_on_cancel` names the verbs where leaving the stream really stops the service's work.
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
    local: bool = False
    takes: dict[str, frozenset[str]] = field(default_factory=dict)
    limits: Limits = Limits()
    stops_on_cancel: frozenset[str] = frozenset()
    grammar: Callable[[], str] | None = None
    takes_grammar: bool = False
    punctuates_fragments: bool = True

    def can(self, verb: str) -> bool:
        """Whether the family serves `verb` by itself (without a bridge)."""
        return getattr(self, verb, None) is not None
