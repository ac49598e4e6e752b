"""A conversation with a model, turn by turn: what is sent, the answer as it arrives, what is kept of both.

Belongs here: history within its budget, the model with its notes and tools, warm from turn to turn. Does not belong
here: showing an answer, asking a person (the terminal), the file of conversations (keeping).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from voicecli.types import ChatDelta, ChatMessage, ChatOptions, Picture
from voicecli.usecases.chatting.answer import ChatAnswer

if TYPE_CHECKING:
    from voicecli.dialogue.tools import Ask
    from voicecli.ports import ChatModel, Keeps, Toolbox
    from voicecli.usecases.chatting.keeping import Keeper
    from voicecli.usecases.chatting.tools import Tools
    from voicecli.usecases.noting import Noting
    from voicecli.wiring.services import Services


@dataclass
class Chat:
    """A conversation. `talk` is all of it but the system prompt; `running` keeps services open between turns.

    `ask` gets the person's leave for a tool (None: there is nobody to ask). `user` is the model that uses the
    tools: it remembers what they did as long as the conversation goes on.
    """

    services: Services
    options: ChatOptions
    keeper: Keeper
    system: str = ""
    talk: list[ChatMessage] = field(default_factory=list)
    running: Keeps | None = None
    tools: Tools | None = None
    notes: Noting | None = None
    ask: Ask | None = None
    user: ChatModel | None = None

    @property
    def model(self) -> str:
        """The name of the model that is asked, or of its backend."""
        _, backend = self.services.choose("chat")
        return self.options.model or backend.chat_model or backend.name

    @asynccontextmanager
    async def asked(
        self, question: str, images: tuple[Picture, ...], answer: ChatAnswer
    ) -> AsyncIterator[AsyncIterator[ChatDelta]]:
        """The answer to `question` as it arrives, which fills `answer`.

        What arrived is kept with its question when the block is left, whole or not; the turn stands in `talk` only as
        far as there is an answer: asked again after a failure, a question is there once.
        """
        asked = [*self.talk, ChatMessage("user", question)]
        head = [ChatMessage("system", self.system)] if self.system.strip() else []
        options = replace(self.options, images=images)
        try:
            async with self._model() as model, model.chat(self._within([*head, *asked]), options) as deltas:
                yield self._taken(deltas, answer)
        finally:
            answer.notes = self.notes.used() if self.notes else []
            if answer.text.strip():
                self.talk = [*asked, ChatMessage("assistant", answer.text)]
                self.keeper.sync(self.talk, interrupted=not answer.complete)

    async def _taken(self, deltas: AsyncIterator[ChatDelta], answer: ChatAnswer) -> AsyncIterator[ChatDelta]:
        async for delta in deltas:
            answer.take(delta)
            yield delta
        answer.complete = True

    def _within(self, messages: Sequence[ChatMessage]) -> tuple[ChatMessage, ...]:
        """What is sent of a conversation that goes on: the newest, within `[chat] max_history_tokens`."""
        from voicecli.dialogue.history import trim

        return trim(messages, self.services.config.chat.max_history_tokens)

    # -- taking back -------------------------------------------------------------------------------

    def undo(self) -> str:
        """Takes the last question and its answer back; returns the question, "" where there was none."""
        asked = [at for at, each in enumerate(self.talk) if each.role == "user"]
        if not asked:
            return ""
        question, self.talk = self.talk[asked[-1]].content, self.talk[: asked[-1]]
        return question

    def begin_anew(self, keeper: Keeper) -> None:
        """Another conversation, by the same rules."""
        self.keeper.close()
        self.talk, self.user, self.keeper = [], None, keeper
        self.settle()

    def settle(self, *, system: str | None = None, model: str | None = None) -> None:
        """Another system prompt, or model, from now on; both are noted with the conversation."""
        self.system = self.system if system is None else system
        self.options = self.options if model is None else replace(self.options, model=model)
        self.keeper.settle(self.system, "", self.options.model)

    # -- who answers -------------------------------------------------------------------------------

    @asynccontextmanager
    async def _model(self) -> AsyncIterator[ChatModel]:
        """The opened chat model: one for the whole of a conversation, so that its connection stays warm."""
        if self.running is None:
            async with self._chat() as model, self._toolbox() as toolbox:
                yield self._with_tools(model, toolbox)
            return
        model = await self.running.kept("chat", self._chat)
        toolbox = await self.running.kept("tools", self._toolbox)
        self.user = self.user or self._with_tools(model, toolbox)
        yield self.user

    def _chat(self) -> AbstractAsyncContextManager[ChatModel]:
        """The model, told of the notes where there are some."""
        opening: AbstractAsyncContextManager[ChatModel] = self.services.open("chat")
        return self.notes.told(opening) if self.notes else opening

    def _toolbox(self) -> AbstractAsyncContextManager[Toolbox | None]:
        return self.tools.opened() if self.tools else nullcontext()

    def _with_tools(self, model: ChatModel, toolbox: Toolbox | None) -> ChatModel:
        """The model itself where it has none."""
        return self.tools.beside(model, toolbox, self.ask) if self.tools and toolbox else model
