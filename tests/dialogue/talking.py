"""Small real adapters for tests of the conversation, on the virtual clock: they keep the promises of ports.py.

Frames carry their meaning as a sample value (loud or silent), so that a detector needs no model.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from voicecli.audio.playout import Playout
from voicecli.audio.vad import Voicing
from voicecli.dialogue.answering import Stages
from voicecli.dialogue.cascade import Cascade
from voicecli.dialogue.conversation import Dialogue
from voicecli.dialogue.drafting import Depth, Drafts
from voicecli.dialogue.events import AssistantSaid, Event, TurnMetrics, UserSaid
from voicecli.dialogue.hearing import LiveHearing, WholeHearing
from voicecli.dialogue.history import History
from voicecli.dialogue.parts import Parts, Rules
from voicecli.dialogue.tools import Gate
from voicecli.types import (
    MIC,
    AudioClip,
    AudioFrame,
    ChatDelta,
    ChatMessage,
    TranscribeOptions,
    Transcript,
)

RATE = 16_000
FRAME_MS = 20
LOUD = (b"\x00\x40" + b"\x00\xc0") * 160
QUIET = bytes(640)
FAINT = b"\x01\x00" * 320
"""Taken for speech, and too quiet to be a turn: what an echo canceller leaves."""
SOUNDS = {"loud": LOUD, "quiet": QUIET, "faint": FAINT}


def detect(pcm: bytes) -> Voicing:
    sounds = pcm != QUIET
    return Voicing(sounds, float(sounds), -10.0 if pcm == LOUD else -70.0 if sounds else -90.0)


@dataclass
class Ears:
    """Recognises after `delay` seconds; says the next of `texts` (an exception is raised), keeps the clips."""

    texts: list[Any]
    delay: float = 0.15
    clips: list[AudioClip] = field(default_factory=list)
    live_ms: list[float] = field(default_factory=list)
    cancelled: int = 0

    @asynccontextmanager
    async def transcribe(self, clip: AudioClip, options: TranscribeOptions) -> AsyncIterator[AsyncIterator[Transcript]]:
        self.clips.append(clip)
        async with aclosing(self.answer()) as answer:
            yield answer

    @asynccontextmanager
    async def transcribe_live(
        self, frames: AsyncIterator[AudioFrame], options: TranscribeOptions
    ) -> AsyncIterator[AsyncIterator[Transcript]]:
        async def live() -> AsyncIterator[Transcript]:
            total = 0.0
            async for frame in frames:
                total += frame.seconds * 1000
                yield Transcript("…", final=False)
            self.live_ms.append(total)
            async with aclosing(self.answer()) as answer:
                async for each in answer:
                    yield each

        async with aclosing(live()) as transcripts:
            yield transcripts

    async def answer(self) -> AsyncIterator[Transcript]:
        try:
            await asyncio.sleep(self.delay)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        text = self.texts.pop(0)
        if isinstance(text, Exception):
            raise text
        yield Transcript(text)


@dataclass
class Brain:
    """First token after `first` seconds, then one word every `each`; an exception in `replies` is raised."""

    replies: list[Any]
    first: float = 0.2
    each: float = 0.015
    asked: list[list[ChatMessage]] = field(default_factory=list)
    cancelled: int = 0

    @asynccontextmanager
    async def chat(
        self, messages: Sequence[ChatMessage], gate: Gate | None = None
    ) -> AsyncIterator[AsyncIterator[ChatDelta]]:
        self.asked.append(list(messages))
        reply = self.replies.pop(0)

        async def deltas() -> AsyncIterator[ChatDelta]:
            try:
                await asyncio.sleep(self.first)
                for word in reply if isinstance(reply, list) else reply.split(" "):
                    if isinstance(word, Exception):
                        raise word
                    yield ChatDelta(word + " ")
                    await asyncio.sleep(self.each)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise

        async with aclosing(deltas()) as stream:
            yield stream


@dataclass
class Voice:
    """First sound after `first` seconds; `seconds_each` of sound a piece, all at once."""

    first: float = 0.15
    seconds_each: float = 1.0
    said: list[Any] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    cancelled: int = 0

    @asynccontextmanager
    async def say(self, text: str) -> AsyncIterator[AsyncIterator[bytes]]:
        self.said.append(text)

        async def sound() -> AsyncIterator[bytes]:
            try:
                await asyncio.sleep(self.first)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            if self.failures:
                raise self.failures.pop(0)
            yield (b"\x00\x20" + b"\x00\xe0") * int(RATE * self.seconds_each / 2)

        async with aclosing(sound()) as stream:
            yield stream


@dataclass(frozen=True)
class Manner(Rules):
    """The rules, and how far drafts go."""

    draft: Depth = "off"
    draft_budget: int = 20_000


class Room:
    """A conversation in a room on the virtual clock: a script speaks, the loudspeaker is listened to."""

    def __init__(
        self,
        ears: Ears,
        brain: Brain,
        voice: Voice,
        rules: Manner | None = None,
        *,
        live: bool = False,
        latency: float = 0.0,
        history: History | None = None,
        lost: Sequence[bytes] = (),
    ) -> None:
        self.ears, self.brain, self.voice = ears, brain, voice
        self.events: list[tuple[float, int, Event]] = []
        self.playout = Playout(RATE)
        self.sound = bytearray()
        self.latency = latency
        self.kept: list[tuple[int, bytes]] = []
        self.lost = list(lost)
        self.paces: list[float] = []
        self.warmed: list[float] = []
        """When connections were opened ahead."""
        rules = rules or Manner()

        def hearing(tasks: asyncio.TaskGroup, on_partial: Callable[[str], None]) -> Any:
            if live:
                return LiveHearing(tasks, ears, TranscribeOptions(), on_partial)
            return WholeHearing(ears, TranscribeOptions(), on_partial)

        def keep(turn: int, pcm: bytes) -> str:
            self.kept.append((turn, pcm))
            return f"turn-{turn}.wav"

        def clock() -> float:
            return asyncio.get_running_loop().time()

        async def warm() -> None:
            self.warmed.append(clock())

        stages = Stages(brain.chat, voice.say, clock)
        responder = Cascade(hearing, stages, Drafts(rules.draft, rules.draft_budget), warm)
        kept = lambda: self.lost.pop(0) if self.lost else b""  # noqa: E731
        pace = self.paces.append
        parts = Parts(responder, detect, self.playout, self.emit, clock, keep=keep, kept=kept, pace=pace)
        self.talk = Dialogue(parts, rules, history)

    def emit(self, event: Event, turn: int) -> None:
        self.events.append((asyncio.get_running_loop().time(), turn, event))

    async def run(self, script: Sequence[tuple[str, float] | Callable[[Room], None]]) -> None:
        """The script: ("loud" | "quiet" | "faint", seconds), ("reply", 0) waits until the floor is free, or a call."""
        await self.talk.run(self.microphone(script))

    async def microphone(self, script: Sequence[Any]) -> AsyncIterator[AudioFrame]:
        for step in script:
            if callable(step):
                step(self)
            elif step[0] == "reply":
                while self.talk.standing.holding:
                    yield await self.frame(QUIET)
            else:
                for _ in range(round(step[1] * 1000 / FRAME_MS)):
                    yield await self.frame(SOUNDS[step[0]])

        # The room goes on existing after the last word, or nothing would sound any more.
        while not self.talk.standing.settled:
            yield await self.frame(QUIET)

    async def frame(self, pcm: bytes) -> AudioFrame:
        """20 ms pass: the loudspeaker plays them, the microphone hears them."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        self.sound += self.playout.render(RATE * FRAME_MS // 1000, begin + self.latency)
        self.talk.pump()
        await asyncio.sleep(FRAME_MS / 1000)
        return AudioFrame(pcm, MIC, begin)

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of one type, in order."""
        return [event for _, _, event in self.events if isinstance(event, kind)]

    @property
    def said(self) -> list[str]:
        """The person's turns."""
        return [each.text for each in self.of(UserSaid)]

    @property
    def answers(self) -> list[str]:
        """The replies, as far as they were heard."""
        return [each.text for each in self.of(AssistantSaid)]

    @property
    def metrics(self) -> TurnMetrics:
        """Of the only turn."""
        (metrics,) = self.of(TurnMetrics)
        return cast(TurnMetrics, metrics)

    def when(self, kind: type[Any]) -> list[float]:
        return [at for at, _, event in self.events if isinstance(event, kind)]
