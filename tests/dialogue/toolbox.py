"""A model that calls tools and a toolbox to go with it, for tests of the conversation on the virtual clock.

Belongs here: both promises, kept by scripts. Does not belong here: any tool that a person could use.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.dialogue.talking import Brain
from voicecli.dialogue.tools import Gate, ToolUser
from voicecli.types import ChatDelta, ChatMessage, ChatOptions, ToolCall, ToolResult, ToolSpec, Usage

Reply = list[str | ToolCall | Exception]


def call(name: str, number: int = 1, **given: Any) -> ToolCall:
    return ToolCall(f"call_{number}", name, json.dumps(given))


@dataclass
class Model:
    """Each reply: its words, one by one, then its calls. It takes `first` seconds to begin."""

    replies: list[Reply]
    first: float = 0.2
    asked: list[tuple[list[ChatMessage], ChatOptions]] = field(default_factory=list)
    open: int = 0
    most_open: int = 0

    @asynccontextmanager
    async def chat(
        self, messages: Sequence[ChatMessage], options: ChatOptions
    ) -> AsyncIterator[AsyncIterator[ChatDelta]]:
        self.asked.append((list(messages), options))
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            async with aclosing(self.deltas(self.replies.pop(0))) as deltas:
                yield deltas
        finally:
            self.open -= 1

    async def deltas(self, reply: Reply) -> AsyncIterator[ChatDelta]:
        await asyncio.sleep(self.first)
        for each in reply:
            if isinstance(each, Exception):
                raise each
            if isinstance(each, str):
                yield ChatDelta(each)
        calls = tuple(each for each in reply if isinstance(each, ToolCall))
        yield ChatDelta(finish_reason="tool_calls" if calls else "stop", usage=Usage(10, 1))
        if calls:
            yield ChatDelta(calls=calls)

    def told(self, request: int = -1) -> list[tuple[str, str]]:
        """The roles and texts of a request's messages."""
        return [(each.role, each.content) for each in self.asked[request][0]]


@dataclass
class Box:
    """`draw` asks first and takes `seconds`, `look` takes as long, `time` and `sum` are quick."""

    seconds: float = 3.0
    used: list[str] = field(default_factory=list)
    running: int = 0
    most_running: int = 0
    cancelled: int = 0
    fails: bool = False

    specs: Sequence[ToolSpec] = tuple(
        ToolSpec(name, f"can {name}", {"type": "object", "properties": {"what": {"type": "string"}}})
        for name in ("draw", "look", "time", "sum")
    )

    def question(self, call: ToolCall, *, chinese: bool) -> str:
        if call.name != "draw":
            return ""
        what = json.loads(call.arguments).get("what", "")
        return f"可以画{what}吗？" if chinese else f"May I draw {what}?"

    def quick(self, call: ToolCall) -> bool:
        return call.name not in ("draw", "look")

    async def use(self, call: ToolCall) -> ToolResult:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(0.05 if self.quick(call) else self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if call.name not in {each.name for each in self.specs}:
            return ToolResult(f"There is no tool {call.name}.", ok=False)
        self.used.append(call.name)
        if self.fails:
            return ToolResult("It broke.", "it broke", ok=False)
        return ToolResult(f"{call.name} did it", "pig.png" if call.name == "draw" else "")


class Thinking(Brain):
    """A model with tools as the brain of a conversation."""

    def __init__(self, model: Model, box: Box) -> None:
        super().__init__([])
        self.user = ToolUser(model, box)

    def chat(self, messages: Sequence[ChatMessage], gate: Gate | None = None) -> Any:
        return self.user.chat(messages, ChatOptions(), gate)
