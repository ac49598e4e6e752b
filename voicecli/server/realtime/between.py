"""What is done to the conversation that runs, between two of its frames.

Belongs here: turns, answers and the history, as a client wants them. Does not belong here: when it is done (session,
inbox).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from voicecli.dialogue.conversation import Dialogue
from voicecli.dialogue.states import TurnState
from voicecli.errors import UsageError
from voicecli.server.realtime import client as asked
from voicecli.server.realtime.book import Book
from voicecli.server.realtime.making import Maker
from voicecli.server.realtime.settings import Json
from voicecli.server.realtime.speech import Speech

UNASKED = "…"
"""What the model is given where an answer is wanted and the person has said nothing."""
NO_PICTURES = "The model of this session takes no pictures."


class BetweenFrames:
    """All but `cancel` needs a `dialogue`; what changes the history waits until no turn that has ended is in work."""

    def __init__(self, book: Book, maker: Maker, speech: Speech, tell: Callable[[list[Json]], None]) -> None:
        self._book, self._speech, self._tell = book, speech, tell
        self._history, self._showing = maker.history, maker.showing
        self.dialogue: Dialogue | None = None

    @property
    def _talk(self) -> Dialogue:
        assert self.dialogue is not None, "what is queued is done by a conversation"
        return self.dialogue

    async def press(self) -> None:
        await self._settled()
        self._talk.keys.press()

    async def release(self) -> None:
        self._talk.keys.release()

    async def understood(self, item: str) -> None:
        await self._settled()
        self._tell(self._speech.silent(item))

    async def _settled(self) -> None:
        """No turn that has ended is in work."""
        while (busy := self._talk.turns.busy) is not None and busy.state.ended:
            await asyncio.wait([busy.over])

    async def remember(self, item: asked.TypedItem) -> None:
        await self._settled()
        history = self._history
        try:
            for picture in item.pictures:
                self._showing.show(picture)
        except UsageError:
            self._book.pictures -= sum(len(each.data) for each in item.pictures)
            error = self._book.error(NO_PICTURES, code="unsupported_content", param="item.content", to=item.event)
            self._tell([error, *self._book.forget(item.item)])
            return
        if item.role == "user":
            history.user(item.text)
        elif item.role == "assistant":
            history.assistant(item.text)
        else:
            history.system = "\n\n".join(filter(None, (history.system, item.text)))

    async def answer(self, act: asked.Ask) -> None:
        await self._settled()
        if self._book.answer is not None and self._book.answer.id == act.response:
            messages = self._history.messages
            asks = bool(messages) and messages[-1].role == "user"
            self._talk.keys.type(self._history.take_back() if asks else UNASKED)

    def cancel(self) -> None:
        """The answer stops. The question stays, though nobody heard an answer to it."""
        busy = self.dialogue.turns.busy if self.dialogue is not None else None
        if busy is None or not busy.state.ended:
            return
        question = busy.attempt.heard.text if busy.attempt is not None and busy.state is not TurnState.SOUNDING else ""
        busy.interrupt("key")
        self._history.user(question)
