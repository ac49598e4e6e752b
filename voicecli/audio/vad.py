"""Voice detection: webrtcvad opens the gate, Silero judges what passes.

Belongs here: telling speech from other sound, frame by frame. Does not belong here: deciding when a
person starts or stops (the endpointer does), devices, asyncio.

webrtcvad costs next to nothing and misses little, but calls room noise speech most of the time. Silero
does not, but costs 0.05 to 0.1 ms for every 32 ms of sound. So Silero runs only while the gate is open: in
silence it costs nothing. When the gate opens it is first fed what came just
before, so that no onset is lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from voicecli.audio import pcm as samples
from voicecli.silero import CHUNK_BYTES, Silero

Judge = Literal["silero", "webrtc"]

FRAME_BYTES = 640
"""20 ms at 16 kHz."""

ALONE, BEFORE_SILERO = 3, 1
"""webrtcvad's modes, 3 the strictest. Before Silero a strict gate keeps a quiet person out: of ten recordings at
−30 dB mode 3 never heard six; with mode 2 Silero judged 6 % of the frames otherwise than without a gate, with
mode 1 2 %, and neither lets noise through."""

START, KEEP = 0.7, 0.4
"""The probability at which speech begins, and from which on it goes on: it must not flicker. In nine minutes of room
noise at nine volumes a start of 0.5 gave 13 false runs of 60 to 140 ms, 0.7 none; on clean speech both begin within
60 ms."""


@dataclass(frozen=True, slots=True)
class Voicing:
    """What a frame of 20 ms holds. `level` is its RMS in dBFS, `probability` that of speech (0 to 1)."""

    speech: bool
    probability: float
    level: float


class Detector:
    """Tells speech from other sound in consecutive frames of 320 samples (16 kHz mono).

    With `judge` "webrtc" the gate alone decides.
    """

    def __init__(self, judge: Judge = "silero") -> None:
        self._gate = _Gate(ALONE if judge == "webrtc" else BEFORE_SILERO)
        self._judge = _Silero() if judge == "silero" else None
        self._speech = False

    def detect(self, pcm: bytes) -> Voicing:
        """The next frame's verdict; ValueError if it is not 320 samples."""
        if len(pcm) != FRAME_BYTES:
            raise ValueError(f"a frame has {FRAME_BYTES} bytes, not {len(pcm)}")
        passed = self._gate.passes(pcm)
        if self._judge is None:
            probability = float(self._gate.voiced)
        else:
            probability = self._judge.probability(pcm) if passed else self._judge.skip(pcm)
        self._speech = probability >= (KEEP if self._speech else START)
        return Voicing(self._speech, probability, samples.level_dbfs(pcm))


class QuickDetector:
    """webrtcvad alone, over many frames at once: for recordings of hours, of which Silero would take minutes.

    In mode 1 it lets noise through and next to no speech slip.
    """

    def __init__(self, strictness: int = 1) -> None:
        import webrtcvad

        self._is_speech: Callable[[bytes, int], bool] = webrtcvad.Vad(strictness).is_speech

    def detect(self, pcm: bytes) -> list[bool]:
        """Whether each frame of 320 samples (16 kHz mono) holds speech; `pcm` is whole frames."""
        return [self._is_speech(pcm[at : at + FRAME_BYTES], 16_000) for at in range(0, len(pcm), FRAME_BYTES)]


class _Gate:
    """webrtcvad, held open for `HOLD` frames after it last found something."""

    HOLD = 15

    def __init__(self, strictness: int) -> None:
        import webrtcvad

        self._is_speech: Callable[[bytes, int], bool] = webrtcvad.Vad(strictness).is_speech
        self._open = 0
        self.voiced = False

    def passes(self, pcm: bytes) -> bool:
        self.voiced = self._is_speech(pcm, 16_000)
        self._open = self.HOLD if self.voiced else max(0, self._open - 1)
        return self._open > 0


class _Silero:
    """Silero in its chunks of 512 samples, whatever the frames; the newest chunk's verdict counts."""

    LOOK_BACK = 5
    """Frames from before the gate opened that are judged with it: 100 ms."""

    WARM_UP = 30
    """Chunks of silence that the model hears first (3 ms of work): cold, it takes noise for speech more often."""

    def __init__(self) -> None:
        self._model = Silero()
        self._before: deque[bytes] = deque(maxlen=self.LOOK_BACK)
        self._pending = b""
        self._probability = 0.0
        for _ in range(self.WARM_UP):
            self._model.process_chunk(bytes(CHUNK_BYTES))

    def probability(self, pcm: bytes) -> float:
        self._pending += b"".join(self._before) + pcm
        self._before.clear()
        while len(self._pending) >= CHUNK_BYTES:
            chunk, self._pending = self._pending[:CHUNK_BYTES], self._pending[CHUNK_BYTES:]
            self._probability = self._model.process_chunk(chunk)
        return self._probability

    def skip(self, pcm: bytes) -> float:
        """The gate is shut: nothing is judged, but the frame is kept for when it opens.

        The model keeps its memory: started afresh at every opening it took room noise for speech twice as
        often, and for up to 180 ms on end.
        """
        self._probability = 0.0
        self._before.append(pcm)
        return 0.0
