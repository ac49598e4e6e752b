"""Dictation: sentence by sentence while a person speaks.

Belongs here: a sentence for each stretch of speech, their texts in order, what waits while the recogniser is away,
when it ends. Does not belong here: devices (audio.capture), when somebody speaks (audio.endpointer), one sentence at
a recogniser (dialogue.utterance), showing.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, count, repeat
from typing import TYPE_CHECKING

from voicecli.audio.endpointer import Continued, Dropped, Ended, Endpointer, Event, Resumed, Started, Timing
from voicecli.dialogue.nonspeech import is_noise
from voicecli.dialogue.utterance import LiveUtterance
from voicecli.errors import (
    ConfigError,
    NoSpeechError,
    ProtocolError,
    RateLimitedError,
    RefusedError,
    ServiceError,
    SomeFailedError,
    UnreachableError,
    VoiceError,
    culprit,
)
from voicecli.types import AudioFrame, Segment, TranscribeOptions, Transcript

if TYPE_CHECKING:
    from voicecli.audio.vad import Voicing
    from voicecli.ports import LiveTranscriber, Reporter
    from voicecli.wiring.services import Services

Detect = Callable[[bytes], "Voicing"]

PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Between attempts while the recogniser is away; the last is kept to."""
LAST_S = 20.0
"""How long the rest is tried for after the dictation has ended."""
LONGEST_S = 1800.0
"""Seconds of speech that wait in memory (about 58 MB); the oldest beyond that goes to the disk."""
ENDING = "the recogniser is still away: it is tried for {:.0f} s more. Ctrl-C ends that too; what you said is kept"

TRIES = 5
"""For one sentence at a service that is there but fails: it may be the sentence's own fault."""


def is_away(exc: VoiceError, tries: int) -> bool:
    """Whether the service may be back in a while: no connection, a limit, or (at first) a failure of its own."""
    if isinstance(exc, (UnreachableError, RateLimitedError)):
        return True
    own = isinstance(exc, ServiceError) and not isinstance(exc, ProtocolError) and not 400 <= exc.status < 500
    return own and tries < TRIES


@dataclass(slots=True)
class Sentence:
    """One stretch of speech under way; `before` is done when the text of the one before it is out."""

    start: float
    before: asyncio.Event
    live: LiveUtterance = field(default_factory=LiveUtterance)
    dropped: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def end(self) -> float:
        return self.start + self.live.seconds


class Dictation:
    """Hears frames to their end. `heard(segment, final)` is called with each new text, in the order of speech.

    While the service is away what is said waits, and is sent in order when it is back; `report` is told of both, and
    of the seconds for which it is tried after the end. What is given up in the end is handed to `keep`, which says
    where it is. `tidy` is how texts are written, `level` is told of each frame (dBFS). A sentence that fails otherwise
    is told of through `failed` and costs itself only (it is kept too); a refused key ends everything.
    """

    def __init__(
        self,
        recogniser: LiveTranscriber,
        options: TranscribeOptions,
        detect: Detect,
        timing: Timing | None = None,
        *,
        report: Reporter,
        heard: Callable[[Segment, bool], object],
        failed: Callable[[VoiceError], object],
        keep: Callable[[bytes], str] = lambda pcm: "",
        tidy: Callable[[str], str] = str,
        level: Callable[[float], object] = lambda dbfs: None,
        pauses_s: Sequence[float] = PAUSES_S,
        last_s: float = LAST_S,
    ) -> None:
        self._recogniser, self._options, self._detect = recogniser, options, detect
        self._endpointer = Endpointer(timing)
        self._report, self._heard, self._failed, self._keep = report, heard, failed, keep
        self._tidy, self._tell_level = tidy, level
        self._pauses_s, self._last_s = pauses_s, last_s
        self._now: Sentence | None = None
        self._last_done = asyncio.Event()
        self._last_done.set()
        self._began: float | None = None
        self._away: VoiceError | None = None
        self._over = asyncio.Event()
        self._until = math.inf
        self._waiting: list[Sentence] = []
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
                self._tell_level(voicing.level)
                for event in self._endpointer.feed(frame, speech=voicing.speech, level=voicing.level):
                    self._take(event, tasks)
                quiet = 0.0 if voicing.speech or self._now else quiet + frame.seconds
                if stop.is_set() or (stop_after_s is not None and quiet >= stop_after_s):
                    break
            for event in self._endpointer.cut():
                self._take(event, tasks)
            self._until = asyncio.get_running_loop().time() + self._last_s
            self._over.set()
            if self._away is not None:
                self._report.note(ENDING.format(self._last_s))

    # -- what the person says ------------------------------------------------------------------------

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
        self._now = Sentence(frames[0].at - (self._began or 0.0), self._last_done)
        self._last_done = self._now.done
        self._waiting.append(self._now)
        self._add(*frames)
        tasks.create_task(self._hear(self._now))

    def _add(self, *frames: AudioFrame) -> None:
        if self._now is not None:
            self._now.live.hear(frames)

    def _finish(self, *, dropped: bool) -> None:
        if self._now is not None:
            self._now.dropped = dropped
            self._now.live.close()
            self._now = None

    # -- what becomes of it --------------------------------------------------------------------------

    async def _hear(self, sentence: Sentence) -> None:
        """The text of one sentence, in its turn; its sound to the disk, when there is to be none."""
        try:
            final = await self._understood(sentence)
            await sentence.before.wait()
            if not sentence.dropped:
                self._tell(sentence, final, True)
        except NoSpeechError:
            await sentence.before.wait()
        except (RefusedError, ConfigError) as exc:
            raise self._given_up(sentence, exc) from None
        except VoiceError as exc:
            await sentence.before.wait()
            if not sentence.dropped:
                self._failed(self._given_up(sentence, exc))
        except asyncio.CancelledError:
            if not sentence.dropped and sentence.live.frames:
                self._failed(self._given_up(sentence, UnreachableError("was broken off", who="the dictation")))
            raise
        finally:
            self._waiting.remove(sentence)
            sentence.live.forget()
            sentence.done.set()

    async def _understood(self, sentence: Sentence) -> Transcript:
        """Asks until there is an answer. While the service is away, only who is first in line asks."""
        for tries, pause_s in enumerate(chain(self._pauses_s, repeat(self._pauses_s[-1])), 1):
            if self._away is not None:
                await sentence.before.wait()
            if self._away is not None and self._hopeless(0.0):
                raise self._away
            try:
                final = await sentence.live.recognised(
                    self._recogniser, self._options, partial(self._interim, sentence)
                )
            except VoiceError as exc:
                if not is_away(exc, tries):
                    self._is_back()
                    raise
                first = sentence.before.is_set()
                await sentence.before.wait()
                if first:  # else its failure is old news by now
                    await self._wait(exc, pause_s)
                continue
            self._is_back()
            return final
        raise AssertionError("the pauses have no end")

    def _is_back(self) -> None:
        """It has answered, well or not."""
        if self._away is not None:
            self._away = None
            self._report.note("the recogniser is back: what was said meanwhile follows")

    async def _wait(self, exc: VoiceError, pause_s: float) -> None:
        """Until it is worth another try. Raises `exc` when there is to be none."""
        if self._away is None:
            self._report.warn(f"{exc.who or 'the recogniser'}: {exc.what}; go on, what you say waits until it is back")
        self._away = exc
        pause_s = max(pause_s, min(exc.retry_after or 0.0, 60.0))
        if self._hopeless(pause_s):
            raise exc
        over = self._over.is_set()
        try:
            async with asyncio.timeout(pause_s):
                # The end of the dictation is a reason to try at once; after it, time alone is.
                await (asyncio.Event() if over else self._over).wait()
        except TimeoutError:
            return

    def _hopeless(self, pause_s: float) -> bool:
        """Whether there is no time for another try after the end, or no room for what waits."""
        waiting_s = sum(each.live.seconds for each in self._waiting)
        return asyncio.get_running_loop().time() + pause_s > self._until or waiting_s > LONGEST_S

    def _given_up(self, sentence: Sentence, exc: VoiceError) -> VoiceError:
        """The error, which says where the words are."""
        pcm = sentence.live.pcm
        if not sentence.dropped and pcm and (path := self._keep(pcm)):
            exc = type(exc)(exc.what, who=exc.who, cure=f"What you said is kept: voice transcribe {path}")
        return exc

    def _interim(self, sentence: Sentence, transcript: Transcript) -> None:
        if sentence.before.is_set():
            self._tell(sentence, transcript, False)

    def _tell(self, sentence: Sentence, transcript: Transcript, final: bool) -> None:
        if is_noise(text := transcript.text.strip()) or not (text := self._tidy(text)):
            return
        segment = Segment(text, round(sentence.start, 3), round(sentence.end, 3))
        if final:
            self.segments.append(segment)
        self._heard(segment, final)


# -- all of it -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Said:
    """What came of a dictation: the sentences that were understood, and why others were not."""

    segments: list[Segment] = field(default_factory=list)
    lost: list[VoiceError] = field(default_factory=list)

    @property
    def transcript(self) -> Transcript:
        from voicecli.text.join import joined

        text = joined(each.text for each in self.segments)
        return Transcript(text, duration=self.segments[-1].end, segments=tuple(self.segments))

    def judge(self) -> None:
        """Nothing lost: fine. Some: SomeFailedError. All: the last loss's kind. Nothing said: NoSpeechError."""
        lost, whole = len(self.lost), len(self.lost) + len(self.segments)
        if not whole:
            raise NoSpeechError("nothing was said", who="microphone")
        if lost:
            kind = SomeFailedError if self.segments else type(self.lost[-1])
            raise kind(
                f"{lost} of {whole} sentences was lost" if lost == 1 else f"{lost} of {whole} sentences were lost"
            )


async def dictate(
    services: Services,
    options: TranscribeOptions,
    said: Said,
    stopping: Callable[[], AbstractContextManager[asyncio.Event]],
    heard: Callable[[Segment, bool], object],
    failed: Callable[[VoiceError], object],
    stop_after_s: float | None = None,
    ends: str = "Ctrl-C ends it",
    tidy: Callable[[str], str] = str,
    level: Callable[[float], object] = lambda dbfs: None,
) -> None:
    """Listens until the event that `stopping` yields is set, and puts it into `said` meanwhile; `ends` says how.

    `heard(segment, final)` and `failed` are told of each sentence. Raises DeviceError: the microphone went.
    """
    from voicecli.audio.capture import SoundCardMicrophone
    from voicecli.audio.vad import Detector

    config, report = services.config, services.report
    talk = config.talk

    def lost(exc: VoiceError) -> None:
        said.lost.append(exc)
        failed(exc)

    detector = await asyncio.to_thread(Detector, talk.vad)
    async with (
        services.open("transcribe_live") as recogniser,
        _entered(stopping()) as stop,
        SoundCardMicrophone(config.audio.input) as frames,
    ):
        report.note(f"listening to {frames.name}; {ends}")
        dictation = Dictation(
            recogniser,
            options,
            detector.detect,
            Timing(talk.soft_end_ms, talk.end_ms, talk.max_turn_s, talk.pre_roll_ms),
            report=report,
            heard=heard,
            failed=lost,
            keep=_keeper(services),
            tidy=tidy,
            level=level,
        )
        said.segments = dictation.segments
        try:
            await dictation.run(aiter(frames), stop, stop_after_s)
        except BaseExceptionGroup as group:
            exc = culprit(group)
            if not isinstance(exc, (RefusedError, ConfigError)):
                raise
            lost(exc)  # one more sentence is lost, and nothing would become of others


@asynccontextmanager
async def _entered(block: AbstractContextManager[asyncio.Event]) -> AsyncIterator[asyncio.Event]:
    with block as event:
        yield event


MAX_KEPT, MAX_BYTES = 500, 1_000_000_000


def _keeper(services: Services) -> Callable[[bytes], str]:
    """Where the sound goes that could not be sent, so that it can be transcribed later."""
    from voicecli.wiring.talk_files import LOST_SENTENCES, KeptTurns

    kept = KeptTurns(services.config.state_dir / LOST_SENTENCES, MAX_KEPT, MAX_BYTES)
    numbers = count(1)
    return lambda pcm: kept.keep(next(numbers), pcm)
