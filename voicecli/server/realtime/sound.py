"""A client's sound as a microphone's, and a playout as the client's sound.

Belongs here: codings, rates, frames, and the pace at which a reply is sent. Does not belong here: events, turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from voicecli.audio.telephone import compressed, expanded
from voicecli.resampling import Resampler
from voicecli.server.realtime.settings import RATES, Coding
from voicecli.server.realtime.speech import FRAME_MS
from voicecli.types import MIC, AudioFrame

if TYPE_CHECKING:
    from voicecli.dialogue.conversation import Dialogue

FRAME_BYTES = MIC.bytes_for(FRAME_MS)
LEAD_S = 0.2
"""So much of a reply may be on its way or wait at the client: it bridges a network's moods, and is what a client that
does not stop by itself still plays after an interruption."""
BLOCK_S = 0.02


class AppendedSound:
    """What is appended, as frames of 20 ms of 16 kHz."""

    def __init__(self, coding: Coding) -> None:
        self.coding = coding
        self._resampler = Resampler(RATES[coding], MIC.rate)
        # A millisecond of silence for the one that the resampler holds back: else each frame would wait for the next.
        self._rest = bytes(2 * self._resampler.held_back)

    def feed(self, data: bytes) -> list[AudioFrame]:
        """The frames that `data`, in the client's coding, completes."""
        pcm = data if self.coding == "pcm" else expanded(data, self.coding)
        sound = self._rest + self._resampler.feed(pcm)
        whole = len(sound) - len(sound) % FRAME_BYTES
        self._rest = sound[whole:]
        begun = asyncio.get_running_loop().time() - MIC.seconds(sound[:whole])
        return [
            AudioFrame(sound[at : at + FRAME_BYTES], MIC, begun + number * FRAME_MS / 1000)
            for number, at in enumerate(range(0, whole, FRAME_BYTES))
        ]

    def flush(self) -> list[AudioFrame]:
        """The last frame, filled up with silence."""
        rest, self._rest = self._rest, b""
        return [AudioFrame(rest.ljust(FRAME_BYTES, b"\0"), MIC, asyncio.get_running_loop().time())] if rest else []


class Line:
    """A `ports.Loudspeaker` at the other end of a connection: plays in real time, a little ahead of it.

    Only what a reply holds is sent, with the pauses that are in it, and none of the silence around it. `halts` is told
    when it stands still, and when it goes on; it says whether the client does so too, and keeps what it has not played.
    """

    name = "client"

    def __init__(
        self, dialogue: Dialogue, coding: Coding, sink: Callable[[bytes], object], halts: Callable[[bool], bool]
    ) -> None:
        self._dialogue, self._coding, self._sink, self._halts = dialogue, coding, sink, halts
        self._stood = False
        self._playout = dialogue.parts.playout
        self._resampler = Resampler(self._playout.rate, RATES[coding])
        self._block = round(self._playout.rate * BLOCK_S)
        self._opened = asyncio.Event()
        self._playout.rouse = self._opened.set

    def passed(self, frame: AudioFrame) -> None:
        """It has a clock of its own."""

    async def keep(self) -> None:
        """Until cancelled. While nothing sounds it costs nothing: most sessions are silent most of the time."""
        while True:
            await self._opened.wait()
            self._opened.clear()
            await self._play()

    async def _play(self) -> None:
        """Sends what is to be heard, until all has sounded."""
        loop = asyncio.get_running_loop()
        ahead = before = loop.time()
        while self._playout.playing:
            now = loop.time()
            if self._stands():
                ahead += now - before
            before, ahead = now, max(ahead, now)
            sent = 1
            while not self._stood and ahead < now + LEAD_S and sent:
                sent = self._pass(ahead)
                ahead = ahead + sent / self._playout.rate if sent else now
            # All sessions at the same moments: a process that wakes up half as often finds more in its caches.
            await self._rest(BLOCK_S - loop.time() % BLOCK_S, dry=not sent)
        self._stands()

    async def _rest(self, seconds: float, *, dry: bool) -> None:
        """What comes into a dry lane sounds at once."""
        self._opened.clear()
        if dry:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._opened.wait()
        else:
            await asyncio.sleep(seconds)

    def _stands(self) -> bool:
        """Whether the reply is halted, here and at the client."""
        turn = self._dialogue.turns.last
        halted = self._playout.playing and turn is not None and turn.lane is not None and turn.lane.halted
        if halted != self._stood:
            self._stood = self._halts(halted) and halted
        return self._stood

    def _pass(self, at: float) -> int:
        """The next block; returns how many samples of a reply were in it."""
        turn = self._dialogue.turns.last
        lane = turn.lane if turn is not None else None
        before = lane.played if lane is not None else 0
        pcm = self._playout.render(self._block, at)
        count = lane.played - before if lane is not None else 0
        if count:
            self._sink(self._coded(pcm[: 2 * count]))
        if self._playout.moved:
            self._dialogue.pump()
        return count

    def _coded(self, pcm: bytes) -> bytes:
        pcm = self._resampler.feed(pcm)
        return pcm if self._coding == "pcm" else compressed(pcm, self._coding)
