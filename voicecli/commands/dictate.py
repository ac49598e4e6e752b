"""`voice transcribe --mic`: dictation, sentence by sentence while a person speaks.

Belongs here: an utterance for each stretch of speech, their texts in order, when it ends. Does not belong here:
devices (audio.capture), when somebody speaks (audio.endpointer), results in files (transcribe_results).
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from voicecli.audio.endpointer import Continued, Dropped, Ended, Endpointer, Event, Resumed, Started, Timing
from voicecli.errors import ConfigError, NoSpeechError, RefusedError, VoiceError
from voicecli.types import AudioFrame, Segment, TranscribeOptions, Transcript

if TYPE_CHECKING:
    from voicecli.audio.vad import Voicing
    from voicecli.commands.common import Session

Detect = Callable[[bytes], "Voicing"]


@dataclass(slots=True)
class Utterance:
    """One stretch of speech under way; `before` is done when the text of the one before it is out."""

    start: float
    end: float = 0.0
    frames: asyncio.Queue[AudioFrame | None] = field(default_factory=asyncio.Queue)
    dropped: bool = False
    before: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def sound(self) -> AsyncIterator[AudioFrame]:
        while (frame := await self.frames.get()) is not None:
            yield frame


class Dictation:
    """Hears frames to their end. `heard(segment, final)` is called with each new text, in the order of speech.

    A failing utterance is told of through `failed` and costs itself only; a refused key ends everything.
    """

    def __init__(
        self,
        recogniser: Any,
        options: TranscribeOptions,
        detect: Detect,
        timing: Timing | None = None,
        *,
        heard: Callable[[Segment, bool], object],
        failed: Callable[[VoiceError], object],
    ) -> None:
        self._recogniser, self._options, self._detect = recogniser, options, detect
        self._endpointer = Endpointer(timing)
        self._heard, self._failed = heard, failed
        self._now: Utterance | None = None
        self._last: Utterance | None = None
        self._began: float | None = None
        self.segments: list[Segment] = []

    async def run(
        self, frames: AsyncIterator[AudioFrame], stop: asyncio.Event, stop_after_s: float | None = None
    ) -> None:
        """Until the frames end, `stop` is set, or nobody has spoken for `stop_after_s`; then the last texts come."""
        quiet = 0.0
        async with asyncio.TaskGroup() as tasks:
            async for frame in frames:
                self._began = frame.at if self._began is None else self._began
                voicing = self._detect(frame.pcm)
                for event in self._endpointer.feed(frame, speech=voicing.speech, level=voicing.level):
                    self._take(event, tasks)
                quiet = 0.0 if voicing.speech or self._now else quiet + frame.seconds
                if stop.is_set() or (stop_after_s is not None and quiet >= stop_after_s):
                    break
            for event in self._endpointer.cut():
                self._take(event, tasks)

    def _take(self, event: Event, tasks: asyncio.TaskGroup) -> None:
        if isinstance(event, Started):
            self._begin(event.frames, tasks)
        elif isinstance(event, Resumed):
            self._add(*event.frames)
        elif isinstance(event, Continued):
            self._add(event.frame)
        elif isinstance(event, (Ended, Dropped)):
            self._finish(dropped=isinstance(event, Dropped))

    def _begin(self, frames: tuple[AudioFrame, ...], tasks: asyncio.TaskGroup) -> None:
        utterance = Utterance(frames[0].at - (self._began or 0.0))
        utterance.before = self._last.done if self._last else utterance.before
        if self._last is None:
            utterance.before.set()
        self._now = self._last = utterance
        self._add(*frames)
        tasks.create_task(self._hear(utterance))

    def _add(self, *frames: AudioFrame) -> None:
        if self._now is not None:
            for frame in frames:
                self._now.end = frame.at + frame.seconds - (self._began or 0.0)
                self._now.frames.put_nowait(frame)

    def _finish(self, *, dropped: bool) -> None:
        if self._now is not None:
            self._now.dropped = dropped
            self._now.frames.put_nowait(None)
            self._now = None

    async def _hear(self, utterance: Utterance) -> None:
        final = Transcript("")
        try:
            async with self._recogniser.transcribe_live(utterance.sound(), self._options) as transcripts:
                async for transcript in transcripts:
                    final = transcript
                    if not transcript.final and utterance.before.is_set():
                        self._tell(utterance, transcript, False)
            await utterance.before.wait()
            if not utterance.dropped:
                self._tell(utterance, final, True)
        except (RefusedError, ConfigError):
            raise
        except VoiceError as exc:
            await utterance.before.wait()
            self._failed(exc)
        finally:
            utterance.done.set()

    def _tell(self, utterance: Utterance, transcript: Transcript, final: bool) -> None:
        text = transcript.text.strip()
        if not text:
            return
        segment = Segment(text, round(utterance.start, 3), round(utterance.end, 3))
        if final:
            self.segments.append(segment)
        self._heard(segment, final)


# -- the command -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Manner:
    """How sentences are shown: `live` as they come, on stdout (`json`: as JSON); `interim` texts there too."""

    live: bool = True
    json: bool = False
    interim: bool = False
    stop_after_s: float | None = None


async def dictate(session: Session, options: TranscribeOptions, manner: Manner) -> Transcript:
    """Listens until the person ends it. Raises NoSpeechError for nothing, DeviceError for a microphone that goes."""
    from voicecli.audio.capture import Microphone
    from voicecli.audio.vad import Detector

    config = session.config()
    failures: list[VoiceError] = []

    def failed(exc: VoiceError) -> None:
        failures.append(exc)
        session.console.error(str(exc))

    talk = config.talk
    timing = Timing(talk.soft_end_ms, talk.end_ms, talk.end_ms_max, talk.max_turn_s, talk.pre_roll_ms)
    detector = await asyncio.to_thread(Detector, talk.vad)
    async with session.open("transcribe_live") as recogniser:
        with _shown(session, manner) as heard, _interrupted() as stop:
            async with Microphone(config.audio.input or None) as frames:
                session.console.note(f"listening to {frames.name}; Ctrl-C ends it")
                dictation = Dictation(recogniser, options, detector.detect, timing, heard=heard, failed=failed)
                await dictation.run(aiter(frames), stop, manner.stop_after_s)
    if not dictation.segments:
        raise failures[-1] if failures else NoSpeechError("nothing was said", who="microphone")
    return _whole(dictation.segments)


def _whole(segments: list[Segment]) -> Transcript:
    from voicecli.subtitles import joined

    text = joined(each.text for each in segments)
    return Transcript(text, duration=segments[-1].end, segments=tuple(segments))


@contextmanager
def _shown(session: Session, manner: Manner) -> Iterator[Callable[[Segment, bool], None]]:
    """Finished sentences go to stdout; what is still being heard is a line of its own on a watched terminal."""
    from voicecli.console import clean

    console = session.console
    status = console.rich(stderr=True).status("…") if console.animated else None

    def show(segment: Segment, final: bool) -> None:
        if status is not None and not final:
            # Rich would take brackets for markup.
            status.update(clean(segment.text[-300:]).replace("[", "(").replace("]", ")"))
            status.start()
        if not final and not manner.interim:
            return
        if status is not None:
            status.stop()
        if manner.json:
            console.json_line({"text": segment.text, "start": segment.start, "end": segment.end, "final": final})
        elif manner.live:
            console.result(segment.text)

    try:
        yield show
    finally:
        if status is not None:
            status.stop()


@contextmanager
def _interrupted() -> Iterator[asyncio.Event]:
    """Set by the first Ctrl-C, which ends the dictation as it should end; a second one breaks it off."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def end() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    with suppress(NotImplementedError):  # Windows: Ctrl-C breaks it off at once
        loop.add_signal_handler(signal.SIGINT, end)
    try:
        yield stop
    finally:
        with suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)
