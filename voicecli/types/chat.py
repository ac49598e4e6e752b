"""A conversation with a model: messages, options, and pieces of an answer.

Belongs here: small immutable types without behaviour beyond arithmetic on themselves. Does not belong here: I/O,
clocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from voicecli.types.media import Picture
from voicecli.types.tools import ToolCall, ToolNews, ToolSpec

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a conversation; `content` is never empty, but for an assistant that only calls tools.

    `calls` are the assistant's; a message of the role tool answers the call with the number `call_id`.
    """

    role: Role
    content: str
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a chat request cost, as the service counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def total(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.prompt_tokens + other.prompt_tokens, self.completion_tokens + other.completion_tokens)


@dataclass(frozen=True, slots=True)
class ChatDelta:
    """A piece of a streamed answer. `reasoning` is shown, never spoken. `calls` are whole, and come once, last.

    `news` is of a tool that is used before the answer goes on (dialogue.tools); no service sends it.
    """

    text: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    calls: tuple[ToolCall, ...] = ()
    news: ToolNews | None = None


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """What a caller may ask of a chat model. None (or empty) means: do not send the field.

    `schema` is the JSON schema that the answer has to fit; `images` belong to the last message of the person.
    """

    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    n: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    category: str | None = None
    schema: Mapping[str, Any] | None = None
    images: tuple[Picture, ...] = ()
    tools: tuple[ToolSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class TalkOptions:
    """What a caller may ask of a service that hears and speaks. None (or empty): the service's own.

    `turns` says who finds the end of a turn: the client, or the service.
    """

    model: str | None = None
    voice: str | None = None
    language: str | None = None
    instructions: str = ""
    tools: tuple[ToolSpec, ...] = ()
    turns: Literal["client", "service"] = "client"
