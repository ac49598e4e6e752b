"""The sound of a conversation: a microphone or a tape in, a loudspeaker or a tape out, on one clock.

Belongs here: which microphone and which loudspeaker, and whether an echo canceller stands between them. Does not belong
here: what they do with a frame (audio), backends, rules (wiring.talk puts them together).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from voicecli.audio.playout import Overheard, Playout
from voicecli.audio.tape import Gate, TapeClock, TapeLoudspeaker, TapeMicrophone, WavTape, file_blocks, stream_blocks
from voicecli.errors import DeviceError
from voicecli.ports import Loudspeaker, Microphone, Rendered

if TYPE_CHECKING:
    from voicecli.audio.devices import Kind
    from voicecli.audio.echo import CleanMicrophone, EchoCanceller
    from voicecli.audio.soundcard import SoundCard
    from voicecli.config.model import AudioSettings
    from voicecli.ports import Reporter
    from voicecli.types import Secret
    from voicecli.wiring.far import FarCard

DEVICE_RATE, FILE_RATE, PIPE_RATE = 48_000, 24_000, 16_000
RESTS = "the microphone rests while the assistant speaks"


def _unwritten(pcm: bytes) -> None:
    """Stands in where no pipe is used."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Where a conversation is heard from and goes to: None is the device, "-" a pipe.

    `fast`: on the audio's own clock. `write_output` is the pipe.
    """

    input: str | None = None
    output: str | None = None
    fast: bool = False
    write_output: Callable[[bytes], object] = _unwritten

    @property
    def devices(self) -> bool:
        """Whether both are sound devices."""
        return self.input is None and self.output is None


class Host(Protocol):
    """The conversation, as its devices see it."""

    @property
    def standing(self) -> Gate: ...
    def pump(self) -> None: ...


@dataclass(slots=True)
class Devices:
    """What plays and listens. `tell` is given notices; `overheard` are given every sample that sounds, and when."""

    audio: AudioSettings
    ends: Ends
    tell: Callable[[str], object]
    overheard: list[Callable[[bytes, float], object]] = field(default_factory=list)
    key: Secret | None = None
    """Of the machine that lends its devices."""
    echo: EchoCanceller | None = None
    asleep: Callable[[], bool] | None = None
    """Whether nobody is expected to speak to it, where it may sleep."""
    cancels: bool = False
    """Whether the echo is cancelled, here or where the devices are."""
    playout: Playout = field(init=False)
    clock: Callable[[], float] = field(init=False)
    card: SoundCard | None = field(default=None, init=False)
    _tape: TapeClock = field(default_factory=TapeClock)
    _clean: CleanMicrophone | None = None
    _far: FarCard | None = None

    def __post_init__(self) -> None:
        rates = {None: FILE_RATE if self.lent else DEVICE_RATE, "-": PIPE_RATE}
        self.playout = Playout(rates.get(self.ends.output, FILE_RATE))
        self.clock = self._tape.now if self.ends.fast else lambda: asyncio.get_running_loop().time()

    @property
    def lent(self) -> bool:
        """Whether both are another machine's, which cancels their echo."""
        return bool(self.audio.device) and self.ends.devices

    def cancel_echo(self, report: Reporter) -> None:
        """A canceller, for a loudspeaker that a microphone may hear; where there is none the talk is half-duplex."""
        if self.lent:
            self.cancels = True
            return
        try:
            from voicecli.audio.echo import EchoCanceller

            audio = self.audio
            self.echo = EchoCanceller(
                self.playout.rate, noise_suppression=audio.noise_suppression, gain=audio.automatic_gain
            )
        except Exception as exc:  # a foreign library, on many systems: whatever it is, the talk goes on without it
            report.note(f"no echo cancellation ({type(exc).__name__}): {RESTS}")
        else:
            self.overheard.append(self.echo.played)
            self.cancels = True

    def separable(self) -> bool:
        """Whether the person can be told from the loudspeaker now."""
        told = self._far or self._clean
        return not self.cancels or (told is not None and told.separable)

    def away(self) -> bool:
        """Whether a device was lost, and the conversation waits for it."""
        card = self._far or self.card
        return card is not None and card.away

    async def open(self, stack: AsyncExitStack, host: Host) -> tuple[Microphone, Loudspeaker]:
        """Raises DeviceError, InputError, and for devices elsewhere what a connection raises."""
        if (source := self.ends.input) is not None:
            # Read first: what is no audio is refused before a device is touched.
            blocks = stream_blocks() if source == "-" else file_blocks(Path(source))
            first = await anext(blocks, b"")
            tape = TapeMicrophone(source, _again(first, blocks), host.standing, fast=self.ends.fast, clock=self._tape)
            return tape, await self._loudspeaker(stack, host)
        if self.lent:
            from voicecli.wiring.far import FarCard, address_of

            address = address_of(self.audio.device, cancels=self.cancels)
            far = FarCard(address, self.key, self._rendered(), host.pump, self.tell, self.audio.return_s)
            self._far = await stack.enter_async_context(far)
            return far, far
        from voicecli.audio.soundcard import CardLoudspeaker, CardMicrophone

        mute = self.ends.output is not None
        output = await self._loudspeaker(stack, host) if mute else None
        self.card = card = await stack.enter_async_context(self._card(host, None if mute else self._rendered()))
        return self._cleaned(CardMicrophone(card), host), output or CardLoudspeaker(card)

    def choose(self, kind: Kind, name: str) -> str:
        """Changes to another device during the talk, by a part of its name or by its number.

        Returns what the person is to be told: why it cannot be, or, without a `name`, the devices that there are.
        """
        from voicecli.audio import devices

        if self.card is None or (kind == "output" and self.ends.output is not None):
            return "this talk uses a file or another machine's devices: they cannot be changed here"
        if not name:
            able = (each for each in devices.list_devices() if each.channels(kind) > 0)
            return "\n".join(f"{each.index}  {each.name}" for each in able)
        try:
            wanted = devices.find(kind, int(name) if name.isdecimal() else name)
        except DeviceError as exc:
            return str(exc)
        self.card.choose(kind, wanted.name)
        return ""

    def _card(self, host: Host, rendered: Rendered | None) -> SoundCard:
        from voicecli.audio.soundcard import SoundCard

        audio = self.audio
        wanted = _wanted(audio.input), _wanted(audio.output)
        calm = lambda: host.standing.settled  # noqa: E731
        return SoundCard(wanted, rendered, host.pump, calm, asleep=self.asleep, tell=self.tell, return_s=audio.return_s)

    def _cleaned(self, microphone: Microphone, host: Host) -> Microphone:
        if self.echo is None:
            return microphone
        from voicecli.audio.echo import CleanMicrophone

        def broke(exc: Exception) -> None:
            self.tell(f"no echo cancellation any more ({type(exc).__name__}): {RESTS}")

        self._clean = CleanMicrophone(microphone, self.echo, lambda: host.standing.settled, broke)
        return self._clean

    async def _loudspeaker(self, stack: AsyncExitStack, host: Host) -> Loudspeaker:
        """A tape, or a loudspeaker that answers a tape."""
        if (target := self.ends.output) is not None:
            return TapeLoudspeaker(target, self._rendered(), host.pump, self._writer(stack, target))
        from voicecli.audio import playback

        device = playback.SoundCardLoudspeaker(_wanted(self.audio.output), self._rendered(), host.pump)
        return await stack.enter_async_context(device)

    def _rendered(self) -> Rendered:
        """The playout, as whoever wants to know what sounds has it."""
        rendered: Rendered = self.playout
        for tell in self.overheard:
            rendered = Overheard(rendered, tell)
        return rendered

    def _writer(self, stack: AsyncExitStack, target: str) -> Callable[[bytes], object]:
        if target == "-":
            return self.ends.write_output
        from voicecli.storage.writing import atomic

        tape = WavTape(stack.enter_context(atomic(Path(target))), self.playout.rate)
        stack.callback(tape.close)
        return tape.write


def _wanted(device: int | str) -> int | str | None:
    """What `[audio]` says: "" is the system's default, 0 a device like any other."""
    return None if device == "" else device


async def _again(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for block in rest:
        yield block
