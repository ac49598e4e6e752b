"""Endpointing: where an utterance starts, pauses, goes on and ends. Pure: frames and flags in, events out.

Belongs here: everything decided on the audio clock (samples), the pre-roll, the last voiced sample.
Does not belong here: voice detection itself, text, asyncio, wall-clock time.

Silence is counted from the last voiced sample, which energy tells; the detector lets go 45–120 ms
later and only confirms. The text decides how long to wait, through `heard`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from voicecli.audio.pcm import trailing_silence
from voicecli.types import MIC, AudioFrame

EndReason = Literal["silence", "longest", "key"]
DETECTOR_DELAY_MS = 100
"""How much later than the first sample of speech a detector may notice it; kept beside the pre-roll."""
START_MS = 60.0
"""Milliseconds of speech that begin a segment."""
LEAST_VOICED_MS, LEAST_DBFS = 40.0, -60.0
"""What has less speech than this, or is quieter, is no turn."""
ONSET_DB, ONSET_MS = 8.0, 160.0
"""Sound so far above the noise may be speech that the detector has not noticed yet: the end waits so long for it."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When a segment pauses and ends, in milliseconds of silence; how long a turn may be, and what goes before it."""

    soft_end_ms: float = 120
    end_ms: float = 500
    max_turn_s: float = 60
    pre_roll_ms: float = 300


@dataclass(frozen=True, slots=True)
class Started:
    """Somebody speaks; `frames` are the pre-roll and the speech so far."""

    frames: tuple[AudioFrame, ...]


@dataclass(frozen=True, slots=True)
class Continued:
    """The next frame of the segment."""

    frame: AudioFrame


@dataclass(frozen=True, slots=True)
class Paused:
    """The soft end: segment `segment` is complete; its last voiced sample was taken at `last_voiced` (clock, s)."""

    segment: int
    last_voiced: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """Speech goes on: the next segment begins with `frames`, the first sample not yet sent."""

    segment: int
    frames: tuple[AudioFrame, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """The turn is over. A Paused of the same segment came before, unless it was cut by hand or by length."""

    segment: int
    last_voiced: float
    voiced_ms: float
    reason: EndReason = "silence"


@dataclass(frozen=True, slots=True)
class Dropped:
    """What had started was too short or too quiet to be a turn."""


Event = Started | Continued | Paused | Resumed | Ended | Dropped


class State(Enum):
    IDLE = "idle"
    SPEAKING = "speaking"
    PAUSED = "paused"


class NoiseFloor:
    """Follows the level between utterances: quickly down, slowly up. dBFS in, threshold in dBFS out."""

    def __init__(self) -> None:
        self.floor = -70.0
        self.peak = -90.0

    def feed(self, level: float, speech: bool) -> None:
        level = max(level, -90.0)
        if speech:
            self.peak = max(self.peak, level)
        else:
            self.floor += (level - self.floor) * (0.3 if level < self.floor else 0.05)

    @property
    def threshold(self) -> float:
        """Above this a stretch of sound counts as voiced: a third of the way from noise to speech."""
        return self.floor + max(3.0, 0.3 * (self.peak - self.floor))


class _Tally:
    """What was counted of a turn so far, in samples: its length, what of it is voiced, the silence since."""

    def __init__(self) -> None:
        self.noise = NoiseFloor()
        self.level = -90.0
        self.begin()

    def begin(self) -> None:
        """A turn begins."""
        self.samples = self.voiced = self.since_voiced = 0
        self.last_voiced = 0.0
        self.noise.peak = -90.0

    def add(self, frame: AudioFrame, speech: bool, level: float) -> None:
        self.noise.feed(level, speech)
        self.level = level
        total = len(frame.pcm) // 2
        quiet = trailing_silence(frame.pcm, self.noise.threshold) if speech else total
        self.samples += total
        if quiet < total:
            self.since_voiced = quiet
            self.voiced += total
            self.last_voiced = frame.at + (total - quiet) / MIC.rate
        else:
            self.since_voiced += total

    @property
    def seconds(self) -> float:
        """How long the turn is."""
        return self.samples / MIC.rate

    @property
    def may_go_on(self) -> bool:
        """Whether what sounds now may be the next word, which the detector has not noticed yet."""
        return self.level >= self.noise.floor + ONSET_DB


class _PreRoll:
    """The last frames before speech was noticed."""

    def __init__(self, seconds: float) -> None:
        self.frames: deque[AudioFrame] = deque()
        self._seconds = seconds

    def trim(self) -> None:
        """What is older than the pre-roll goes."""
        held = self.frames
        kept = held[-1].at + held[-1].seconds - self._seconds if held else 0.0
        while len(held) > 1 and held[1].at <= kept + 1e-6:
            held.popleft()

    def hold(self, frame: AudioFrame) -> None:
        self.frames.append(frame)
        self.trim()

    def taken(self) -> tuple[AudioFrame, ...]:
        """All frames of the pre-roll, which is empty then."""
        frames = tuple(self.frames)
        self.frames.clear()
        return frames


class Endpointer:
    """Feed it every frame of the microphone (any length, one format) and act on what it returns.

    With `manual` (push to talk) only `begin` and `cut` start and end a turn.
    """

    def __init__(self, timing: Timing | None = None, *, manual: bool = False) -> None:
        self.timing = timing or Timing()
        self.manual = manual
        self.state = State.IDLE
        self.segment = 0
        self._tally = _Tally()
        self._held = _PreRoll((self.timing.pre_roll_ms + START_MS + DETECTOR_DELAY_MS) / 1000)
        self._run = 0.0
        self._wait = self.timing.end_ms

    @property
    def voiced_ms(self) -> float:
        """Milliseconds of speech in this turn so far."""
        return self._tally.voiced * 1000 / MIC.rate

    @property
    def silence_ms(self) -> float:
        """Milliseconds since the last voiced sample."""
        return self._tally.since_voiced * 1000 / MIC.rate

    def feed(self, frame: AudioFrame, *, speech: bool, level: float) -> list[Event]:
        """One frame and what the detector thinks of it (`level` in dBFS)."""
        self._tally.add(frame, speech, level)
        if self.manual:
            return self._feed_manual(frame)
        self._run = max(0.0, self._run + (1 if speech else -1) * frame.seconds * 1000)
        return _FEED[self.state](self, frame, speech)

    def _feed_idle(self, frame: AudioFrame, speech: bool) -> list[Event]:
        self._held.hold(frame)
        if self._run < START_MS:
            if not speech and self._run == 0:
                self._tally.begin()
            return []
        return [self._start()]

    def _start(self) -> Started:
        self.state = State.SPEAKING
        self.segment += 1
        self._wait, self._tally.samples = self.timing.end_ms, 0
        return Started(self._held.taken())

    def _feed_speaking(self, frame: AudioFrame, speech: bool) -> list[Event]:
        events: list[Event] = [Continued(frame)]
        if self._tally.seconds >= self.timing.max_turn_s:
            return [*events, *self._end("longest")]
        if not speech and self.silence_ms >= self.timing.soft_end_ms:
            self.state, self._run = State.PAUSED, 0.0
            events.append(Paused(self.segment, self._tally.last_voiced))
        return events

    def _feed_paused(self, frame: AudioFrame, speech: bool) -> list[Event]:
        self._held.frames.append(frame)
        if self._run >= START_MS:
            self.state = State.SPEAKING
            self.segment += 1
            self._wait = self.timing.end_ms
            return [Resumed(self.segment, self._held.taken())]
        if self._tally.seconds >= self.timing.max_turn_s:
            return self._end("longest")
        return self._end("silence") if not speech and self._over else []

    @property
    def _over(self) -> bool:
        """Whether there was silence enough, and nothing that may be the next word."""
        late = self.silence_ms - self._wait
        return late >= 0 and (late >= ONSET_MS or not self._tally.may_go_on)

    def _feed_manual(self, frame: AudioFrame) -> list[Event]:
        if self.state is State.IDLE:
            self._held.hold(frame)
            return []
        return [Continued(frame), *(self._end("longest") if self._tally.seconds >= self.timing.max_turn_s else ())]

    def heard(self, segment: int, wait_ms: float) -> list[Event]:
        """The text of `segment` is known and asks for `wait_ms` of silence. A stale segment is ignored."""
        if segment != self.segment or self.state is State.IDLE:
            return []
        self._wait = wait_ms
        ready = self.state is State.PAUSED and self._run == 0 and self._over
        return self._end("silence") if ready else []

    def begin(self) -> list[Event]:
        """A key says that the person speaks now."""
        if self.state is not State.IDLE:
            return []
        self._tally.begin()
        return [self._start()]

    def cut(self) -> list[Event]:
        """A key (or the end of the input) says that the turn is over now."""
        return [] if self.state is State.IDLE else self._end("key")

    def reset(self) -> None:
        """Forget everything, the pre-roll too: what was captured must not be heard (half-duplex, mute)."""
        self.state, self._run = State.IDLE, 0.0
        self._held.frames.clear()
        self._tally.begin()

    def _end(self, reason: EndReason) -> list[Event]:
        ended = Ended(self.segment, self._tally.last_voiced, self.voiced_ms, reason)
        quiet = self._tally.noise.peak < LEAST_DBFS
        short = ended.voiced_ms < LEAST_VOICED_MS
        self.state, self._run = State.IDLE, 0.0
        self._held.trim()
        self._tally.begin()
        return [Dropped()] if quiet or (short and not self.manual) else [ended]


_FEED = {
    State.IDLE: Endpointer._feed_idle,
    State.SPEAKING: Endpointer._feed_speaking,
    State.PAUSED: Endpointer._feed_paused,
}
