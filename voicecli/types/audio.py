"""Sound, and what is heard in it: samples, recordings, transcripts, what a voice is asked.

Belongs here: small immutable types without behaviour beyond arithmetic on themselves. Does not belong here: I/O,
clocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field


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
    """What a caller may ask of a recogniser. None (or empty) means: do not send the field."""

    language: str | None = None
    model: str | None = None
    prompt: str | None = None
    temperature: float | None = None
    hotwords: tuple[str, ...] = ()
    words: bool = False
    diarize: bool = False
    translate: bool = False


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
