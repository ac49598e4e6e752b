"""The promises that adapters keep: one small Protocol per capability.

A live thing is an async context manager that yields an async iterator, never a bare generator that
owns tasks (PEP 789). Leaving the block closes the connection, at once and without waiting for more
than a second. Failures are errors of `voicecli.errors`, raised from the iterator or on entering.

Belongs here: protocols. Does not belong here: implementations, defaults, anything with state.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from voicecli.ports.streams import Opened as Opened
from voicecli.ports.streams import Stream as Stream
from voicecli.ports.talk import Colloquy as Colloquy
from voicecli.ports.talk import Converser as Converser
from voicecli.ports.talk import SpokenExchange as SpokenExchange
from voicecli.types import (
    AudioChunk,
    AudioClip,
    AudioFrame,
    ChatDelta,
    ChatMessage,
    ChatOptions,
    DescribeOptions,
    Description,
    EmbedOptions,
    HealthReport,
    LearnOptions,
    MediaChunk,
    PictureOptions,
    Ranked,
    SpeechRequest,
    ToolCall,
    ToolResult,
    ToolSpec,
    TranscribeOptions,
    Transcript,
    Upload,
    Voice,
)
from voicecli.types.turns import Heard, Reply, Stage, Wanted

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")


class FileTranscriber(Protocol):
    """Recognises one whole recording."""

    def transcribe(self, clip: AudioClip, options: TranscribeOptions) -> Stream[Transcript]:
        """Yields partial transcripts where the service streams them, then exactly one final one, last."""
        ...


class LiveTranscriber(Protocol):
    """Recognises speech while it is spoken."""

    def transcribe_live(self, frames: AsyncIterator[AudioFrame], options: TranscribeOptions) -> Stream[Transcript]:
        """One utterance. Each transcript is the whole text so far; after `frames` ends one final comes last."""
        ...


class ChatModel(Protocol):
    """Answers a conversation."""

    def chat(self, messages: Sequence[ChatMessage], options: ChatOptions) -> Stream[ChatDelta]:
        """Yields pieces as they arrive. An answer that breaks off raises after what arrived was yielded."""
        ...


class GatedModel(Protocol):
    """A ChatModel that does nothing that cannot be undone before `gate` returns."""

    def chat(
        self,
        messages: Sequence[ChatMessage],
        options: ChatOptions,
        gate: Callable[[], Awaitable[object]] | None = None,
    ) -> Stream[ChatDelta]:
        """As `ChatModel.chat`. None: it need not wait."""
        ...


class Speaker(Protocol):
    """Speaks a text."""

    def speak(self, request: SpeechRequest) -> Stream[AudioChunk]:
        """Yields sound as it arrives, every chunk with the same encoding. No sound at all is a ServiceError."""
        ...


class VoiceCatalog(Protocol):
    async def voices(self) -> Sequence[Voice]: ...


class ModelCatalog(Protocol):
    async def models(self) -> Sequence[str]: ...


class Health(Protocol):
    async def check(self) -> HealthReport:
        """Raises what is wrong; returning means the service answered."""
        ...


@runtime_checkable
class Warm(Protocol):
    """An adapter that can open its connection (or start its process) before it is needed."""

    async def warm(self) -> None:
        """Never raises for an unreachable service: the request that follows raises."""
        ...


@runtime_checkable
class Rings(Protocol):
    """A model or a toolbox that speaks unasked, when a timer has run out for instance."""

    def announcements(self) -> AsyncIterator[str]:
        """Yields each text when it is to be said. It never ends by itself."""
        ...


class Embedder(Protocol):
    """Turns texts into vectors of which near ones mean the same."""

    async def embed(self, texts: Sequence[str], options: EmbedOptions) -> Sequence[Sequence[float]]:
        """One vector per text, in their order, all of one length; a few dozen texts at a time."""
        ...


class Comparer(Protocol):
    async def similar(self, a: str, b: str, options: EmbedOptions) -> float:
        """How near two texts are in meaning, on the service's own scale; usually 1 is the same."""
        ...


class Reranker(Protocol):
    async def rerank(self, query: str, candidates: Sequence[str], options: EmbedOptions) -> Sequence[Ranked]:
        """Every candidate once, the best first."""
        ...


class Painter(Protocol):
    def image_make(self, prompt: str, options: PictureOptions) -> Stream[MediaChunk]:
        """A picture, in pieces as they arrive."""
        ...


class Onlooker(Protocol):
    async def image_describe(self, picture: Upload, options: DescribeOptions) -> Description: ...


class Enhancer(Protocol):
    def image_enhance(self, picture: Upload) -> Stream[MediaChunk]:
        """The picture, made sharper; in pieces as they arrive."""
        ...


class Animator(Protocol):
    def image_animate(self, picture: Upload) -> Stream[MediaChunk]:
        """A short video that begins with the picture; in pieces as they arrive."""
        ...


class Tracker(Protocol):
    def video_track(self, video: Upload) -> Stream[MediaChunk]:
        """The video with what moves in it marked; in pieces as they arrive."""
        ...


class Smoother(Protocol):
    def video_smooth(self, video: Upload) -> Stream[MediaChunk]:
        """The video with frames put between its frames; in pieces as they arrive."""
        ...


class Learner(Protocol):
    async def learn(self, document: Upload, options: LearnOptions) -> None:
        """The document is in the knowledge base when this returns."""
        ...


class Toolbox(Protocol):
    """Tools that a model may call. A call that fails, or is wrong, is a result that the model can answer to."""

    @property
    def specs(self) -> Sequence[ToolSpec]: ...

    def question(self, call: ToolCall, *, chinese: bool) -> str:
        """What the person has to say yes to before the call; "" where nobody needs to be asked."""
        ...

    def quick(self, call: ToolCall) -> bool:
        """Whether it takes so little time that the person is told nothing meanwhile."""
        ...

    async def use(self, call: ToolCall) -> ToolResult:
        """Never raises a VoiceError. Cancelled, it leaves nothing running and nothing half written."""
        ...


class Reporter(Protocol):
    """Whom wiring and the use cases tell what is worth telling while they work: a console, a server's log."""

    quiet: bool

    def note(self, text: str) -> None:
        """What a person should know, in one line."""
        ...

    def detail(self, text: str) -> None:
        """What only somebody who asked for more (-v) wants to know."""
        ...

    def warn(self, text: str) -> None:
        """What is not as it was asked for; said even where notes are silenced."""
        ...

    def hide(self, secret: object) -> None:
        """From now on `secret` is masked in whatever is shown."""
        ...

    def progress(
        self, label: str, total: float | None = None, unit: str = ""
    ) -> AbstractContextManager[Callable[[float], object]]:
        """Yields `set(done)`, which shows how much of `total` is done; `unit` is "s" for seconds of sound."""
        ...


class Keeps(Protocol):
    """Opens each adapter once, and keeps it open for the whole of a conversation."""

    async def kept(self, name: str, opening: Callable[[], Opened[T]]) -> T:
        """The adapter called `name`: opened by `opening` at the first call, the same one at every further call."""
        ...


# -- a conversation ----------------------------------------------------------------------------------


class TurnRequest(Protocol):
    """A turn, as it asks its responder for an answer."""

    wanted: Wanted

    def messages(self, question: str) -> Sequence[ChatMessage]:
        """The conversation so far, with `question` as its last message."""
        ...

    def opened(self) -> Awaitable[object]:
        """Returns when the turn has ended: only then something may be done that cannot be undone."""
        ...

    def wants_answer(self, question: str) -> bool:
        """Whether the model is asked. It is not for a request that the voice alone serves ("speak slower")."""
        ...

    def room(self) -> Awaitable[object]:
        """Returns when the playout wants more sound: it holds a few seconds at most."""
        ...

    def mark(self, stage: Stage) -> None:
        """The answer has reached `stage`. Only the first call for a stage counts."""
        ...


class Answerer(Protocol):
    """A responder's side of one turn: it hears the person, and answers. Nothing here blocks."""

    @property
    def pcm(self) -> bytearray:
        """What was heard, s16le 16 kHz mono: kept when the turn is lost."""
        ...

    def hear(self, frames: Sequence[AudioFrame]) -> None:
        """The person speaks. After a `pause` a new segment begins."""
        ...

    def pause(self) -> None:
        """The segment is complete. Calling it twice does no harm."""
        ...

    async def text(self) -> Heard:
        """The words of the whole turn so far, after a pause; "" from a responder that learns none. May be repeated."""
        ...

    def draftable(self, made: int, *, early: bool = False) -> str | None:
        """The words that a draft could be made on after `made` drafts. "": on the sound alone; None: on nothing yet.

        `early`: the person may still speak. A draft is then made on interim words, or on a copy of the sound so far.
        """
        ...

    def turn(self, ask: TurnRequest) -> Stream[Reply]:
        """The answer. Leaving the block withdraws it; a draft that was withdrawn leaves no trace.

        The next answer may be entered while this one is still being left. A responder that can make only one at a
        time waits on entering.
        """
        ...

    def heard_until(self, samples: int) -> None:
        """Barge-in: the person heard `samples` of the answer. A responder with its own history forgets the rest."""
        ...

    def withdrawn(self, tokens: int) -> str:
        """A draft was withdrawn that had cost about so many tokens. Returns a notice for the person, or ""."""
        ...

    def abandon(self) -> None:
        """The turn is over for the responder: it stops its work and closes its connections."""
        ...

    @property
    def backlog_s(self) -> float:
        """Seconds of sound that wait to be taken by a recogniser."""
        ...


class Responder(Protocol):
    """Who answers in a conversation: recogniser, model and voice in a row, or one service that does it all."""

    def listen(self, tasks: asyncio.TaskGroup, on_partial: Callable[[str], None]) -> Answerer:
        """The responder's side of a new turn. `on_partial` is told what is understood while the person speaks."""
        ...

    async def warm(self) -> None:
        """Opens connections ahead, when somebody begins to speak. Never raises for an unreachable service."""
        ...


class Rendered(Protocol):
    """What a loudspeaker plays (audio.playout). It is asked for every sample just before that sample sounds."""

    rate: int

    @property
    def moved(self) -> bool:
        """Whether `pump` has work to do. May be asked on any thread."""
        ...

    def render(self, count: int, at: float) -> bytes:
        """`count` samples (s16le mono), the first of which sounds at `at` on the loop's clock. On any thread."""
        ...


class Microphone(Protocol):
    """The ears of a conversation: a sound card, a file, a connection."""

    @property
    def name(self) -> str: ...

    def __aiter__(self) -> AsyncIterator[AudioFrame]:
        """Frames of 20 ms, 16 kHz mono, without a gap. A recording ends; a device that is lost raises DeviceError."""
        ...


class Loudspeaker(Protocol):
    """The mouth of a conversation, which renders a playout as time passes, and has it pumped on the event loop."""

    @property
    def name(self) -> str: ...

    def passed(self, frame: AudioFrame) -> None:
        """The microphone's `frame` has been heard. It is the clock of a loudspeaker that has none of its own."""
        ...

    async def keep(self) -> None:
        """Runs beside the conversation until cancelled. DeviceError: it is lost."""
        ...
