"""The offline chat: answers what a machine can without a model, and says honestly what it can't.

Belongs here: handing a question to the skills, keeping timers. Does not belong here: any skill (skills/).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from voicecli.backends.embedded.skills import Answer, Question, Timer, understand
from voicecli.backends.embedded.skills.text import is_chinese
from voicecli.backends.embedded.skills.timers import ringing
from voicecli.types import Backend, ChatDelta, ChatMessage, ChatOptions

NO_MODEL = "I can't answer that without a model. Ask me for help, or set up a model with: voice config init."
NO_MODEL_CHINESE = "没有配置大模型，这个我回答不了。可以问我会做什么，或者运行 voice config init 配置一个大模型。"
_PIECES = re.compile(r"\S+\s*|\s+|[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Running:
    """A timer that runs; times in seconds on the event loop's clock."""

    length: float
    rings_at: float
    chinese: bool


class OfflineChat:
    """ChatModel without a model. `announcements` rings the timers: whoever speaks them iterates it."""

    def __init__(self, now: Callable[[], datetime] = datetime.now) -> None:
        self._now = now
        self._timers: list[Running] = []
        self._changed = asyncio.Event()
        self._rings = False

    @asynccontextmanager
    async def chat(
        self, messages: Sequence[ChatMessage], options: ChatOptions
    ) -> AsyncIterator[AsyncIterator[ChatDelta]]:
        async with aclosing(self._deltas(messages)) as deltas:
            yield deltas

    async def _deltas(self, messages: Sequence[ChatMessage]) -> AsyncGenerator[ChatDelta, None]:
        asked = next((each.content for each in reversed(messages) if each.role == "user"), "")
        replies = [each.content for each in messages if each.role == "assistant"]
        for piece in _PIECES.findall(await self.answer(asked, replies[-1] if replies else "")):
            yield ChatDelta(piece)
        yield ChatDelta(finish_reason="stop")

    async def answer(self, asked: str, last_reply: str = "") -> str:
        """The text of the answer; timers start and stop by it."""
        time = asyncio.get_running_loop().time()
        timers = tuple(Timer(each.length, max(0.0, each.rings_at - time)) for each in self._timers)
        for skill, question in understand(asked):
            question = replace(question, now=self._now(), last_reply=last_reply, timers=timers, rings=self._rings)
            answer = await asyncio.to_thread(skill.answer, question) if skill.slow else skill.answer(question)
            if answer is not None:
                self._apply(answer, question, time)
                return answer.text
        return NO_MODEL_CHINESE if is_chinese(asked) else NO_MODEL

    def _apply(self, answer: Answer, question: Question, time: float) -> None:
        if answer.cancel:
            self._timers.clear()
        if answer.start is not None:
            self._timers.append(Running(answer.start, time + answer.start, question.chinese))
        if answer.cancel or answer.start is not None:
            self._changed.set()

    async def announcements(self) -> AsyncIterator[str]:
        """What a timer that is done has to say, when it is done. Timers can be set once somebody listens here."""
        self._rings = True
        loop = asyncio.get_running_loop()
        while True:
            self._changed.clear()
            due = min(self._timers, key=lambda each: each.rings_at, default=None)
            if due is not None and due.rings_at <= loop.time():
                self._timers.remove(due)
                yield ringing(Timer(due.length, 0.0), due.chinese)
                continue
            try:
                async with asyncio.timeout_at(due.rings_at if due else None):
                    await self._changed.wait()
            except TimeoutError:
                continue


@asynccontextmanager
async def open_chat(backend: Backend) -> AsyncIterator[OfflineChat]:
    yield OfflineChat()
