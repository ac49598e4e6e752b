"""The cascade: a `ports.Responder` of a recogniser, a model and a voice, one after the other.

Belongs here: how a turn is heard, how far a draft of its answer goes, and on which words it is made. Does not belong
here: the model's and the voice's part of an answer (dialogue.answering), when a turn starts or ends (dialogue.floor).

A draft may be made on what a live recogniser has so far. When the last word is known it stands, or is made anew.
An agent that answers in text is a cascade too: its adapter is the `chat` of the stages.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from voicecli.dialogue.answering import Answering, Stages
from voicecli.dialogue.drafting import Drafts, same_words
from voicecli.dialogue.hearing import Hearing, OnPartial
from voicecli.dialogue.replies import Put, answered
from voicecli.errors import RateLimitedError, culprit
from voicecli.text.join import joined
from voicecli.types import AudioFrame
from voicecli.types.turns import Heard, Reply, Text

if TYPE_CHECKING:
    from voicecli.ports import TurnRequest


@dataclass(frozen=True, slots=True)
class Cascade:
    """`hearing(tasks, on_partial)` makes the ears of one turn; `warm` opens connections ahead."""

    hearing: Callable[[asyncio.TaskGroup, OnPartial], Hearing]
    stages: Stages
    drafts: Drafts
    warm: Callable[[], Coroutine[object, object, None]]

    def listen(self, tasks: asyncio.TaskGroup, on_partial: OnPartial) -> CascadeTurn:
        return CascadeTurn(self, self.hearing(tasks, on_partial))


class CascadeTurn:
    """A `ports.Answerer`. What was recognised is asked for once, however many drafts are made on it."""

    def __init__(self, cascade: Cascade, hearing: Hearing) -> None:
        self._stages, self._drafts, self._hearing = cascade.stages, cascade.drafts, hearing
        self._known: Heard | None = None

    @property
    def pcm(self) -> bytearray:
        return self._hearing.pcm

    @property
    def backlog_s(self) -> float:
        return self._hearing.backlog_s

    def hear(self, frames: Sequence[AudioFrame]) -> None:
        self._known = None
        self._hearing.hear(frames)

    def pause(self) -> None:
        self._hearing.pause()

    async def text(self) -> Heard:
        if self._known is None:
            self._known = await self._hearing.text()
        return self._known

    def abandon(self) -> None:
        self._hearing.abandon()

    def heard_until(self, samples: int) -> None:
        """The conversation's own history is all that a model is told: it is cut there."""

    # -- drafts --------------------------------------------------------------------------------------

    def draftable(self, made: int, *, early: bool = False) -> str | None:
        depth = self._drafts.allowed(made, self._stages.clock(), guess=early)
        guess = self._hearing.interim if depth in ("chat", "speak") else ""
        return None if depth == "off" or (early and guess == "") else guess or ""

    def withdrawn(self, tokens: int) -> str:
        return self._drafts.withdrawn(tokens)

    # -- the answer ----------------------------------------------------------------------------------

    @asynccontextmanager
    async def turn(self, ask: TurnRequest) -> AsyncIterator[AsyncIterator[Reply]]:
        depth = self._drafts.depth_now(self._stages.clock()) if ask.wanted.draft else "speak"
        async with answered(lambda put: self._work(ask, Answering(self._stages, ask, put, depth), put)) as replies:
            yield replies

    async def _work(self, ask: TurnRequest, answering: Answering, put: Put) -> None:
        try:
            if ask.wanted.says is not None:
                await put(Text(ask.wanted.says))
                await answering.read_out(ask.wanted.says)
            elif ask.wanted.guess:
                await self._answer_guess(ask, answering, put)
            else:
                heard = await self._words(ask)
                await put(heard)
                if ask.wants_answer(heard.text):
                    await answering.respond(heard.text)
        except Exception as exc:
            if isinstance(error := culprit(exc), RateLimitedError):
                self._drafts.refused(self._stages.clock(), error.retry_after)
            raise

    async def _answer_guess(self, ask: TurnRequest, answering: Answering, put: Put) -> None:
        """The answer to what the words seem to be; to what they are, as soon as that is known to be something else."""
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(answering.respond(ask.wanted.guess))
            heard = await self._words(ask)
            if same_words(ask.wanted.guess, heard.text):
                await put(heard)
                return
            first.cancel()
            await put(replace(heard, anew=True))
            await answering.anew().respond(heard.text)

    async def _words(self, ask: TurnRequest) -> Heard:
        heard = Heard(ask.wanted.typed) if ask.wanted.typed is not None else await self.text()
        return replace(heard, text=joined([ask.wanted.prefix, heard.text]))
