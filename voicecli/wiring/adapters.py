"""The adapters of a conversation: what is asked for, and ears, model (or agent) and voice, opened for it.

Belongs here: choosing, refusing and opening them, each before any work. Does not belong here: the conversation
(wiring.talk), devices.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.dialogue.brevity import Aloud
from voicecli.dialogue.hearing import Hearing, LiveHearing, OnPartial, WholeHearing
from voicecli.ports import ChatModel, FileTranscriber, GatedModel, LiveTranscriber, Speaker
from voicecli.types import ChatMessage, ChatOptions, SpeechRequest, TranscribeOptions
from voicecli.wiring.devices import Ends
from voicecli.wiring.refusing import check_options, with_chat_settings
from voicecli.wiring.services import Services

if TYPE_CHECKING:
    from voicecli.agents.responder import AgentModel
    from voicecli.backends.family import Capabilities
    from voicecli.wiring.agents import AgentWish


@dataclass(frozen=True, slots=True)
class TalkRequest:
    """What the flags of `voice talk` ask for.

    `notes` opens what tells the opened model of a person's notes. `agent` answers in place of a model.
    """

    backend: str | None = None
    ends: Ends = field(default_factory=Ends)
    push_to_talk: bool = False
    save: Path | None = None
    model: str | None = None
    voice: str | None = None
    language: str | None = None
    messages: tuple[ChatMessage, ...] = ()
    private: bool = False
    notes: Callable[[ChatModel], AbstractAsyncContextManager[ChatModel]] | None = None
    agent: AgentWish | None = None
    aloud: Aloud | None = None
    """How much of an answer is spoken; None: of an agent's it is short, of a model's all."""
    answers: GatedModel | None = None
    """Answers in place of a model, and is open already."""


Hears = Callable[[asyncio.TaskGroup, OnPartial], Hearing]
"""Makes the ears of one turn."""


@dataclass(frozen=True, slots=True)
class Adapters:
    """The three adapters of a conversation, their families, and what is asked of them. An agent has no family."""

    ears: FileTranscriber | LiveTranscriber
    ears_family: Capabilities
    hearing: Hears
    model: ChatModel
    chat_family: Capabilities | None
    chatting: ChatOptions
    speaker: Speaker
    voice_family: Capabilities
    speech: SpeechRequest
    agent: GatedModel | None
    aloud: Aloud


@dataclass(slots=True)
class Opener:
    """Opens the three adapters of a conversation, each refused or announced before any work."""

    services: Services
    request: TalkRequest
    stack: AsyncExitStack
    told: Callable[[str], None] = lambda _text: None

    async def all(self) -> Adapters:
        """Raises ConfigError, UsageError and what opening raises."""
        agent = await self.agent()  # its program starts while the others are opened
        ears, ears_family, hearing = await self.ears()
        speaker, voice_family, speech = await self.speaker()
        if agent is not None:
            await agent.ready()
        aloud = self.request.aloud or ("short" if agent else "all")
        answers = agent or self.request.answers
        thinker = await self.model(answers)
        return Adapters(ears, ears_family, hearing, *thinker, speaker, voice_family, speech, answers, aloud)

    async def ears(self) -> tuple[FileTranscriber | LiveTranscriber, Capabilities, Hears]:
        options = TranscribeOptions(language=self.request.language)
        family, _ = self.services.choose("transcribe_live")
        if family.can("transcribe_live"):
            self.services.check(family, "transcribe_live", options)
            live, rehear = await self.stack.enter_async_context(self.services.open("transcribe_live")), family.rehears
            return live, family, lambda tasks, partial: LiveHearing(tasks, live, options, partial, rehear=rehear)
        family, _ = self.services.choose("transcribe")
        self.services.check(family, "transcribe", options)
        whole = await self.stack.enter_async_context(self.services.open("transcribe"))
        return whole, family, lambda _tasks, partial: WholeHearing(whole, options, partial)

    async def agent(self) -> AgentModel | None:
        if self.request.agent is None:
            return None
        from voicecli.wiring.agents import open_agent

        return await self.stack.enter_async_context(open_agent(self.request.agent, self.services, self.told))

    async def model(self, answers: GatedModel | None) -> tuple[ChatModel, Capabilities | None, ChatOptions]:
        """`answers` takes the place of a model, and has no family."""
        if answers is not None:
            return answers, None, ChatOptions()
        family, _ = self.services.choose("chat")
        options = with_chat_settings(
            family, ChatOptions(model=self.request.model), self.services.config, self.services.report
        )
        check_options(family, "chat", options)
        model = await self.stack.enter_async_context(self.services.open("chat"))
        if self.request.notes is not None:
            model = await self.stack.enter_async_context(self.request.notes(model))
        return model, family, options

    async def speaker(self) -> tuple[Speaker, Capabilities, SpeechRequest]:
        family, _ = self.services.choose("speak")
        language = self.request.language if "language" in family.takes.get("speak", ()) else None
        speech = SpeechRequest("", voice=self.request.voice, language=language)
        check_options(family, "speak", speech)
        return await self.stack.enter_async_context(self.services.open("speak")), family, speech
