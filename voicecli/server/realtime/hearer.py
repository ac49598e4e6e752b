"""Who answers in a session: the cascade, which only writes down what is said where the client asks for answers itself.

Belongs here: leaving the answer out, and the voice. Does not belong here: the cascade (dialogue.cascade).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from voicecli.dialogue.cascade import Cascade, CascadeTurn
from voicecli.dialogue.hearing import OnPartial
from voicecli.ports import Stream, TurnRequest
from voicecli.text.join import joined
from voicecli.types.turns import Heard, Reply


@dataclass(frozen=True, slots=True)
class Scribe:
    """A `ports.Responder`. What was typed is always answered."""

    cascade: Cascade
    answers: Callable[[], bool]

    def listen(self, tasks: asyncio.TaskGroup, on_partial: OnPartial) -> CascadeTurn:
        kind = CascadeTurn if self.answers() else _Written
        return kind(self.cascade, self.cascade.hearing(tasks, on_partial))

    async def warm(self) -> None:
        await self.cascade.warm()


class _Written(CascadeTurn):
    """Its words, and no answer to them."""

    def draftable(self, made: int, *, early: bool = False) -> str | None:
        return None

    @asynccontextmanager
    async def turn(self, ask: TurnRequest) -> AsyncIterator[AsyncIterator[Reply]]:
        if ask.wanted.typed is not None or ask.wanted.says is not None:
            async with super().turn(ask) as replies:
                yield replies
        else:
            yield self._written(ask)

    async def _written(self, ask: TurnRequest) -> AsyncIterator[Reply]:
        heard = await self.text()
        yield Heard(joined([ask.wanted.prefix, heard.text]), heard.unsure)


def sometimes_silent(say: Callable[[str], Stream[bytes]], silent: Callable[[], bool]) -> Callable[[str], Stream[bytes]]:
    """The voice, which makes no sound where only text is wanted."""
    return lambda text: aclosing(_no_sound()) if silent() else say(text)


async def _no_sound() -> AsyncGenerator[bytes]:
    for piece in tuple[bytes, ...]():
        yield piece
