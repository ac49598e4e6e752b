"""The offline chat: answers what a machine can without a model, and says honestly what it can't.

Belongs here: the conversation, drafts that are taken back. Does not belong here: any skill (skills/), timers that
run (timekeeping).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime

from voicecli.backends.local.timekeeping import RunningTimer, Timers
from voicecli.ports import Stream
from voicecli.skills import Question, answered, understand
from voicecli.skills.text import LONGEST
from voicecli.text.characters import has_han
from voicecli.text.clean import clean
from voicecli.types import ChatDelta, ChatMessage, ChatOptions

NO_MODEL = "I can't answer that without a model. Ask me for help, or run voice config init to set one up."
NO_MODEL_CHINESE = "没有配置大模型，这个我回答不了。可以问我会做什么，或者运行 voice config init 配置一个大模型。"

_NEARLY = re.compile(
    r"\b(?:times|plus|minus|divided|multiplied|percent|square root|timer|alarm|remind|convert|how many|spell"
    r"|miles?|kilomet\w+|met(?:er|re)s?|feet|inch(?:es)?|pounds?|kilos?|grams?|celsius|fahrenheit|gallons?|lit\w+s)\b"
    r"|[乘除加减]|百分之|平方|计时|闹钟|提醒|换算|多少|等于",
    re.IGNORECASE,
)
"""What skills are asked about: who says one of these and is not understood was probably misheard."""


def unanswered(asked: str) -> str:
    """What is said where no skill understands: a misheard question is asked back, another gets the honest sentence."""
    chinese = has_han(asked)
    if len(asked) > LONGEST or not _NEARLY.search(asked):
        return NO_MODEL_CHINESE if chinese else NO_MODEL
    heard = clean(asked).strip()
    if chinese:
        return f"我听到的是“{heard}”，没有听懂，请再说一遍。"
    return f"I heard “{heard}” and can't work that out. Please say it again."


REDO_S = 20.0
"""The same place of a conversation asked again within this time: a draft that was not the person's last word."""


class OfflineChat:
    """ChatModel without a model, and Warm. `announcements` rings the timers: whoever speaks them iterates it."""

    def __init__(self, now: Callable[[], datetime] = datetime.now) -> None:
        self._now = now
        self._timers = Timers()
        self.announcements = self._timers.announcements
        self._before: tuple[list[ChatMessage], float, tuple[RunningTimer, ...]] | None = None

    def chat(self, messages: Sequence[ChatMessage], options: ChatOptions) -> Stream[ChatDelta]:
        """Answers the last message of the user. The options change nothing here."""
        return aclosing(self._deltas(messages))

    async def _deltas(self, messages: Sequence[ChatMessage]) -> AsyncGenerator[ChatDelta, None]:
        yield ChatDelta(clean(self._answer(messages)))
        yield ChatDelta(finish_reason="stop")

    async def warm(self) -> None:
        """Asks the skills once: their patterns are made by the first question, which takes longer than any answer."""
        await asyncio.to_thread(lambda: list(understand(Question("what is one plus one", self._now()))))

    def _answer(self, messages: Sequence[ChatMessage]) -> str:
        """Timers start and stop by it."""
        asked = next((each.content for each in reversed(messages) if each.role == "user"), "")
        replies = [each.content for each in messages if each.role == "assistant"]
        time = asyncio.get_running_loop().time()
        self._take_back(list(messages[:-1]), time)
        known = Question(
            asked,
            self._now(),
            last_reply=replies[-1] if replies else "",
            timers=self._timers.left(time),
            rings=self._timers.rings,
        )
        if answer := answered(known):
            self._timers.apply(answer, time)
            return answer.text
        return unanswered(asked)

    def _take_back(self, history: list[ChatMessage], time: float) -> None:
        """A draft's timers go when its turn is answered again; other turns keep theirs."""
        if self._before is not None:
            drafted, at, timers = self._before
            if drafted == history and time - at < REDO_S:
                self._timers.set(tuple(each for each in timers if each.rings_at > time))
        self._before = history, time, self._timers.running
