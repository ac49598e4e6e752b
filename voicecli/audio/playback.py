"""The loudspeaker: takes its samples from a playout and tells it when they will sound.

Belongs here: one output stream with its callback on the sound card's thread. Does not belong here: lanes, gain,
decisions (playout, solo, loop), decoding (codec).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from voicecli.audio import devices, pcm
from voicecli.audio.clock import PlaybackClock
from voicecli.audio.threads import call_on, on_thread
from voicecli.errors import DeviceError
from voicecli.ports import Rendered
from voicecli.resampling import Resampler
from voicecli.types import AudioFrame

log = logging.getLogger(__name__)


class SoundCardLoudspeaker:
    """`async with SoundCardLoudspeaker(device, playout, pump): …` plays until it is left.

    Entering waits until the device takes sound. `pump` is called on the loop whenever the playout has moved.
    DeviceError on entering: there is no such device. Later `keep` tells.
    """

    RATE = 48_000
    """The device's, whatever the playout's, where it can: asked for another with so little latency, PulseAudio
    lost pieces of nearly every sound of 22,050 Hz. Changing it here costs 0.3 % of a core."""
    WAKE_S = 5.0
    """A sleeping sink may take seconds until it takes its second block."""
    AWAKE_BLOCKS = 4
    """A device is awake that takes so many blocks beyond its buffer: that is filled at once in any case."""
    LOST_S = 1.0
    STUMBLES, WITHIN_S = 3, 10.0

    def __init__(
        self,
        device: devices.Wanted,
        playout: Rendered,
        pump: Callable[[], None] = lambda: None,
        buffering: devices.Buffering = devices.STEADY,
    ) -> None:
        self.buffering = buffering
        self._awake_s = buffering.latency_s + self.AWAKE_BLOCKS * buffering.block_s
        self._stumbles: deque[float] = deque(maxlen=self.STUMBLES)
        self._sounding = False
        self.resting = False
        """Whether its stream stands still, to cost nothing while nothing is to be said."""
        self.delay = 0.0
        """Seconds between rendering a sample and hearing it, as last claimed."""
        self._wanted, self._playout, self._pump = device, playout, pump
        self._opened: devices.Opened | None = None
        self._rendered = 0
        self._last_call = 0.0
        self._ended = asyncio.Event()
        self._running = asyncio.Event()
        self._error: BaseException | None = None

    @property
    def name(self) -> str:
        """The device's name, once opened."""
        return self._opened.device.name if self._opened else str(self._wanted or "")

    @property
    def struggling(self) -> bool:
        """Whether the callback came too late `STUMBLES` times within `WITHIN_S` while something sounded.

        In silence nobody hears it: a program that loads, or a recogniser at work, makes it late too.
        """
        often = len(self._stumbles) == self.STUMBLES
        return often and self._stumbles[-1] - self._stumbles[0] < self.WITHIN_S

    @property
    def lost(self) -> bool:
        """Whether it is closed: by us, by itself, or it has asked for nothing for a second."""
        silent = not self.resting and self._loop.time() - self._last_call > self.LOST_S
        return self._opened is None or self._ended.is_set() or silent

    async def __aenter__(self) -> SoundCardLoudspeaker:
        self._loop = asyncio.get_running_loop()

        def on_end() -> None:
            if not self.resting:
                call_on(self._loop, self._ended.set)

        wanted = devices.StreamRequest("output", self._wanted, self.RATE, self._callback, on_end, self.buffering)
        self._opened = await devices.opened(wanted)
        try:
            async with asyncio.timeout(self.WAKE_S):
                await self._running.wait()
        except TimeoutError:
            name = self.name
            await self._close(drain=False)
            raise DeviceError(
                "the loudspeaker takes no sound", who=name, cure="Choose another: `voice devices`."
            ) from None
        except BaseException:
            await self._close(drain=False)
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._close(drain=exc[0] is None)

    def passed(self, frame: AudioFrame) -> None:
        """It has a clock of its own."""

    async def keep(self) -> None:
        """Runs until cancelled. DeviceError: the device is lost; anything else is a bug in the playout."""
        while not self.lost:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.LOST_S / 4):
                    await self._ended.wait()
        raise self.failure()

    def failure(self) -> BaseException:
        """Why it is lost: a DeviceError, or what broke the playout."""
        return self._error or DeviceError(
            "the loudspeaker is gone",
            who=self.name or "loudspeaker",
            cure="Connect it again, or choose another: `voice devices`.",
        )

    async def rest(self, resting: bool) -> None:
        """Stops asking the playout for samples, or asks again. A device that does not wake is lost."""
        if self._opened is None or resting is self.resting:
            return
        stream = self._opened.stream
        try:
            if resting:
                self.resting = True
                await on_thread(stream.stop, within=self.WAKE_S)
            else:
                self._last_call = 0.0
                await on_thread(stream.start, within=self.WAKE_S)
                self._last_call, self.resting = self._loop.time(), False
        except Exception as exc:  # PortAudio's own error type is not to be had before it is loaded
            log.info("%s does not %s: %s", self.name, "rest" if resting else "wake", exc)
            self._ended.set()

    async def _close(self, *, drain: bool) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            await devices.closed(opened, drain=drain)

    # -- on the sound card's thread --------------------------------------------------------

    def _callback(self, rate: int, channels: int) -> devices.Callback:
        """The callback for a stream of that rate and that many channels."""
        clock, source = PlaybackClock(rate), RenderedSource(self._playout, rate, channels)

        def callback(out: Any, count: int, times: Any, status: Any) -> None:
            now = self._loop.time()
            held = max(self.buffering.latency_s, self.delay) + self.buffering.block_s
            if self._sounding and self._last_call < now - held:
                self._stumbles.append(now)
            self.delay = times.outputBufferDacTime - times.currentTime
            out[:] = block = self._rendering(source, count, clock.block(count, now, self.delay))
            self._sounding = any(block)
            self._after(count, rate, now)

        return callback

    def _rendering(self, source: RenderedSource, count: int, at: float) -> bytes:
        """Silence when the playout breaks; `keep` raises what broke it."""
        try:
            return source.take(count, at)
        except BaseException as exc:
            self._error = exc
            call_on(self._loop, self._ended.set)
            return bytes(2 * count * source.channels)

    def _after(self, count: int, rate: int, now: float) -> None:
        self._last_call = now
        self._rendered += count
        if self._playout.moved:
            call_on(self._loop, self._pump)
        if not self._running.is_set() and self._rendered > rate * self._awake_s:
            call_on(self._loop, self._running.set)


class RenderedSource:
    """A playout as a device wants it: another rate, more channels."""

    def __init__(self, playout: Rendered, rate: int, channels: int) -> None:
        self.channels = channels
        self._playout = playout
        self._step = playout.rate / rate
        self._resampler = Resampler(playout.rate, rate) if playout.rate != rate else None
        self._rest = b""

    def take(self, count: int, at: float) -> bytes:
        """`count` frames (s16le, `channels`) that begin to sound at `at`."""
        mono = self._playout.render(count, at) if self._resampler is None else self._resampled(count, at)
        return mono if self.channels == 1 else pcm.from_mono(mono, self.channels)

    def _resampled(self, count: int, at: float) -> bytes:
        assert self._resampler is not None
        while len(self._rest) < 2 * count:
            ahead = len(self._rest) // 2 / self._resampler.rate_out
            wanted = max(1, round((count - len(self._rest) // 2) * self._step))
            self._rest += self._resampler.feed(self._playout.render(wanted, at + ahead))
        out, self._rest = self._rest[: 2 * count], self._rest[2 * count :]
        return out
