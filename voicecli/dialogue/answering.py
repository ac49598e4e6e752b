"""The model's and the voice's part of an answer in a cascade: think, split into pieces, speak.

Belongs here: from the words of a turn to `Text`, `Sound`, news of tools and usage; what is said while a tool works.
Does not belong here: recognising (dialogue.hearing), which draft is made when (dialogue.cascade), lanes and events.

An answer that is made before the turn's end goes no further than its depth; what cannot be undone waits for
`TurnRequest.opened`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicecli.dialogue.ahead import Rendition, spoken_ahead
from voicecli.dialogue.brevity import Aloud, Brief, Plain, Silence
from voicecli.dialogue.courtesy import waiting
from voicecli.dialogue.drafting import DEPTHS, Depth
from voicecli.dialogue.history import estimate_tokens
from voicecli.dialogue.tools import Gate
from voicecli.dialogue.toolwords import speaks_chinese
from voicecli.errors import ServiceError, culprit, task_group
from voicecli.ports import Stream
from voicecli.text.sentences import SentenceSplitter
from voicecli.text.spoken import Speakable
from voicecli.types import ChatDelta, ChatMessage, ToolNews, Usage
from voicecli.types.turns import Reply, Sound, Text

if TYPE_CHECKING:
    from voicecli.ports import TurnRequest

PATIENCE_S = 20.0
"""A person who hears nothing for so long, while a tool works, wonders whether it still does."""


@dataclass(frozen=True, slots=True)
class Stages:
    """What an answer is made with. `say` yields s16le mono at the playout's rate.

    `chat` gets the messages and a gate, behind which tools may be used.
    """

    chat: Callable[[Sequence[ChatMessage], Gate], Stream[ChatDelta]]
    say: Callable[[str], Stream[bytes]]
    clock: Callable[[], float]
    speech_characters: int | None = None
    speech_bytes: int | None = None
    aloud: Aloud = "all"
    """How much of an answer is spoken: a person sees all of it."""


@dataclass(frozen=True, slots=True)
class SpokenPiece:
    """Text to be spoken. What is only said to pass the time is no part of the reply that history keeps."""

    text: str
    aside: bool = False


class Answering:
    """One answer in the making; what comes of it is `put` out, in order."""

    def __init__(self, stages: Stages, ask: TurnRequest, put: Callable[[Reply], Awaitable[None]], depth: Depth) -> None:
        self._stages, self._ask, self._put, self._depth = stages, ask, put, depth
        self._pieces: asyncio.Queue[SpokenPiece | None] = asyncio.Queue()
        self._text = voiced_plainly(stages)
        self._chinese = self._working = self._introduced = False
        self._asides = 0
        self._said = ""

    def anew(self) -> Answering:
        """A fresh answer to the same turn."""
        return Answering(self._stages, self._ask, self._put, self._depth)

    async def respond(self, question: str) -> None:
        """Answers. An answer that broke off is spoken as far as it came, before what broke it is raised."""
        if not question:
            return
        await self._allowed("chat")
        async with task_group(culprit) as tasks:
            thinking = tasks.create_task(self._think(question))
            tasks.create_task(self._speak())
        if (broken := thinking.result()) is not None:
            raise broken

    async def read_out(self, text: str) -> None:
        """Speaks `text` as it is."""
        self._pass_on([text])
        self._pieces.put_nowait(None)
        await self._speak()

    async def _allowed(self, stage: Depth) -> None:
        """A draft goes no further than its depth; the turn's end lifts that."""
        if DEPTHS.index(stage) > DEPTHS.index(self._depth):
            await self._ask.opened()

    # -- the model -----------------------------------------------------------------------------------

    async def _think(self, question: str) -> Exception | None:
        """From chat to pieces of text; returns what broke the answer off."""
        self._ask.mark("asked")
        request = self._ask.messages(question)
        self._chinese = speaks_chinese(request)
        broken: Exception | None = None
        try:
            await self._put(Usage(prompt_tokens=sum(estimate_tokens(message.content) for message in request)))
            async with self._stages.chat(request, self._ask.opened) as deltas:
                async for delta in deltas:
                    await self._take(delta)
        except Exception as exc:
            broken = exc
        self._pass_on(self._text.flush(last=True))
        self._pieces.put_nowait(None)
        if broken is None and not self._said.strip():
            return ServiceError("the answer was empty", who="chat")
        return broken

    async def _take(self, delta: ChatDelta) -> None:
        if delta.text or delta.news:
            self._ask.mark("first_token")
        self._said += delta.text
        if tokens := estimate_tokens(delta.text + delta.reasoning):
            await self._put(Usage(completion_tokens=tokens))
        if delta.reasoning:
            await self._put(Text(delta.reasoning, reasoning=True))
        if delta.text:
            await self._put(Text(delta.text))
        if delta.finish_reason == "length":
            await self._put(ToolNews("", "failed", "the answer was cut off at max_tokens"))
        self._pass_on(self._text.feed(delta.text))
        if delta.news is not None:
            self._pass_on(self._text.flush())
            if delta.news.state == "asked":
                self._text = _PlainText(self._stages)  # a question is heard whole
            await self._on_news(delta.news)

    async def _on_news(self, news: ToolNews) -> None:
        """The person is told of a tool; of one that takes its time after silence, in words."""
        await self._put(news)
        self._working = news.state == "working" and not news.quick
        if self._working and not self._introduced:
            self._pass_on([news.aside or self._aside()], aside=True)
        self._introduced = self._introduced and not self._working

    def _aside(self) -> str:
        self._asides += 1
        return waiting(self._asides - 1, chinese=self._chinese)

    def _pass_on(self, texts: list[str], *, aside: bool = False) -> None:
        for text in texts:
            self._ask.mark("first_piece")
            self._introduced = True
            self._pieces.put_nowait(SpokenPiece(text, aside))

    # -- the voice -----------------------------------------------------------------------------------

    async def _speak(self) -> None:
        """The pieces as sound, in order; the next is synthesised while one sounds.

        A piece is asked for when the one before it is complete: what is ahead of the ear lies in the lane, and an
        answer that is interrupted has cost little.
        """
        async with aclosing(self._due()) as pieces, spoken_ahead(self._asked, pieces) as spoken:
            async for each in spoken:
                await self._say(each)

    async def _due(self) -> AsyncGenerator[SpokenPiece]:
        piece = await self._pieces.get()
        if piece is not None:
            await self._allowed("speak")
        while piece is not None:
            yield piece
            piece = await self._next()

    async def _next(self) -> SpokenPiece | None:
        """The next piece. While a tool works on and on, now and then a word that it does."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    return await self._pieces.get()
            if self._working:
                return SpokenPiece(self._aside(), aside=True)

    def _asked(self, piece: SpokenPiece) -> Stream[bytes]:
        self._ask.mark("speech_asked")
        return self._stages.say(piece.text)

    async def _say(self, spoken: Rendition[SpokenPiece, bytes]) -> None:
        piece = spoken.request or SpokenPiece("")
        says: str | None = piece.text
        async for pcm in spoken.chunks():
            self._ask.mark("first_audio")
            await self._put(Sound(pcm, says, piece.aside))
            says = None
            await self._ask.room()
        await self._put(Sound(ended=True))


def voiced_plainly(stages: Stages) -> Plain:
    """An answer's text as it is to be spoken."""
    if stages.aloud == "none":
        return Silence()
    plain = _PlainText(stages)
    return plain if stages.aloud == "all" else Brief(plain, only_last=stages.aloud == "last")


def in_short(text: str) -> str:
    """What of a whole answer is spoken where it is spoken short."""
    said = Brief(_PlainText())
    return " ".join([*said.feed(text), *said.flush(last=True)])


class _PlainText:
    """An answer's text on its way to the voice: without markup, cut into pieces."""

    def __init__(self, stages: Stages | None = None) -> None:
        limits = (stages.speech_characters, stages.speech_bytes) if stages else (None, None)
        self._splitter = SentenceSplitter(limit=limits[0], limit_bytes=limits[1])
        self._speakable = Speakable()

    def feed(self, text: str) -> list[str]:
        return self._splitter.feed(self._speakable.feed(text))

    def flush(self, *, last: bool = False) -> list[str]:
        """What is left, where the text ends or pauses."""
        return self._splitter.feed(self._speakable.flush()) + self._splitter.flush()
