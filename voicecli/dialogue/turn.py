"""One attempt at answering a turn, as one cancellable tree: hear → think → speak into a lane.

Belongs here: the stages, what a draft may do before the turn's end, and what of the reply sounded.
Does not belong here: when a turn starts or ends (dialogue.loop), devices, how text is split.

A draft is an answer that began before the turn's end. Its lane is closed and its events are held back
until `open`; cancelled, nobody heard of it, and no tool was used. History is the loop's: it enters at the first
sample that sounds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from voicecli.audio.pace import Measured, Pace
from voicecli.audio.playout import Playout
from voicecli.dialogue.courtesy import waiting
from voicecli.dialogue.drafting import DEPTHS, Depth
from voicecli.dialogue.events import AssistantDelta, Event, Notice, Stopwatch, ToolUsed, UserSaid
from voicecli.dialogue.hearing import Heard
from voicecli.dialogue.history import estimate_tokens
from voicecli.dialogue.tools import Gate, speaks_chinese
from voicecli.errors import ServiceError, culprit
from voicecli.ports import Stream
from voicecli.text.sentences import SentenceSplitter
from voicecli.text.spoken import Speakable
from voicecli.types import ChatDelta, ChatMessage, ToolNews

PATIENCE_S = 20.0
"""A person who hears nothing for so long, while a tool works, wonders whether it still does."""


@dataclass(frozen=True, slots=True)
class Stages:
    """What an answer is made with. `say` yields s16le mono at the playout's rate.

    `chat` gets the messages and a gate, behind which tools may be used.
    """

    chat: Callable[[Sequence[ChatMessage], Gate], Stream[ChatDelta]]
    say: Callable[[str], Stream[bytes]]
    playout: Playout
    clock: Callable[[], float]
    speech_characters: int | None = None
    speech_bytes: int | None = None
    pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pace", Pace(self.playout.rate))


@dataclass(frozen=True, slots=True)
class Piece:
    """Text to be spoken. What is only said to pass the time is no part of the reply that history keeps."""

    text: str
    kept: bool = True


@dataclass(slots=True)
class Answer:
    """`run` it in a task; `open` it when the turn has ended; cancel the task to withdraw it.

    `hear` gives the turn's text, `ask` the messages to send for it, `on_text` is told the text as soon
    as it is known, `emit` gets the events once the answer is open.
    """

    stages: Stages
    watch: Stopwatch
    hear: Callable[[], Awaitable[Heard]]
    ask: Callable[[str], Sequence[ChatMessage]]
    emit: Callable[[Event], None]
    on_text: Callable[[str], None] = lambda _: None
    depth: Depth = "speak"
    typed: bool = False
    text: str = ""
    reply: str = ""
    failed: bool = False
    reached: Depth = "off"
    tokens: int = 0
    asides: int = 0
    """How often something was said only to pass the time."""
    working: bool = False
    """Whether such a tool works now: nothing else comes of the answer until it is done."""
    asking: bool = False
    """Whether the reply asks for the person's yes."""
    lane: int = 0
    pieces: list[tuple[str, int]] = field(default_factory=list)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    drained: asyncio.Event = field(default_factory=asyncio.Event)
    room: asyncio.Event = field(default_factory=asyncio.Event)
    _chinese: bool = False
    _introduced: bool = False
    """Whether something is being said since the last tool that took its time."""
    _held: list[Event] = field(default_factory=list)

    def open(self) -> None:
        """The turn is over: let everything out that was held back."""
        self.opened.set()
        if self.lane:
            self.stages.playout.open(self.lane)
        held, self._held = self._held, []
        for event in held:
            self.emit(event)

    def confirm(self, heard: Heard) -> None:
        """The recogniser's last word on a text that was only guessed: the same but for marks and case."""
        self.watch.text, self.text = self.stages.clock(), heard.text
        said = UserSaid(heard.text, heard.unsure, self.typed)
        self._held = [said if isinstance(each, UserSaid) else each for each in self._held]

    async def run(self) -> None:
        """Returns when the last sample has sounded, or when there was nothing to answer.

        Raises VoiceError of the stage that failed; what sounded until then stays in `pieces`.
        """
        heard = await self.hear()
        self.watch.text = self.stages.clock()
        self.text, self.reached = heard.text, "asr"
        self.on_text(self.text)
        if not self.text:
            await self.opened.wait()
            return
        self._tell(UserSaid(self.text, heard.unsure, self.typed))
        await self._allowed("chat")
        await self._respond()

    async def announce(self, text: str) -> None:
        """Speaks `text` without a question: a timer that rings."""
        self._tell(AssistantDelta(text))
        self.reply = text
        self._take_lane()
        await self._say(text)
        await self._drain()

    async def _respond(self) -> None:
        pieces: asyncio.Queue[Piece | None] = asyncio.Queue()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._think(pieces))
                tasks.create_task(self._speak(pieces))
        except BaseExceptionGroup as group:
            raise culprit(group) from None

    async def _think(self, pieces: asyncio.Queue[Piece | None]) -> None:
        """Chat to pieces of text. An answer that broke off is spoken as far as it came, then raised."""
        self.watch.asked, self.reached = self.stages.clock(), "chat"
        text = _Text(self.stages)
        broken: Exception | None = None
        request = self.ask(self.text)
        self._chinese = speaks_chinese(request)
        self.tokens += sum(estimate_tokens(message.content) for message in request)
        try:
            async with self.stages.chat(request, self.opened.wait) as deltas:
                async for delta in deltas:
                    self._take(delta)
                    self._pass_on(text.feed(delta.text), pieces)
                    if delta.news is not None:
                        self._pass_on(text.flush(), pieces)
                        self._on_news(delta.news, pieces)
        except Exception as exc:
            broken = exc
        self._pass_on(text.flush(), pieces)
        pieces.put_nowait(None)
        if broken is None and not self.reply.strip():
            broken = ServiceError("the answer was empty", who="chat")
        if broken is not None:
            self.failed = True
            if self.reply.strip():
                await self._let_it_be_heard()
            raise broken

    async def _let_it_be_heard(self) -> None:
        """Before a failure ends the turn: what had arrived of the answer is still spoken."""
        await self.opened.wait()
        await self.drained.wait()

    def _take(self, delta: ChatDelta) -> None:
        if (delta.text or delta.news) and self.watch.first_token is None:
            self.watch.first_token = self.stages.clock()
        self.tokens += estimate_tokens(delta.text + delta.reasoning)
        self.reply += delta.text
        if delta.reasoning:
            self._tell(AssistantDelta(delta.reasoning, reasoning=True))
        if delta.text:
            self._tell(AssistantDelta(delta.text))
        if delta.finish_reason == "length":
            self._tell(Notice("the answer was cut off at max_tokens"))

    def _on_news(self, news: ToolNews, pieces: asyncio.Queue[Piece | None]) -> None:
        """The person is told of a tool; of one that takes its time after silence, in words."""
        told = ToolUsed(news.name, news.state, news.text, news.quick)
        self._tell(told if news.name else Notice(news.text))
        self.working = news.state == "working" and not news.quick
        self.asking = news.state == "asked"
        if self.working and not self._introduced:
            self._pass_on([self._aside()], pieces, kept=False)
        self._introduced = self._introduced and not self.working

    def _aside(self) -> str:
        self.asides += 1
        return waiting(self.asides - 1, chinese=self._chinese)

    def _pass_on(self, texts: list[str], pieces: asyncio.Queue[Piece | None], *, kept: bool = True) -> None:
        for text in texts:
            if self.watch.first_piece is None:
                self.watch.first_piece = self.stages.clock()
            self._introduced = True
            pieces.put_nowait(Piece(text, kept))

    async def _speak(self, pieces: asyncio.Queue[Piece | None]) -> None:
        first = await pieces.get()
        if first is None:
            self.drained.set()
            return
        await self._allowed("speak")
        self.reached = "speak"
        self._take_lane()
        piece: Piece | None = first
        while piece is not None:
            await self._say(piece.text, kept=piece.kept)
            piece = await self._next(pieces)
        await self._drain()

    async def _next(self, pieces: asyncio.Queue[Piece | None]) -> Piece | None:
        """The next piece. While a tool works on and on, now and then a word that it does."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    return await pieces.get()
            if self.working:
                return Piece(self._aside(), kept=False)

    def _take_lane(self) -> None:
        self.lane = self.stages.playout.lane()
        if self.opened.is_set():
            self.stages.playout.open(self.lane)

    async def _say(self, text: str, *, kept: bool = True) -> None:
        """One piece of text into the lane; the next is synthesised while this one sounds."""
        if self.watch.speech_asked is None:
            self.watch.speech_asked = self.stages.clock()
        self.pieces.append((text if kept else "", 0))
        measured = self.stages.pace.asked(text)
        async with self.stages.say(text) as sound:
            await self._fill(sound, measured)

    async def _fill(self, sound: AsyncIterator[bytes], measured: Measured) -> None:
        playout, head_start_s = self.stages.playout, self.stages.pace.head_start_s(measured)
        try:
            async for pcm in sound:
                now = self.stages.clock()
                if self.watch.first_audio is None:
                    self.watch.first_audio = now
                if not measured.samples and head_start_s:
                    playout.hold(self.lane, head_start_s, now)
                measured.arrived(len(pcm) // 2, now)
                self.pieces[-1] = (self.pieces[-1][0], measured.samples)
                self.room.clear()
                if not playout.write(self.lane, pcm):
                    await self.room.wait()
        finally:
            playout.release(self.lane)
            self.stages.pace.ended(measured)

    async def _drain(self) -> None:
        self.stages.playout.finish(self.lane)
        await self.drained.wait()

    async def _allowed(self, stage: Depth) -> None:
        """A draft goes no further than its depth; the turn's end lifts that."""
        if DEPTHS.index(stage) > DEPTHS.index(self.depth):
            await self.opened.wait()

    def _tell(self, event: Event) -> None:
        if self.opened.is_set():
            self.emit(event)
        else:
            self._held.append(event)


class _Text:
    """An answer's text on its way to the voice: without markup, cut into pieces."""

    def __init__(self, stages: Stages) -> None:
        self._splitter = SentenceSplitter(limit=stages.speech_characters, limit_bytes=stages.speech_bytes)
        self._speakable = Speakable()

    def feed(self, text: str) -> list[str]:
        return self._splitter.feed(self._speakable.feed(text))

    def flush(self) -> list[str]:
        """What is left, where the text ends or pauses."""
        return self._splitter.feed(self._speakable.flush()) + self._splitter.flush()
