"""The settings that exist: their names, types, ranges and defaults, each stated here and nowhere else.

Belongs here: the frozen sections of the configuration and what resolving them gives. The TOML keys, the
`VOICE_*` variables, the messages about wrong values and `voice config show` are all derived from these
annotations (a backend's keys from `types.Backend`). A new section is a dataclass here and a field of Config.
Does not belong here: reading, merging, or anything that looks at the environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from voicecli.types import Backend, Range, Seconds, ServiceUrl

DeviceIndex = Annotated[int, Range(0, 9999)]
Tokens = Annotated[int, Range(1, 10_000_000)]


@dataclass(frozen=True, slots=True)
class Use:
    """Which backend serves which verb, by name; "" is unset.

    Never so for the first three in a resolved Config (`resolve.BASIC_VERBS`); for the others `wiring.used_for` decides.
    """

    transcribe: str = ""
    chat: str = ""
    speak: str = ""
    talk: str = ""
    embed: str = ""
    image: str = ""
    video: str = ""
    learn: str = ""


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """None: do not send the field. `max_history_tokens` bounds what a long talk sends again each turn."""

    system: str = ""
    temperature: Annotated[float, Range(0, 2)] | None = None
    max_tokens: Tokens | None = None
    max_history_tokens: Annotated[int, Range(100, 10_000_000)] = 6000


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """Devices by a part of their name, or by index; "" is the system's default."""

    input: DeviceIndex | str = ""
    output: DeviceIndex | str = ""
    device: str = ""
    """The address of a `voice serve --device`, whose microphone and loudspeaker are used in place of these."""
    return_s: Annotated[float, Range(0, 86_400)] = 60.0
    """How long a conversation waits for a device that has vanished; 0: it ends at once."""
    noise_suppression: bool = False
    automatic_gain: bool = False
    """What else the echo canceller may do to the microphone's sound. Recognisers mostly do better without."""


@dataclass(frozen=True, slots=True)
class TalkSettings:
    """When a spoken turn ends, and what may happen meanwhile. Milliseconds of silence since the last speech."""

    soft_end_ms: Annotated[int, Range(20, 5000)] = 120
    end_ms: Annotated[int, Range(50, 10_000)] = 500
    end_ms_min: Annotated[int, Range(50, 10_000)] = 400
    end_ms_max: Annotated[int, Range(50, 10_000)] = 1200
    learn_pauses: bool = True
    """Whether the waits follow the person's own pauses, between 0.84 and 1.25 of what is set."""
    max_turn_s: Annotated[float, Range(1, 3600)] = 60.0
    pre_roll_ms: Annotated[int, Range(0, 3000)] = 300
    end_words: tuple[str, ...] = ()
    wake: str = ""
    """A phrase that it sleeps until; "": it never sleeps."""
    awake_s: Annotated[float, Range(1, 86_400)] = 30.0
    turns: Literal["client", "service"] = "client"
    """Who finds the end of a turn where one service hears and speaks."""
    barge_in: Literal["auto", "on", "off"] = "auto"
    headphones: bool = False
    vad: Literal["silero", "webrtc"] = "silero"
    draft: Literal["auto", "off", "asr", "chat", "speak"] = "auto"
    cues: tuple[Literal["listening", "taken", "lost"], ...] = ()
    """When a soft tone sounds: it listens again, a turn was taken, a turn was lost."""
    draft_budget: Annotated[int, Range(0, 100_000_000)] = 20_000
    """Tokens, estimated, that drafts which were thrown away may cost in one conversation."""


@dataclass(frozen=True, slots=True)
class DictationSettings:
    """How dictated sentences are written: as they are recognised, unless something is asked for here."""

    punctuation: bool = False
    fillers: bool = True
    replace: tuple[str, ...] = ()
    """"HEARD=WRITTEN": words that are heard, and what is written for them."""


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """Whether conversations are kept on this machine, and for how many days after they last went on; 0: for ever."""

    enabled: bool = True
    keep_days: Annotated[int, Range(0, 36_500)] = 0


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """What is kept so that it is not paid for twice may take so much of the disk; what was used longest ago goes."""

    max_mb: Annotated[int, Range(1, 10_000_000)] = 1000


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Where local models lie ("": the user's data folder), where else they are fetched from, and who is asked first.

    A mirror is an address with {name} or {url} in it, or a folder in which files of the usual names lie. A server lets
    go of a model that nobody asked for in `rest_s` seconds; 0: of none.
    """

    folder: str = ""
    mirrors: tuple[ServiceUrl, ...] = ()
    fetch: Literal["ask", "always", "never"] = "ask"
    rest_s: Annotated[float, Range(0, 1_000_000)] = 900.0


@dataclass(frozen=True, slots=True)
class ToolSettings:
    """What a model that can call functions is offered: None: every tool that can be served. Results go to `folder`.

    "" is the folder in which the program was started.
    """

    enabled: tuple[str, ...] | None = None
    folder: str = ""


@dataclass(frozen=True, slots=True)
class McpServer:
    """`[mcp.NAME]`: a server of tools, by the Model Context Protocol; a program of ours to start, or an address.

    `env` is added to the little that its program is given. `trust`: its word is taken for which tools only read.
    """

    name: str
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    url: ServiceUrl = ""
    api_key_env: str = ""
    trust: bool = False
    timeout_s: Seconds = 60.0


@dataclass(frozen=True, slots=True)
class AgentProgram:
    """`[agents.NAME]`: an agent to talk with, by the Agent Client Protocol; a program of ours to start.

    `env` is added to the little that it is given. `mode` is how it may act by itself; "": one that asks. `model` and
    `auth`, a way to sign in, are as the agent lists them.
    """

    name: str
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    mode: str = ""
    model: str = ""
    auth: str = ""


NAMED: Mapping[str, Any] = {"backends": Backend, "mcp": McpServer, "agents": AgentProgram}
"""The sections that are tables of tables, each under a name of the person's choosing."""

ORDERED = (("talk.end_ms_min", "talk.end_ms"), ("talk.end_ms", "talk.end_ms_max"))
"""Pairs of which the first may not be more than the second."""
FOLLOWS = frozenset({"talk.end_ms_min"})
"""Settings that give way to their second where nobody has set them."""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that was configured, resolved once.

    `sources` tells for each dotted key where its value comes from: "flag --x", a variable's name,
    "file PATH", "profile NAME", "default", or why a backend was guessed. `guessed` holds the verbs whose
    backend nobody named: it may turn out to lack them. `path` is the file that was read, if any.
    """

    use: Use = field(default_factory=Use)
    backends: Mapping[str, Backend] = field(default_factory=dict)
    chat: ChatSettings = field(default_factory=ChatSettings)
    audio: AudioSettings = field(default_factory=AudioSettings)
    talk: TalkSettings = field(default_factory=TalkSettings)
    dictation: DictationSettings = field(default_factory=DictationSettings)
    history: HistorySettings = field(default_factory=HistorySettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    models: ModelSettings = field(default_factory=ModelSettings)
    tools: ToolSettings = field(default_factory=ToolSettings)
    mcp: Mapping[str, McpServer] = field(default_factory=dict)
    agents: Mapping[str, AgentProgram] = field(default_factory=dict)
    path: Path | None = None
    profile: str = ""
    profiles: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    guessed: frozenset[str] = frozenset()
    config_dir: Path = Path()
    state_dir: Path = Path()
    cache_dir: Path = Path()
    models_dir: Path = Path()

    def backend_for(self, verb: str) -> Backend:
        """The backend that `[use]` names for `verb` (transcribe, chat or speak)."""
        return self.backends[getattr(self.use, verb)]
