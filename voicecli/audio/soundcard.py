"""Both sound devices of a conversation, for as long as it lasts: opened together, rested, opened again when lost.

Belongs here: when a device is closed, opened again, or put to rest. Does not belong here: what a stream does
(capture, playback), who speaks.

A device that vanishes takes the other with it: PortAudio looks for devices only when no stream is open. The
conversation keeps what it has heard and what it still has to say, and goes on when both are there again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress

from voicecli.audio import devices
from voicecli.audio.capture import SoundCardMicrophone
from voicecli.audio.playback import SoundCardLoudspeaker
from voicecli.audio.threads import on_thread
from voicecli.errors import DeviceError
from voicecli.ports import Rendered
from voicecli.types import AudioFrame

REST_AFTER_S = 2.0
"""Calm for so long, the loudspeaker rests: its callbacks were half of what listening to silence costs."""
TRY_EVERY_S = 0.5
CALM_S, ASLEEP_S = 0.08, 0.18
"""Seconds of sound that the microphone gathers while all is calm, and while the conversation sleeps.

A person who begins to speak is noticed so much later, and no more.
"""


class CardMicrophone:
    """The card's microphone, as a conversation has it."""

    def __init__(self, card: SoundCard) -> None:
        self._card = card

    @property
    def name(self) -> str:
        return self._card.names[0]

    def __aiter__(self) -> AsyncIterator[AudioFrame]:
        return aiter(self._card)


class CardLoudspeaker:
    """The card's loudspeaker. `keep` is to run for a card without one too: it looks after the microphone."""

    def __init__(self, card: SoundCard) -> None:
        self._card = card
        self.keep = card.keep

    @property
    def name(self) -> str:
        return self._card.names[1]

    def passed(self, frame: AudioFrame) -> None:
        """It has a clock of its own."""


class SoundCard:
    """`async with SoundCard(…) as card: async for frame in card: …`, with `card.keep()` running beside it.

    `calm` tells whether nobody speaks and nothing is to be said; `asleep`, whether nobody is expected to speak.
    `tell` is told when a device is lost and when it is back.
    DeviceError on entering: there is none; from the iterator: one was lost and not back within `return_s`.
    """

    def __init__(
        self,
        wanted: tuple[devices.Wanted, devices.Wanted],
        playout: Rendered | None,
        pump: Callable[[], None],
        calm: Callable[[], bool],
        *,
        asleep: Callable[[], bool] | None = None,
        tell: Callable[[str], object] = lambda _: None,
        return_s: float = 0.0,
    ) -> None:
        """`wanted`: the microphone and the loudspeaker. Without a `playout` there is only the microphone."""
        self._wanted, self._playout, self._pump, self._calm = wanted, playout, pump, calm
        self._asleep, self._tell, self._return_s = asleep, tell, return_s
        self._rouse = asyncio.Event()
        self._calm_s = 0.0
        self._microphone: SoundCardMicrophone | None = None
        self.speaker: SoundCardLoudspeaker | None = None
        self._opened = AsyncExitStack()
        self._moving = asyncio.Lock()
        """Held while a stream is opened anew beside the others, or all are closed: one that nobody holds crashes."""
        self._buffering = devices.QUICK
        self._chosen: tuple[devices.Wanted, devices.Wanted] | None = None
        self.away = False
        """Whether a device was lost and is waited for."""

    def choose(self, kind: devices.Kind, wanted: devices.Wanted) -> None:
        """Takes another device from the next frame on; what sounds then goes on where it was."""
        microphone, speaker = self._chosen or self._wanted
        self._chosen = (wanted, speaker) if kind == "input" else (microphone, wanted)

    @property
    def names(self) -> tuple[str, str]:
        """What the microphone and the loudspeaker are called."""
        return tuple(each.name if each else "" for each in (self._microphone, self.speaker))  # type: ignore[return-value]

    async def __aenter__(self) -> SoundCard:
        await self._open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._close(drain=exc[0] is None)

    async def __aiter__(self) -> AsyncIterator[AudioFrame]:
        while True:
            try:
                if self._chosen is not None:
                    await self._change(self._chosen)
                frame = await self._frame()
            except DeviceError as lost:
                await self._return(lost)
            else:
                yield frame

    async def _frame(self) -> AudioFrame:
        assert self._microphone is not None
        frame = await anext(self._microphone)
        calm = self._calm()
        self._calm_s = self._calm_s + frame.seconds if calm else 0.0
        self._microphone.gather_s = 0.0 if not calm else ASLEEP_S if self._asleep and self._asleep() else CALM_S
        if self.speaker is not None:
            if self.speaker.lost:
                raise self.speaker.failure()
            if (self._calm_s >= REST_AFTER_S) is not self.speaker.resting or _stumbles(self.speaker, self._calm):
                self._rouse.set()
        return frame

    async def keep(self) -> None:
        """Puts the loudspeaker to rest and wakes it, until cancelled. The microphone never waits for it."""
        while True:
            await self._rouse.wait()
            self._rouse.clear()
            if self.speaker is not None:
                await self.speaker.rest(self._calm_s >= REST_AFTER_S)
                async with self._moving:
                    if self.speaker is not None and _stumbles(self.speaker, self._calm):
                        await self._steady(self.speaker)

    async def _steady(self, speaker: SoundCardLoudspeaker) -> None:
        """Opens the loudspeaker again with more time for its sound."""
        self._buffering = devices.STEADY
        self.speaker = None  # the microphone's frames go on meanwhile
        await speaker.__aexit__(DeviceError, None, None)
        try:
            self.speaker = await self._opened.enter_async_context(self._loudspeaker())
        except DeviceError:
            self.speaker = speaker  # closed, so lost: whoever reads the next frame is told

    # -- opening, losing, returning ------------------------------------------------------------------

    async def _open(self) -> None:
        """The loudspeaker first: it may have to be woken, and a microphone that runs collects meanwhile."""
        async with AsyncExitStack() as stack:
            self.speaker = await stack.enter_async_context(self._loudspeaker()) if self._playout else None
            buffering = devices.DROWSY if self._asleep else devices.CAPTURE
            self._microphone = await stack.enter_async_context(SoundCardMicrophone(self._wanted[0], buffering))
            self._opened = stack.pop_all()

    def _loudspeaker(self) -> SoundCardLoudspeaker:
        assert self._playout is not None
        return SoundCardLoudspeaker(self._wanted[1], self._playout, self._pump, self._buffering)

    async def _close(self, *, drain: bool) -> None:
        """Both; `drain` lets what the loudspeaker still holds be heard."""
        async with self._moving:
            self._microphone = self.speaker = None
            await self._opened.__aexit__(None if drain else DeviceError, None, None)

    async def _change(self, chosen: tuple[devices.Wanted, devices.Wanted]) -> None:
        """The chosen devices, or those of before where they can't be opened. Raises DeviceError: neither can."""
        before, self._wanted, self._chosen = self._wanted, chosen, None
        await self._close(drain=False)
        try:
            await self._open()
        except DeviceError as exc:
            self._tell(str(exc))
            self._wanted = before
            await self._open()
        self._tell(f"listening again ({', '.join(filter(None, self.names))})")

    async def _return(self, lost: DeviceError) -> None:
        """Waits for the devices. Raises `lost` when they are not back in time."""
        # A number means another device after one has vanished; a name does not.
        wanted = zip(self._wanted, self.names, strict=True)
        microphone, speaker = (name if isinstance(each, int) else each for each, name in wanted)
        self._wanted = microphone, speaker
        await self._close(drain=False)
        self.away = True
        self._pump()
        await returning(lost, self._returned, self._tell, self._return_s)
        self.away = False
        self._tell(f"listening again ({', '.join(filter(None, self.names))})")

    async def _returned(self) -> bool:
        with suppress(DeviceError, TimeoutError):
            await on_thread(devices.rescan, within=devices.OPEN_S)
            await self._open()
            return True
        return False


async def returning(
    lost: DeviceError, returned: Callable[[], Awaitable[bool]], tell: Callable[[str], object], within_s: float
) -> None:
    """Until `returned` says so; what is waited for is told. Raises `lost` where it is not back in time."""
    if not within_s:
        raise lost
    tell(f"{lost.who}: {lost.what}; the conversation waits for it")
    try:
        async with asyncio.timeout(within_s):
            while not await returned():  # noqa: ASYNC110 - only looking tells that a device is back
                await asyncio.sleep(TRY_EVERY_S)
    except TimeoutError:
        raise lost from None


def _stumbles(speaker: SoundCardLoudspeaker, calm: Callable[[], bool]) -> bool:
    """Whether the machine is too often late with its sound, and nobody would notice a change now."""
    return speaker.buffering is devices.QUICK and speaker.struggling and calm()
