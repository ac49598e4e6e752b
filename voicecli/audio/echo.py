"""Echo cancellation: takes what the loudspeaker plays out of what the microphone hears (WebRTC's, from livekit).

Belongs here: pairing the two streams in 10 ms frames on one clock, and switching the canceller on and off.
Does not belong here: what to do without it (the loop goes half-duplex), devices.

The reference is what the playback callback wrote, with the time at which it sounds; the canceller finds the
rest of the delay (the room) by itself. While nothing has sounded for a while, nothing is processed: silence is free.
Not tried here: macOS and Windows, for which livekit has wheels too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

from voicecli.ports import Microphone
from voicecli.types import MIC, AudioFrame

STEP_S = 0.01
TAIL_S = 1.0
"""How long after the last sound a room may still answer: a Bluetooth speaker's delay and its reverberation."""
SLIP_S = 0.015
"""When the reference is this far behind the microphone, 10 ms of it are slipped in."""
ADAPTING_S = 3.0
"""Seconds of the assistant's speech after which the canceller knows the room (measured: 26 to 50 dB by then)."""
SILENT = bytes(64)
DELAY_MS = 20
"""Told to the canceller: both streams carry their own times, so only the way through the air is left."""


class EchoCanceller:
    """`played` on the sound card's thread, `clean` on the event loop. Any failure is raised once by `clean`.

    `rate` is that of the playback (16, 32 or 48 kHz). Raises ImportError where livekit is not installed.
    """

    def __init__(self, rate: int, *, noise_suppression: bool = False, gain: bool = False) -> None:
        from livekit import rtc

        self._rate, self._frame = rate, rtc.AudioFrame
        self._apm: Any = rtc.AudioProcessingModule(
            echo_cancellation=True,
            noise_suppression=noise_suppression,
            auto_gain_control=gain,
            high_pass_filter=False,
        )
        self._apm.set_stream_delay_ms(DELAY_MS)
        self._step = 2 * int(rate * STEP_S)
        self._reference: deque[tuple[float, bytes]] = deque()
        self._rest = b""
        self._rest_at = 0.0
        self._sounded_until = float("-inf")
        self._heard_s = 0.0
        self._processing = False

    @property
    def adapted(self) -> bool:
        """Whether it has heard enough of the loudspeaker to tell it from a person."""
        return self._heard_s >= ADAPTING_S

    def played(self, pcm: bytes, at: float) -> None:
        """s16le mono at `rate`, the first sample of which sounds at `at` (loop clock)."""
        if not pcm.startswith(SILENT[: len(pcm)]) or pcm.count(0) != len(pcm):
            self._sounded_until = at + len(pcm) / 2 / self._rate
        elif at > self._sounded_until + TAIL_S:
            self._rest = b""
            return
        if not self._rest:
            self._rest_at = at
        self._rest += pcm
        while len(self._rest) >= self._step:
            self._reference.append((self._rest_at, self._rest[: self._step]))
            self._rest, self._rest_at = self._rest[self._step :], self._rest_at + STEP_S

    def clean(self, frame: AudioFrame, *, idle: bool = True) -> AudioFrame:
        """The frame (16 kHz mono, a whole number of 10 ms steps) without the loudspeaker's part.

        What is processed comes a few milliseconds late, so going in and out of it would cut or double
        samples: out of it only while nobody speaks (`idle`).
        """
        sounding = frame.at <= self._sounded_until + TAIL_S
        self._processing = sounding or (self._processing and not idle)
        if not self._processing:
            self._reference.clear()
            return frame
        step = MIC.bytes_for(STEP_S * 1000)
        if len(frame.pcm) % step:
            raise ValueError("the canceller takes steps of 10 ms")  # given anything else, it ends the process
        pieces = [
            self._clean_step(frame.pcm[begin : begin + step], frame.at + begin / 2 / MIC.rate)
            for begin in range(0, len(frame.pcm), step)
        ]
        return AudioFrame(b"".join(pieces), frame.format, frame.at)

    def _clean_step(self, pcm: bytes, at: float) -> bytes:
        """Feeds the reference that sounds until now, then cleans 10 ms of the microphone."""
        while self._reference and self._reference[0][0] < at - SLIP_S:
            self._render(self._reference.popleft()[1])
        if self._reference and self._reference[0][0] < at + STEP_S:
            self._render(self._reference.popleft()[1])
        if at < self._sounded_until:
            self._heard_s += STEP_S
        near = self._frame(bytearray(pcm), MIC.rate, 1, len(pcm) // 2)
        self._apm.process_stream(near)
        return bytes(near.data.cast("b"))

    def _render(self, pcm: bytes) -> None:
        self._apm.process_reverse_stream(self._frame(bytearray(pcm), self._rate, 1, len(pcm) // 2))


class CleanMicrophone:
    """A microphone without the loudspeaker's part. A canceller that breaks is done without: half-duplex then.

    `idle` says whether nobody speaks and nothing sounds; `broke` is told of what broke it, once.
    """

    def __init__(
        self,
        inner: Microphone,
        canceller: EchoCanceller,
        idle: Callable[[], bool],
        broke: Callable[[Exception], object],
    ) -> None:
        self._inner, self._canceller, self._idle, self._broke = inner, canceller, idle, broke
        self._broken = False

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def separable(self) -> bool:
        """Whether the person can be told from the loudspeaker now."""
        return self._canceller.adapted and not self._broken

    async def __aiter__(self) -> AsyncIterator[AudioFrame]:
        async for frame in self._inner:
            yield frame if self._broken else self._cleaned(frame)

    def _cleaned(self, frame: AudioFrame) -> AudioFrame:
        try:
            return self._canceller.clean(frame, idle=self._idle())
        except Exception as exc:  # a foreign library: whatever it is, the talk goes on
            self._broken = True
            self._broke(exc)
            return frame
