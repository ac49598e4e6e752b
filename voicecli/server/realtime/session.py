"""One session: the loop of `voice talk`, with a connection for microphone and loudspeaker, in one task tree.

Belongs here: one conversation after the other, telling the client what they tell, and when what it asks is done: at
once where nothing waits for it, else between two frames, in order. Does not belong here: what a client's event means
(client), what is done to a conversation (between), what one is made of (making), the socket (route).

Settings that a conversation is made with (when a turn ends, the voice, the language) take effect with a new one, which
goes on with the same history as soon as the turn in work is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial

from voicecli.dialogue.events import Event
from voicecli.server.pool import Pool
from voicecli.server.realtime import client as asked
from voicecli.server.realtime.apart import AnswersApart
from voicecli.server.realtime.between import BetweenFrames
from voicecli.server.realtime.book import Book, dialect
from voicecli.server.realtime.inbox import Inbox
from voicecli.server.realtime.making import Maker
from voicecli.server.realtime.settings import Json
from voicecli.server.realtime.sound import Line
from voicecli.server.realtime.telling import Telling
from voicecli.server.realtime.tools import ClientTools
from voicecli.types import ToolCall


class ClientSession:
    """`run` it; `receive` every message of the client; `tell` gets what the client is told, and must not block."""

    def __init__(self, pool: Pool, book: Book, tell: Callable[[list[Json]], None]) -> None:
        self._book, self._tell = book, tell
        self._client, self._telling = asked.Client(book), Telling(book)
        self._tools = ClientTools(lambda: book.settings.tools, self._call, self._called)
        self._inbox, self._maker = Inbox(book), Maker(pool, book, self._tools)
        self._between = BetweenFrames(book, self._maker, self._telling.speech, self._say)
        self._apart = AnswersApart(pool, book, self._maker.history, self._say)

    async def receive(self, text: str) -> None:
        """A message of the client; waits while too much waits to be done."""
        await self._follow(self._client.receive(text))

    async def run(self) -> None:
        """Until cancelled. Raises the VoiceError that ends a conversation, and Refused for a model nobody has."""
        await self._follow(self._client.opened())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._apart.run())
            while True:
                async with AsyncExitStack() as stack:
                    await self._converse(stack)

    async def _follow(self, steps: Sequence[asked.Step]) -> None:
        for step in steps:
            if isinstance(step, dict):
                self._say([step])
            else:
                await self._do(step)

    async def _do(self, act: asked.Act) -> None:
        inbox, between = self._inbox, self._between
        match act:
            case asked.Append():
                await inbox.append(act.data)
            case asked.Commit(item=None):
                await inbox.put(between.release)
            case asked.Commit(item=str(item)):
                understood = partial(between.understood, item)
                await inbox.put(between.press, *inbox.committed(), between.release, understood)
            case asked.Clear():
                inbox.clear()
            case asked.TypedItem():
                await inbox.put(partial(between.remember, act))
            case asked.Ask():
                await self._ask(act)
            case asked.AskApart():
                self._apart.ask(act)
            case asked.CancelApart():
                self._apart.cancel(act.response)
            case asked.Cancel():
                between.cancel()
            case asked.ToolOutput():
                self._tools.output(act.call_id, act.text)
            case asked.Changed():
                self._maker.instruct()
                await inbox.look()

    async def _ask(self, act: asked.Ask) -> None:
        self._maker.once = act
        if self._tools.waits:
            self._tools.resume()
        else:
            await self._inbox.put(partial(self._between.answer, act))

    def _say(self, events: list[Json]) -> None:
        if told := dialect(events, beta=self._book.beta):
            self._tell(told)

    async def _converse(self, stack: AsyncExitStack) -> None:
        fixed, spoken_as = self._maker.fixed, self._book.settings.spoken_as
        opened = await self._maker.opened(stack)
        self._between.dialogue = dialogue = self._maker.made(opened, self._on_event)
        line = Line(dialogue, spoken_as, lambda data: self._say(self._telling.sound(data)), self._halts)
        async with asyncio.TaskGroup() as tasks:
            playing = tasks.create_task(line.keep())
            await dialogue.run(self._inbox.frames(lambda: self._maker.fixed == fixed))
            playing.cancel()

    def _on_event(self, event: Event, turn: int) -> None:
        self._maker.showing.emit(event, turn)
        self._say(self._telling.happened(event))
        if told := self._telling.idles():
            self._say(told)
            assert self._book.answer is not None
            self._maker.once = ask = asked.Ask(self._book.answer.id)
            self._inbox.soon(partial(self._between.answer, ask))

    def _halts(self, halted: bool) -> bool:
        told = self._book.halts(halted)
        self._say(told)
        return bool(told)

    def _call(self, call: ToolCall) -> None:
        self._say(self._telling.called(call.id, call.name, call.arguments))

    def _called(self) -> None:
        self._say(self._telling.over())
