"""Recogniser, model and voice, put together as the one who answers.

Belongs here: who thinks, with which tools and pictures; how far a draft goes; how fast the voice speaks. Does not
belong here: opening the three (wiring.adapters), one service that does it all (wiring.direct), the conversation
(wiring.talk).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from voicecli.audio.codec import decode_chunks
from voicecli.dialogue.answering import Stages
from voicecli.dialogue.cascade import Cascade
from voicecli.dialogue.drafting import DEPTHS, Depth, Drafts
from voicecli.dialogue.tools import Gate, ToolUser
from voicecli.errors import UsageError
from voicecli.ports import Speaker, Stream, Toolbox, Warm
from voicecli.types import ChatDelta, ChatMessage, ChatOptions, Picture, SpeechRequest
from voicecli.wiring.adapters import Adapters
from voicecli.wiring.refusing import check_options, takes
from voicecli.wiring.showing import Showing

if TYPE_CHECKING:
    from voicecli.backends.family import Capabilities
    from voicecli.config import Config
    from voicecli.ports import Reporter
    from voicecli.wiring.services import Services

SLOWEST, FASTEST = 0.5, 2.0
"""What every voice that has speeds can do."""

Thinker = Callable[[Sequence[ChatMessage], Gate], Stream[ChatDelta]]
"""The model as a conversation asks it."""


@dataclass(slots=True)
class Pacing:
    """`speed` is the voice's own, 1.0 is normal; what is asked for next has it times what the person wanted."""

    speed: float
    factor: float = 1.0

    def change(self, factor: float) -> None:
        """So many times as fast from now on, between the slowest and the fastest."""
        wanted = min(FASTEST, max(SLOWEST, self.speed * self.factor * factor))
        self.factor = wanted / self.speed

    def applied(self, speech: SpeechRequest) -> SpeechRequest:
        return speech if self.factor == 1.0 else replace(speech, speed=round(self.speed * self.factor, 2))


def pacing_of(opened: Adapters, services: Services) -> Pacing | None:
    """The voice's speed, where it has one."""
    _, backend = services.choose("speak")
    return Pacing(backend.speed or 1.0) if "speed" in takes(opened.voice_family, "speak") else None


def cascade_of(
    cfg: Config,
    opened: Adapters,
    thinker: Thinker,
    rate: int,
    clock: Callable[[], float],
    pacing: Pacing | None = None,
) -> Cascade:
    """Who answers: the recogniser, the model and the voice."""
    limits = opened.voice_family.limits
    stages = Stages(
        chat=thinker,
        say=_sayer(opened.speaker, opened.speech, rate, pacing or Pacing(1.0)),
        clock=clock,
        speech_characters=limits.speech_characters,
        speech_bytes=limits.speech_bytes,
        aloud=opened.aloud,
    )
    return Cascade(
        opened.hearing,
        stages,
        Drafts(draft_depth(cfg.talk.draft, opened.chat_family, opened.voice_family), cfg.talk.draft_budget),
        _warmer(opened.ears, opened.model, opened.speaker),
    )


def thinker_of(opened: Adapters, toolbox: Toolbox | None, report: Reporter, showing: Showing) -> Thinker:
    """The model, with tools where there are some and the family takes them; an agent has its own."""
    if (agent := opened.agent) is not None:
        return lambda messages, gate: agent.chat(messages, opened.chatting, gate)

    def chatting() -> ChatOptions:
        return replace(opened.chatting, images=showing.pictures)

    if toolbox is None or not toolbox.specs:
        return lambda messages, gate: opened.model.chat(messages, chatting())
    if (family := opened.chat_family) is None or "tools" not in takes(family, "chat"):
        report.detail(f"{family and family.name} has no tools to offer to its model; it answers without them.")
        return lambda messages, gate: opened.model.chat(messages, chatting())
    user = ToolUser(opened.model, toolbox)
    return lambda messages, gate: user.chat(messages, chatting(), gate)


def looked_at(opened: Adapters, pictures: Sequence[Picture]) -> None:
    """Raises UsageError where the model takes no pictures."""
    if pictures and opened.chat_family is None:
        raise UsageError("takes no pictures", who="agent", cure="Say where they are: it reads files by itself.")
    if opened.chat_family is not None:
        check_options(opened.chat_family, "chat", replace(opened.chatting, images=tuple(pictures)))


def draft_depth(wish: str, chat: Capabilities | None, voice: Capabilities) -> Depth:
    """How far a draft may go. `auto`: to speech only where leaving a request really stops it.

    An agent, which has no family, gets none: what it does cannot be withdrawn.
    """
    if chat is None:
        return "off" if wish == "off" else "asr"
    if wish in DEPTHS:
        return wish
    if "chat" not in chat.stops_on_cancel:
        return "asr"
    return "speak" if "speak" in voice.stops_on_cancel else "chat"


def _sayer(speaker: Speaker, speech: SpeechRequest, rate: int, pacing: Pacing) -> Callable[[str], Stream[bytes]]:
    """Text to s16le mono at `rate`: the adapter's chunks through the codec."""

    @asynccontextmanager
    async def say(text: str) -> AsyncIterator[AsyncIterator[bytes]]:
        asked = pacing.applied(replace(speech, text=text))
        async with speaker.speak(asked) as chunks, aclosing(decode_chunks(chunks, rate)) as pcm:
            yield pcm

    return say


def _warmer(*adapters: object) -> Callable[[], Coroutine[object, object, None]]:
    """Opens the connections of those adapters that can be warmed: they are needed as soon as the person stops."""
    warm = [adapter.warm for adapter in adapters if isinstance(adapter, Warm)]

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as tasks:
            for each in warm:
                tasks.create_task(each())

    return all_of_them
