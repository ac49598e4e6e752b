"""The sound of a conversation: a microphone or a tape in, a loudspeaker or a tape out, on one clock.

Belongs here: opening either end, the echo canceller between them. Does not belong here: backends, rules
(wiring_talk puts them together).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicecli.audio.playout import Playout
from voicecli.audio.tape import TapeClock, TapeLoudspeaker, TapeMicrophone, WavTape, file_blocks, stream_blocks
from voicecli.dialogue.events import Notice
from voicecli.dialogue.loop import Conversation
from voicecli.types import AudioFrame
from voicecli.wiring.talk_files import Overheard, Recording

if TYPE_CHECKING:
    from voicecli.audio.echo import EchoCanceller
    from voicecli.audio.soundcard import SoundCard
    from voicecli.config import Config
    from voicecli.ports import Reporter
    from voicecli.wiring.talk import TalkRequest

DEVICE_RATE = 48_000
FILE_RATE = 24_000
PIPE_RATE = 16_000


class Devices:
    """A microphone or a tape in, a loudspeaker or a tape out, on one clock."""

    def __init__(self, cfg: Config, request: TalkRequest) -> None:
        self._cfg, self._request = cfg, request
        self._tape = TapeClock()
        self.taps: list[Callable[[AudioFrame], None]] = []
        self.watches: Callable[[], list[Coroutine[Any, Any, None]]] = list
        self.recorder: Recording | None = None
        self.echo: EchoCanceller | None = None
        self._echoes = False
        """Whether the loudspeaker is heard by the microphone and nothing takes it out."""
        rates = {None: DEVICE_RATE, "-": PIPE_RATE}
        self.playout = Playout(rates.get(request.output, FILE_RATE))
        self.clock: Callable[[], float] = self._tape.now if request.fast else lambda: asyncio.get_running_loop().time()

    def prepare_echo(self, report: Reporter) -> None:
        """A canceller where a loudspeaker may be heard by a microphone; without one the talk is half-duplex."""
        talk = self._cfg.talk
        on_devices = self._request.input is None and self._request.output is None
        if not on_devices or talk.headphones or talk.barge_in == "off" or self._request.push_to_talk:
            return
        try:
            from voicecli.audio.echo import EchoCanceller

            audio = self._cfg.audio
            self.echo = EchoCanceller(
                self.playout.rate, noise_suppression=audio.noise_suppression, gain=audio.automatic_gain
            )
        except Exception as exc:  # a foreign library, on many systems: whatever it is, the talk goes on without it
            report.note(f"no echo cancellation ({type(exc).__name__}): the microphone rests while the assistant speaks")

    def separable(self) -> bool:
        """Whether the person can be told from the loudspeaker now."""
        return not self._echoes and (self.echo is None or self.echo.adapted)

    async def open(
        self, stack: AsyncExitStack, conversation: Conversation
    ) -> tuple[AsyncIterator[AudioFrame], tuple[str, str]]:
        """The frames to listen to, and the names of both devices. Raises DeviceError, InputError."""
        source: Any = self._request.input
        if source is not None:
            # Read first: what is no audio is refused before a device is touched.
            blocks = stream_blocks() if source == "-" else file_blocks(Path(source))
            first = await anext(blocks, b"")
            frames: Any = TapeMicrophone(_again(first, blocks), conversation, fast=self._request.fast, clock=self._tape)
            return aiter(frames), (source, await self._open_output(stack, conversation))
        output = self._request.output and await self._open_output(stack, conversation)
        card = await stack.enter_async_context(self._sound_card(conversation, None if output else self._renderer()))
        self.watches = lambda: [card.keep()]
        return self._without_echo(aiter(card), conversation), (card.names[0], output or card.names[1])

    def _sound_card(self, conversation: Conversation, renderer: Any) -> SoundCard:
        from voicecli.audio.soundcard import SoundCard

        audio = self._cfg.audio
        return SoundCard(
            (_wanted(audio.input), _wanted(audio.output)),
            renderer,
            conversation.pump,
            lambda: conversation.settled,
            tell=lambda text: conversation.parts.emit(Notice(text), 0),
            return_s=audio.return_s,
        )

    async def _without_echo(
        self, frames: AsyncIterator[AudioFrame], conversation: Conversation
    ) -> AsyncIterator[AudioFrame]:
        async for frame in frames:
            yield self._cleaned(frame, conversation)

    def _cleaned(self, frame: AudioFrame, conversation: Conversation) -> AudioFrame:
        """The frame without the loudspeaker's part. A canceller that breaks is done without: half-duplex."""
        if self.echo is None or self._echoes:
            return frame
        try:
            return self.echo.clean(frame, idle=conversation.settled)
        except Exception as exc:  # a foreign library: whatever it is, the talk goes on
            self._echoes = True
            words = f"no echo cancellation any more ({type(exc).__name__})"
            conversation.parts.emit(Notice(f"{words}: the microphone rests while the assistant speaks"), 0)
            return frame

    async def _open_output(self, stack: AsyncExitStack, conversation: Conversation) -> str:
        """A tape, or a loudspeaker that answers a tape."""
        if self._request.output is None:
            from voicecli.audio.playback import Loudspeaker

            speaker = Loudspeaker(_wanted(self._cfg.audio.output), self._renderer(), conversation.pump)
            await stack.enter_async_context(speaker)
            self.watches = lambda: [speaker.watch()]
            return speaker.name
        write = self._tape_writer(stack)
        tape = TapeLoudspeaker(self._renderer(), write)
        self.taps += [tape.step, lambda _frame: conversation.pump()]
        return self._request.output

    def _renderer(self) -> Any:
        """The playout, as whoever wants to know what sounds has it."""
        renderer: Any = self.recorder.tee(self.playout) if self.recorder else self.playout
        return Overheard(renderer, self.echo.played) if self.echo else renderer

    def _tape_writer(self, stack: AsyncExitStack) -> Callable[[bytes], object]:
        if self._request.output == "-":
            return self._request.write_output
        from voicecli.audio.files import atomic

        assert self._request.output is not None
        file = stack.enter_context(atomic(Path(self._request.output)))
        tape = WavTape(file, self.playout.rate)
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
