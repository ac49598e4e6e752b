"""The microphone: 20 ms frames with the time at which they were taken.

Belongs here: one input stream, from its callback on the sound card's thread to an async iterator.
Does not belong here: voice detection, echo, what to do when the device is lost (the loop decides).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from voicecli.audio import devices, pcm
from voicecli.audio.clock import CaptureClock
from voicecli.audio.threads import call_on
from voicecli.errors import DeviceError
from voicecli.resampling import Resampler
from voicecli.types import MIC, AudioFrame

FRAME_BYTES = MIC.bytes_for(20)


class SoundCardMicrophone:
    """`async with SoundCardMicrophone(device) as frames: async for frame in frames: …`

    Entering waits until sound arrives. Frames are 20 ms of 16 kHz mono without a gap between them, `at`
    on the loop's clock, never running backwards. `device`: an index, a part of a name, None for the default.
    DeviceError on entering: there is none; from the iterator: it is lost (stopped, or silent for a second).
    """

    WAKE_S = 5.0
    """A sleeping device may take seconds until its first block."""
    LOST_S = 1.0
    KEPT = 3000
    """Frames kept for a reader who is late: a minute. Older ones are dropped and counted."""

    def __init__(self, device: devices.Wanted = None, buffering: devices.Buffering = devices.CAPTURE) -> None:
        self._buffering = buffering
        self.gather_s = 0.0
        """Seconds of sound that are gathered for the reader: waking it is most of what listening to silence costs."""
        self.dropped = 0
        self._wanted = device
        self._opened: devices.Opened | None = None
        self.frames: deque[AudioFrame] = deque(maxlen=self.KEPT)
        self._arrived = asyncio.Event()
        self._ended = False

    @property
    def name(self) -> str:
        """The device's name, once opened."""
        return self._opened.device.name if self._opened else str(self._wanted or "")

    @property
    def lost(self) -> bool:
        """Whether the device has stopped by itself."""
        return self._ended

    async def __aenter__(self) -> SoundCardMicrophone:
        self.loop = asyncio.get_running_loop()
        wanted = devices.StreamRequest("input", self._wanted, MIC.rate, self.callback, self._on_end, self._buffering)
        self._opened = await devices.opened(wanted)
        try:
            await self._wait(self.WAKE_S)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._close()

    def __aiter__(self) -> SoundCardMicrophone:
        return self

    async def __anext__(self) -> AudioFrame:
        if not self.frames:
            await self._wait(self.LOST_S)
        return self.frames.popleft()

    async def _wait(self, seconds: float) -> None:
        """Until there is a frame. DeviceError after `seconds` without, or when the stream has ended."""
        try:
            async with asyncio.timeout(seconds):
                while not self.frames and not self._ended:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            self._ended = not self.frames  # frames may have come while the loop itself was held up
        if not self.frames:
            raise DeviceError(
                "the microphone is gone or gives no sound",
                who=self.name or "microphone",
                cure="Connect it again, or choose another: `voice devices`.",
            )

    async def _close(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            await devices.closed(opened)

    # -- on the sound card's thread --------------------------------------------------------

    def _on_end(self) -> None:
        call_on(self.loop, self._mark_ended)

    def _mark_ended(self) -> None:
        self._ended = True
        self._arrived.set()

    def callback(self, rate: int, channels: int) -> devices.Callback:
        """The callback for a stream of that rate and that many channels."""
        clock, resampler = CaptureClock(rate), Resampler(rate, MIC.rate)
        cutter = FrameCutter(rate)
        gathered: list[tuple[bytes, int, float, float, bool]] = []

        def take(data: bytes, count: int, now: float, delay: float, gap: bool) -> None:
            if gap:
                clock.gap()
            at = clock.block(count, now, delay)
            frames = cutter.feed(resampler.feed(pcm.to_mono(data, channels)), count, at)
            self.dropped += max(0, len(self.frames) + len(frames) - self.KEPT)
            self.frames.extend(frames)

        def callback(data: Any, count: int, times: Any, status: Any) -> None:
            delay = times.currentTime - times.inputBufferAdcTime
            gathered.append((bytes(data), count, self.loop.time(), delay, bool(status)))
            if len(gathered) * count < self.gather_s * rate:
                return
            for block in gathered:
                take(*block)
            gathered.clear()
            if self.frames:
                call_on(self.loop, self._arrived.set)

        return callback


class FrameCutter:
    """Cuts a stream of samples (16 kHz) into frames of 20 ms and gives each its time. Pure.

    The samples may come from blocks at another rate, and later than them by what a resampler holds back.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._taken = 0
        self._cut = 0
        self._rest = b""
        self._last = float("-inf")

    def feed(self, samples: bytes, count: int, at: float) -> list[AudioFrame]:
        """`samples` became of a block of `count` samples at the device's rate, the first taken at `at`."""
        origin = at - self._taken / self._rate
        self._taken += count
        data = self._rest + samples
        whole = len(data) - len(data) % FRAME_BYTES
        self._rest = data[whole:]
        return [self._frame(data[start : start + FRAME_BYTES], origin) for start in range(0, whole, FRAME_BYTES)]

    def _frame(self, samples: bytes, origin: float) -> AudioFrame:
        self._last = max(self._last, origin + self._cut / MIC.rate)
        self._cut += len(samples) // 2
        return AudioFrame(samples, MIC, self._last)
