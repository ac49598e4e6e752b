"""How a turn is heard, in segments: over a live recogniser, or a file recogniser asked again at each pause.

Belongs here: feeding frames to a recogniser and getting the turn's text out. Does not belong here:
deciding when a segment ends (audio.endpointer) or what to do with the text (dialogue.cascade).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from voicecli.audio.pcm import wav_bytes
from voicecli.dialogue.drafting import same_words
from voicecli.dialogue.nonspeech import says_nothing
from voicecli.dialogue.utterance import LiveUtterance
from voicecli.errors import culprit
from voicecli.ports import FileTranscriber, LiveTranscriber
from voicecli.text.join import joined
from voicecli.types import MIC, AudioClip, AudioFrame, TranscribeOptions, Transcript
from voicecli.types.turns import Heard

OnPartial = Callable[[str], None]


class Hearing(Protocol):
    """The ears of one turn: `hear`, `pause`, `text`; again after a resume."""

    pcm: bytearray

    def hear(self, frames: Sequence[AudioFrame]) -> None:
        """The person speaks. After a pause a new segment begins."""
        ...

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
    def interim(self) -> str | None:
        """The text so far of a recogniser that hears while one speaks, final or not.

        "" while it has no word of the newest segment; None from any other: `text` may be asked for before a pause.
        """
        ...

    @property
    def backlog_s(self) -> float:
        """Seconds of sound that the recogniser has not taken yet."""
        ...


class WholeHearing:
    """A file recogniser: gets the whole turn so far at each pause."""

    interim = None
    backlog_s = 0.0

    def __init__(self, ears: FileTranscriber, options: TranscribeOptions, on_partial: OnPartial) -> None:
        self._ears, self._options, self._on_partial = ears, options, on_partial
        self.pcm = bytearray()

    def hear(self, frames: Sequence[AudioFrame]) -> None:
        self.pcm += b"".join(frame.pcm for frame in frames)

    def pause(self) -> None:
        """Nothing is asked before the text is wanted."""

    async def text(self) -> Heard:
        clip = AudioClip(wav_bytes(bytes(self.pcm), MIC), "wav", MIC.seconds(bytes(self.pcm)))
        last = Transcript("")
        async with self._ears.transcribe(clip, self._options) as transcripts:
            async for last in transcripts:
                if not last.final:
                    self._on_partial(words_of(last).text)
        return words_of(last)

    def abandon(self) -> None:
        """Nothing runs beside `text`."""


class _Segment:
    """One live recognition; `result` gives its transcript, or raises its failure, where that is awaited."""

    def __init__(self, utterance: LiveUtterance) -> None:
        self.utterance = utterance
        self.result: asyncio.Future[Transcript] = asyncio.get_running_loop().create_future()
        self.task: asyncio.Task[None] | None = None

    def drop(self) -> None:
        if self.task is not None:
            self.task.cancel()
        if self.result.done() and not self.result.cancelled():
            self.result.exception()
        self.result.cancel()


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

    def hear(self, frames: Sequence[AudioFrame]) -> None:
        if not self._segments or self._segments[-1].utterance.closed:
            self._begin()
        self.pcm += b"".join(frame.pcm for frame in frames)
        self._segments[-1].utterance.hear(frames)

    def _begin(self) -> None:
        before: list[AudioFrame] = []
        if self._rehear:
            self.abandon()
            before = [AudioFrame(bytes(self.pcm), MIC)] if self.pcm else []
        segment = _Segment(LiveUtterance(before))
        self._segments.append(segment)
        segment.task = self._tasks.create_task(self._run(segment))

    def pause(self) -> None:
        if self._segments:
            self._segments[-1].utterance.close()

    async def _run(self, segment: _Segment) -> None:
        result = segment.result
        try:
            last = await segment.utterance.recognised(self._ears, self._options, lambda _: self._tell())
        except Exception as exc:
            # Raised where the text is awaited: the turn's own task decides what a failure costs.
            if not result.done():
                result.set_exception(culprit(exc))
        else:
            if not result.done():
                result.set_result(last)

    def _tell(self) -> None:
        self._on_partial(self._joined())

    @property
    def interim(self) -> str:
        fresh = bool(self._segments) and not same_words(self._segments[-1].utterance.interim, "")
        return self._joined() if fresh else ""

    def _joined(self) -> str:
        texts = [segment.utterance.interim for segment in self._segments]
        return joined(text for text in texts if not says_nothing(text))

    async def text(self) -> Heard:
        parts = [words_of(await asyncio.shield(segment.result)) for segment in list(self._segments)]
        return Heard(joined([p.text for p in parts]), tuple(word for p in parts for word in p.unsure))

    def abandon(self) -> None:
        for segment in self._segments:
            segment.drop()
        self._segments.clear()

    @property
    def backlog_s(self) -> float:
        last = self._segments[-1] if self._segments else None
        return 0.0 if last is None or last.result.done() else last.utterance.waiting_s


def words_of(transcript: Transcript) -> Heard:
    """What a person said; nothing where the recogniser wrote down a noise."""
    if says_nothing(transcript.text):
        return Heard()
    return Heard(transcript.text.strip(), tuple(word.text for word in transcript.words if word.unsure))
