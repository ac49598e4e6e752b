"""The tools of a client: asked for over the connection, used there, answered with an item.

Belongs here: a `ports.Toolbox` that waits. Does not belong here: events (telling), the rounds with a model
(dialogue.tools).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from voicecli.types import ToolCall, ToolResult, ToolSpec

PATIENCE_S = 600.0
UNANSWERED = ToolResult("The tool gave no answer.", ok=False)


class ClientTools:
    """`ask` is called for each call, `asked` once all calls of one round are told. `resume` goes on with what came."""

    def __init__(
        self, specs: Callable[[], Sequence[ToolSpec]], ask: Callable[[ToolCall], None], asked: Callable[[], None]
    ) -> None:
        self._specs, self._ask, self._asked = specs, ask, asked
        self._waiting: dict[str, asyncio.Future[ToolResult]] = {}
        self._outputs: dict[str, str] = {}

    @property
    def specs(self) -> Sequence[ToolSpec]:
        return self._specs()

    def question(self, call: ToolCall, *, chinese: bool) -> str:
        """Always "": a client asks its person itself."""
        return ""

    def quick(self, call: ToolCall) -> bool:
        """All calls of a round run together, and nothing is said to pass the time: the client may."""
        return True

    async def use(self, call: ToolCall) -> ToolResult:
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._told)
        result: asyncio.Future[ToolResult] = loop.create_future()
        self._waiting[call.id] = result
        self._ask(call)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await result
        except TimeoutError:
            return UNANSWERED
        finally:
            self._waiting.pop(call.id, None)
            self._outputs.pop(call.id, None)

    def _told(self) -> None:
        if self._waiting:
            self._asked()

    @property
    def waits(self) -> bool:
        return bool(self._waiting)

    def output(self, call_id: str, text: str) -> None:
        """What came of a call; of one that nobody waits for nothing is kept."""
        if call_id in self._waiting:
            self._outputs[call_id] = text

    def resume(self) -> None:
        """The client wants the answer to go on."""
        for call_id, result in self._waiting.items():
            if not result.done():
                text = self._outputs.get(call_id)
                result.set_result(UNANSWERED if text is None else ToolResult(text))
