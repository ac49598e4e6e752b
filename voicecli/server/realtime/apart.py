"""Answers outside of the conversation, side by side with it: a client's programs ask for them.

Belongs here: asking the model, and telling the client as it answers. Does not belong here: what the client's event
looks like (client), the conversation. They are in words, know no tools, and leave no trace in the history.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from voicecli.dialogue.history import History
from voicecli.errors import UsageError, culprit
from voicecli.server.pool import Pool
from voicecli.server.realtime import client as asked
from voicecli.server.realtime.between import NO_PICTURES, UNASKED
from voicecli.server.realtime.book import Book
from voicecli.server.realtime.settings import Json
from voicecli.server.realtime.speech import FAILED
from voicecli.types import ChatMessage, ChatOptions


class AnswersApart:
    """`ask` and `cancel` them while `run` runs."""

    def __init__(self, pool: Pool, book: Book, history: History, tell: Callable[[list[Json]], None]) -> None:
        self._pool, self._book, self._history, self._tell = pool, book, history, tell
        self._asked: asyncio.Queue[asked.AskApart] = asyncio.Queue()
        self._work: dict[str, asyncio.Task[None]] = {}

    def ask(self, act: asked.AskApart) -> None:
        self._asked.put_nowait(act)

    def cancel(self, response: str) -> None:
        if (task := self._work.pop(response, None)) is not None:
            task.cancel()

    async def run(self) -> None:
        """Answers what is asked, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                act = await self._asked.get()
                if act.answer.id in self._book.apart:
                    self._work[act.answer.id] = tasks.create_task(self._answer(act))

    async def _answer(self, act: asked.AskApart) -> None:
        status, reason = "completed", None
        try:
            await self._think(act)
        except Exception as exc:
            self._pool.services.report.warn(f"/v1/realtime: {culprit(exc)}")
            status, reason = "failed", NO_PICTURES if isinstance(culprit(exc), UsageError) else FAILED
        self._work.pop(act.answer.id, None)
        if self._book.apart.pop(act.answer.id, None) is not None:
            self._tell(act.answer.ends(status, reason))

    async def _think(self, act: asked.AskApart) -> None:
        meant = await self._pool.meant("chat", self._book.settings.model)
        services = self._pool.named(meant.backend)
        shown = next((each.pictures for each in reversed(act.messages or ()) if each.pictures), ())
        options = ChatOptions(model=meant.model, images=shown)
        services.check(services.choose("chat")[0], "chat", options)
        messages = self._messages(act)
        async with services.open("chat") as model, model.chat(messages, options) as deltas:
            async for delta in deltas:
                if delta.text:
                    self._tell(act.answer.says(delta.text))

    def _messages(self, act: asked.AskApart) -> list[ChatMessage]:
        found = list(self._history.messages)
        if act.messages is not None:
            found = [ChatMessage(each.role, each.text or UNASKED) for each in act.messages]
        if act.instructions is not None:
            found = [ChatMessage("system", act.instructions), *(each for each in found if each.role != "system")]
        return found
