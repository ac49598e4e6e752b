"""How a turn is heard, in segments: over a live recogniser, or a file recogniser asked again at each pause.

Belongs here: feeding frames to a recogniser and getting the turn's text out. Does not belong here:
deciding when a segment ends (audio.endpointer) or what to do with the text (dialogue.turn).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from voicecli.audio.pcm import wav_bytes
from voicecli.dialogue.drafting import same_words
from voicecli.errors import culprit
from voicecli.ports import FileTranscriber, LiveTranscriber
from voicecli.text.join import joined
from voicecli.types import MIC, AudioClip, AudioFrame, TranscribeOptions, Transcript

OnPartial = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Heard:
    """What was recognised in a turn so far; `unsure` are words that the recogniser doubts."""

    text: str = ""
    unsure: tuple[str, ...] = ()


class Hearing(Protocol):
    """The ears of one turn. `start`, feed, pause; again after a resume; `text` after each pause."""

    pcm: bytearray

    def start(self, frames: Sequence[AudioFrame]) -> None: ...

    def feed(self, frame: AudioFrame) -> None: ...

    def pause(self) -> None:
        """The segment is complete. Calling it twice does no harm."""
        ...

    async def text(self) -> Heard:
        """The whole turn so far. Raises what the recogniser raised; may be cancelled and asked again."""
        ...

    def abandon(self) -> None:
        """Nobody wants the text any more: stops and closes everything."""
        ...

    @property
    def interim(self) -> str:
        """The text so far of a recogniser that hears while one speaks, final or not.

        "" from any other, and while it has no word of the newest segment.
        """
        ...

    @property
    def backlog_s(self) -> float:
        """Seconds of sound that the recogniser has not taken yet."""
        ...


class WholeHearing:
    """A file recogniser: gets the whole turn so far at each pause."""

    def __init__(self, ears: FileTranscriber, options: TranscribeOptions, on_partial: OnPartial) -> None:
        self._ears, self._options, self._on_partial = ears, options, on_partial
        self.pcm = bytearray()

    def start(self, frames: Sequence[AudioFrame]) -> None:
        for frame in frames:
            self.feed(frame)

    def feed(self, frame: AudioFrame) -> None:
        self.pcm += frame.pcm

    def pause(self) -> None:
        pass

    async def text(self) -> Heard:
        clip = AudioClip(wav_bytes(bytes(self.pcm), MIC), "wav", MIC.seconds(bytes(self.pcm)))
        last = Transcript("")
        async with self._ears.transcribe(clip, self._options) as transcripts:
            async for last in transcripts:
                if not last.final:
                    self._on_partial(last.text)
        return heard(last)

    def abandon(self) -> None:
        pass

    @property
    def interim(self) -> str:
        return ""

    @property
    def backlog_s(self) -> float:
        return 0.0


@dataclass(slots=True)
class _Segment:
    """One live session: frames go in, the future gets its final transcript."""

    result: asyncio.Future[Transcript]
    frames: asyncio.Queue[AudioFrame | None] = field(default_factory=asyncio.Queue)
    task: asyncio.Task[None] | None = None
    closed: bool = False
    interim: str = ""
    waiting_s: float = 0.0

    def put(self, frame: AudioFrame) -> None:
        self.waiting_s += frame.seconds
        self.frames.put_nowait(frame)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.frames.put_nowait(None)

    async def stream(self) -> AsyncIterator[AudioFrame]:
        while (frame := await self.frames.get()) is not None:
            self.waiting_s -= frame.seconds
            yield frame


class LiveHearing:
    """A live recogniser: one session a segment.

    With `rehear` (a recogniser on this machine, where hearing twice costs nothing) each segment's
    session is given the whole turn so far, so that a pause inside a phrase does not cut it in two.
    """

    def __init__(
        self,
        tasks: asyncio.TaskGroup,
        ears: LiveTranscriber,
        options: TranscribeOptions,
        on_partial: OnPartial,
        *,
        rehear: bool = False,
    ) -> None:
        self._tasks, self._ears, self._options = tasks, ears, options
        self._on_partial, self._rehear = on_partial, rehear
        self._segments: list[_Segment] = []
        self.pcm = bytearray()

    def start(self, frames: Sequence[AudioFrame]) -> None:
        segment = _Segment(asyncio.get_running_loop().create_future())
        if self._rehear:
            self._drop_segments()
            if self.pcm:
                segment.put(AudioFrame(bytes(self.pcm), MIC))
        self._segments.append(segment)
        segment.task = self._tasks.create_task(self._run(segment))
        for frame in frames:
            self.feed(frame)

    def feed(self, frame: AudioFrame) -> None:
        self.pcm += frame.pcm
        if self._segments and not self._segments[-1].closed:
            self._segments[-1].put(frame)

    def pause(self) -> None:
        if self._segments:
            self._segments[-1].close()

    async def _run(self, segment: _Segment) -> None:
        last = Transcript("")
        try:
            async with self._ears.transcribe_live(segment.stream(), self._options) as transcripts:
                async for last in transcripts:
                    segment.interim = last.text
                    if not last.final:
                        self._on_partial(self._joined())
        except Exception as exc:
            # Raised where the text is awaited: the turn's own task decides what a failure costs.
            if not segment.result.done():
                segment.result.set_exception(culprit(exc))
        else:
            if not segment.result.done():
                segment.result.set_result(last)

    @property
    def interim(self) -> str:
        fresh = bool(self._segments) and not same_words(self._segments[-1].interim, "")
        return self._joined() if fresh else ""

    def _joined(self) -> str:
        return joined([segment.interim for segment in self._segments])

    async def text(self) -> Heard:
        parts = [heard(await asyncio.shield(segment.result)) for segment in list(self._segments)]
        return Heard(joined([p.text for p in parts]), tuple(word for p in parts for word in p.unsure))

    def abandon(self) -> None:
        self._drop_segments()

    def _drop_segments(self) -> None:
        for segment in self._segments:
            if segment.task is not None:
                segment.task.cancel()
            if segment.result.done() and not segment.result.cancelled():
                segment.result.exception()
            segment.result.cancel()
        self._segments.clear()

    @property
    def backlog_s(self) -> float:
        last = self._segments[-1] if self._segments else None
        return 0.0 if last is None or last.result.done() else last.waiting_s


def heard(transcript: Transcript) -> Heard:
    return Heard(transcript.text.strip(), tuple(word.text for word in transcript.words if word.unsure))
