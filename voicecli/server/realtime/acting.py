"""Doing what a client asks: at once where nothing waits for it, else between two frames, in order.

Belongs here: which step of the client's is done when. Does not belong here: what events look like (client, telling),
what is done to the conversation (between), what waits (inbox).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

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
        await _ACTS[type(step)](self, step)

    async def _append(self, act: asked.Append) -> None:
        await self._inbox.append(act.data)

    async def _commit(self, act: asked.Commit) -> None:
        do = self._between
        if act.item is None:
            await self._inbox.put(do.release)
        else:
            frames = self._inbox.committed()
            await self._inbox.put(do.press, *frames, do.release, partial(do.understood, act.item))

    async def _clear(self, _act: asked.Clear) -> None:
        self._inbox.clear()

    async def _said(self, act: asked.TypedItem) -> None:
        await self._inbox.put(partial(self._between.remember, act))

    async def _ask(self, act: asked.Ask) -> None:
        self._maker.once = act
        if self._tools.waits:
            self._tools.resume()
        else:
            await self._inbox.put(partial(self._between.answer, act))

    async def _ask_apart(self, act: asked.AskApart) -> None:
        self._apart.ask(act)

    async def _cancel_apart(self, act: asked.CancelApart) -> None:
        self._apart.cancel(act.response)

    async def _cancel(self, _act: asked.Cancel) -> None:
        self._between.cancel()

    async def _output(self, act: asked.ToolOutput) -> None:
        self._tools.output(act.call_id, act.text)

    async def _changed(self, _act: asked.Changed) -> None:
        self._maker.instruct()
        await self._inbox.look()


_ACTS: dict[type[Any], Callable[[Acting, Any], Awaitable[None]]] = {
    asked.Append: Acting._append,
    asked.Commit: Acting._commit,
    asked.Clear: Acting._clear,
    asked.TypedItem: Acting._said,
    asked.Ask: Acting._ask,
    asked.AskApart: Acting._ask_apart,
    asked.Cancel: Acting._cancel,
    asked.CancelApart: Acting._cancel_apart,
    asked.ToolOutput: Acting._output,
    asked.Changed: Acting._changed,
}
