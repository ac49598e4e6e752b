"""The settings of a backend, their marks, and keys.

Belongs here: small immutable types without behaviour beyond arithmetic on themselves. Does not belong here: I/O,
clocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What a service answered when asked how it is."""

    detail: str = "ok"
    models: tuple[str, ...] = ()


class Secret:
    """A key. It prints as stars; `reveal()` is called only where a header is built."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret(****)"

    __str__ = __repr__

    def __reduce__(self) -> Any:
        raise TypeError("a Secret is never pickled")


CUT_FROM = 8
"""So much of a secret's beginning is a part of it, no longer a word."""


def without(secret: str, text: str, stars: str = "****") -> str:
    """`text` with `secret` as stars, also where the text was cut in the middle of it: words of services are."""
    text = text.replace(secret, stars)
    head, at = secret[:CUT_FROM], -1
    while len(secret) > CUT_FROM and (at := text.find(head, at + 1)) >= 0:
        end = at + next((n for n, (a, b) in enumerate(zip(text[at:], secret, strict=False)) if a != b), len(secret))
        end = min(end, len(text))
        if end == len(text) or not (text[end].isalnum() or text[end] in "-_"):
            text = text[:at] + stars + text[end:]
    return text


@dataclass(frozen=True, slots=True)
class Range:
    """Stands in an annotation: the least and the most that a setting may be. Checked when it is read."""

    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Url:
    """Stands in an annotation: the schemes an address may have, and what else it may carry."""

    schemes: tuple[str, ...] = ("http", "https")
    query: bool = False
    password: bool = False


ServiceUrl = Annotated[str, Url()]
BaseUrl = Annotated[str, Url(query=True)]
LiveUrl = Annotated[str, Url(("ws", "wss", "http", "https"), query=True)]
ProxyUrl = Annotated[str, Url(("http", "https", "socks5", "socks5h", "socks"), password=True)]
TalkDialect = Literal[
    "", "openai", "azure", "xai", "qwen-omni", "qwen-audio", "localai", "speaches", "huggingface", "voicecli", "beta"
]
"""How a speech-to-speech service is spoken to; "": its host or its first events tell."""
Seconds = Annotated[float, Range(0.1, 3600)]


@dataclass(frozen=True, slots=True)
class Backend:
    """One `[backends.NAME]` table, resolved: everything an adapter may know of its configuration.

    `key` is looked up when the backend is opened (`keys.resolve_key`), from the variable `api_key_env`,
    the command `api_key_cmd` or the key file; never before. `timeout_s` bounds the wait for the next
    bytes, `connect_timeout_s` the wait for a connection. `extra` is passed to the service untouched: a
    table named after a key of `[use]` (chat, transcribe, speak, embed, image …) goes with those requests,
    other entries with every request. `price` is told, never sent: what a million tokens `asked` and `answered` and a
    `minute` of sound cost, in whatever currency the person thinks in.
    """

    name: str
    family: str
    base_url: BaseUrl = ""
    key: Secret | None = None
    key_source: str = ""
    api_key_env: str = ""
    api_key_cmd: str | tuple[str, ...] = field(default="", repr=False)
    chat_model: str = ""
    transcribe_model: str = ""
    speak_model: str = ""
    embed_model: str = ""
    image_model: str = ""
    talk_model: str = ""
    talk_url: LiveUrl = ""
    talk_dialect: TalkDialect = ""
    voice: str = ""
    language: str = ""
    speech_format: str = ""
    live_url: LiveUrl = ""
    speed: Annotated[float, Range(0.1, 10)] | None = None
    proxy: ProxyUrl = field(default="", repr=False)
    timeout_s: Seconds = 60.0
    connect_timeout_s: Seconds = 5.0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    price: Mapping[str, float] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def extra_for(self, verb: str) -> dict[str, object]:
        """The entries of `extra` that belong into a request of `verb`."""
        verbs = ("chat", "transcribe", "speak", "talk", "embed", "image", "video", "learn")
        common = {k: v for k, v in self.extra.items() if k not in verbs}
        return common | dict(self.extra.get(verb) or {})
