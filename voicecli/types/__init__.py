"""The frozen values that the three worlds (sound, network, terminal) exchange.

Belongs here: small immutable types without behaviour beyond arithmetic on themselves.
Does not belong here: I/O, numpy, clocks, anything that imports another room.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, BinaryIO, Literal, get_args

Verb = Literal[
    "transcribe",
    "transcribe_live",
    "chat",
    "speak",
    "speak_live",
    "voices",
    "models",
    "health",
    "embed",
    "similar",
    "rerank",
    "image_make",
    "image_describe",
    "image_enhance",
    "image_animate",
    "video_track",
    "video_smooth",
    "learn",
]
ALL_VERBS: tuple[Verb, ...] = get_args(Verb)
Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class PcmFormat:
    """Signed 16-bit little-endian samples, interleaved when there are several channels."""

    rate: int = 16_000
    channels: int = 1

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of every channel."""
        return 2 * self.channels

    def bytes_for(self, ms: float) -> int:
        """Bytes of `ms` milliseconds, rounded down to whole samples."""
        return int(self.rate * ms / 1000) * self.frame_bytes

    def seconds(self, pcm: bytes) -> float:
        """Length of `pcm` in seconds."""
        return len(pcm) / (self.rate * self.frame_bytes)


MIC = PcmFormat(16_000, 1)
"""What every microphone, file and recogniser of ours exchanges: 16 kHz mono."""

LONGEST_S = 1e9
"""What a service or a file says to be longer is no time: 30 years."""


@dataclass(frozen=True, slots=True)
class AudioFrame:
    """A short piece of live sound.

    `at` is when its first sample was taken (or should sound), in seconds on the event loop's clock.
    """

    pcm: bytes
    format: PcmFormat = MIC
    at: float = 0.0

    @property
    def seconds(self) -> float:
        return self.format.seconds(self.pcm)


@dataclass(frozen=True, slots=True)
class AudioClip:
    """One whole recording as a service is sent it: encoded bytes and the container's extension.

    `container` is a file extension without the dot: wav, flac, mp3, ogg, opus, m4a, webm …
    `url` is where a service can fetch it instead; `data` may then be empty.
    """

    data: bytes = field(repr=False)
    container: str = "wav"
    seconds: float | None = None
    name: str = "audio"
    url: str = ""


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A piece of speech as the service sends it.

    `encoding` is a PcmFormat when the bytes are samples (a chunk may end inside a sample), otherwise
    the container's extension (mp3, wav, ogg, opus, flac, aac): the pieces then form one file.
    """

    data: bytes = field(repr=False)
    encoding: PcmFormat | str


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word; times in seconds from the start of the recording."""

    text: str
    start: float
    end: float
    confidence: float | None = None
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of recognised speech; times in seconds from the start of the recording."""

    text: str
    start: float
    end: float
    words: tuple[Word, ...] = ()
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a recogniser understood so far: `text` is the whole, not the newest piece.

    Text never carries control characters, recogniser tags or emoji of SenseVoice; those are in `tags`.
    """

    text: str
    final: bool = True
    language: str | None = None
    duration: float | None = None
    segments: tuple[Segment, ...] = ()
    words: tuple[Word, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TranscribeOptions:
    """What a caller may ask of a recogniser. None (or empty) means: do not send the field.

    `grammar` is JSGF text that the speech is expected to fit; only recognisers whose family says
    `takes_grammar` are given one.
    """

    language: str | None = None
    model: str | None = None
    prompt: str | None = None
    temperature: float | None = None
    hotwords: tuple[str, ...] = ()
    words: bool = False
    diarize: bool = False
    translate: bool = False
    grammar: str | None = None


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that a model may call; `parameters` is the JSON schema of its arguments, an object's."""

    name: str
    meaning: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model wants a tool used. `arguments` is JSON as the model wrote it: it may not even be JSON."""

    id: str
    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call: `text` is for the model, `shown` is a line for the person ("": nothing to see)."""

    text: str
    shown: str = ""
    ok: bool = True


@dataclass(frozen=True, slots=True)
class ToolNews:
    """How a tool is doing, for the person: `text` is a line to be shown, what is asked or what came of it.

    `quick`: it takes no time worth a word. A person is asked in the answer's text where there is no other way.
    """

    name: str
    state: Literal["asked", "working", "done", "failed", "declined"]
    text: str = ""
    quick: bool = False


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
class Picture:
    """A picture to be looked at; `kind` is its media type, image/png for instance."""

    data: bytes = field(repr=False)
    kind: str


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
class Upload:
    """A file that a service is sent, read while it goes out and from its beginning at each attempt.

    `name` is what the service is told, with an extension; `kind` is the media type, image/png for instance.
    """

    file: BinaryIO = field(repr=False)
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class MediaChunk:
    """A piece of a picture or a video as it arrives; all pieces of one have the same media type."""

    data: bytes = field(repr=False)
    kind: str


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """What a caller may ask of a painter. None: do not send the field. `size` is as the service writes it."""

    model: str | None = None
    size: str | None = None


@dataclass(frozen=True, slots=True)
class DescribeOptions:
    """What a caller may ask of somebody who looks at a picture. None: do not send the field.

    `segments`: the picture with its parts marked is wanted too.
    """

    model: str | None = None
    question: str | None = None
    segments: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """What is seen in a picture; `labels` name kinds of things, `segments` is the picture with its parts marked."""

    text: str
    labels: tuple[str, ...] = ()
    segments: Picture | None = None


@dataclass(frozen=True, slots=True)
class EmbedOptions:
    """What a caller may ask of a model that turns texts into vectors. None: do not send the field."""

    model: str | None = None


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate and how well it fits; `index` is its place among those that were sent, `score` None where untold."""

    index: int
    text: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class LearnOptions:
    """What a caller may ask of a knowledge base. None: the backend's own."""

    category: str | None = None


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """A text to be spoken. None (or empty) means: do not send the field; the backend's default.

    `format` is the container wished for (wav, mp3 …); None leaves it to the adapter, which takes PCM
    where the service offers it. `speed` 1.0 is normal; `pitch` is the family's own scale.
    """

    text: str
    voice: str | None = None
    model: str | None = None
    language: str | None = None
    speed: float | None = None
    pitch: float | None = None
    format: str | None = None
    instructions: str | None = None
    style: str | None = None
    reference: AudioClip | None = None
    temperature: float | None = None
    top_p: float | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that a service offers; `name` is what `--voice` takes.

    `listed` is False where the service lists none, and the name is only one that such services usually know.
    """

    name: str
    label: str = ""
    language: str = ""
    category: str = ""
    sample_url: str = ""
    listed: bool = True


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
LiveUrl = Annotated[str, Url(("ws", "wss", "http", "https"), query=True)]
ProxyUrl = Annotated[str, Url(("http", "https", "socks5", "socks5h"), password=True)]
Seconds = Annotated[float, Range(0.1, 3600)]


@dataclass(frozen=True, slots=True)
class Backend:
    """One `[backends.NAME]` table, resolved: everything an adapter may know of its configuration.

    `key` is looked up when the backend is opened (`keys.resolve_key`), from the variable `api_key_env`,
    the command `api_key_cmd` or the key file; never before. `timeout_s` bounds the wait for the next
    bytes, `connect_timeout_s` the wait for a connection. `extra` is passed to the service untouched: a
    table named after a key of `[use]` (chat, transcribe, speak, embed, image …) goes with those requests,
    other entries with every request.
    """

    name: str
    family: str
    base_url: ServiceUrl = ""
    base_urls: tuple[ServiceUrl, ...] = ()
    asr_url: ServiceUrl = ""
    chat_url: ServiceUrl = ""
    tts_url: ServiceUrl = ""
    embedding_url: ServiceUrl = ""
    key: Secret | None = None
    key_source: str = ""
    api_key_env: str = ""
    api_key_cmd: str | tuple[str, ...] = field(default="", repr=False)
    chat_model: str = ""
    transcribe_model: str = ""
    speak_model: str = ""
    embed_model: str = ""
    image_model: str = ""
    voice: str = ""
    language: str = ""
    category: str = ""
    style: str = ""
    speech_format: str = ""
    live_url: LiveUrl = ""
    speed: Annotated[float, Range(0.1, 10)] | None = None
    pitch: float | None = None
    proxy: ProxyUrl = field(default="", repr=False)
    timeout_s: Seconds = 60.0
    connect_timeout_s: Seconds = 5.0
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def extra_for(self, verb: str) -> dict[str, Any]:
        """The entries of `extra` that belong into a request of `verb`."""
        verbs = ("chat", "transcribe", "speak", "embed", "image", "video", "learn")
        common = {k: v for k, v in self.extra.items() if k not in verbs}
        return common | dict(self.extra.get(verb) or {})
