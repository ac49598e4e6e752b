"""Doing what a client asks: at once where nothing waits for it, else between two frames, in order.

Belongs here: which step of the client's is done when. Does not belong here: what events look like (client, telling),
what is done to the conversation (between), what waits (inbox).
"""

from __future__ import annotations

from functools import partial

from voicecli.server.realtime import client as asked
from voicecli.server.realtime.apart import AnswersApart
from voicecli.server.realtime.between import BetweenFrames
from voicecli.server.realtime.inbox import Inbox
from voicecli.server.realtime.making import Maker
from voicecli.server.realtime.tools import ClientTools


class Acting:
    """`do` a step of the client's; waits while too much waits to be done."""

    def __init__(
        self, inbox: Inbox, maker: Maker, tools: ClientTools, between: BetweenFrames, apart: AnswersApart
    ) -> None:
        self._inbox, self._maker, self._tools, self._between, self._apart = inbox, maker, tools, between, apart

    async def do(self, step: asked.Act) -> None:
        inbox, between = self._inbox, self._between
        match step:
            case asked.Append():
                await inbox.append(step.data)
            case asked.Commit(item=None):
                await inbox.put(between.release)
            case asked.Commit(item=str(item)):
                understood = partial(between.understood, item)
                await inbox.put(between.press, *inbox.committed(), between.release, understood)
            case asked.Clear():
                inbox.clear()
            case asked.TypedItem():
                await inbox.put(partial(between.remember, step))
            case asked.Ask():
                await self._ask(step)
            case asked.AskApart():
                self._apart.ask(step)
            case asked.CancelApart():
                self._apart.cancel(step.response)
            case asked.Cancel():
                between.cancel()
            case asked.ToolOutput():
                self._tools.output(step.call_id, step.text)
            case asked.Changed():
                self._maker.instruct()
                await inbox.look()

    async def _ask(self, act: asked.Ask) -> None:
        self._maker.once = act
        if self._tools.waits:
            self._tools.resume()
        else:
            await self._inbox.put(partial(self._between.answer, act))
