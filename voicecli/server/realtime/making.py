"""Making a conversation of what a client has set: its adapters, its rules, who thinks and who answers in it.

Belongs here: from settings to a `Dialogue`, leaving out an answer or its sound. Does not belong here: running one, what
a client asks of it (session), the cascade (dialogue.cascade).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from voicecli.audio.playout import Playout
from voicecli.audio.vad import Detector
from voicecli.dialogue.cascade import Cascade, CascadeTurn
from voicecli.dialogue.conversation import Dialogue
from voicecli.dialogue.events import Event
from voicecli.dialogue.hearing import OnPartial
from voicecli.dialogue.history import History
from voicecli.dialogue.parts import Parts, Rules
from voicecli.dialogue.tools import Gate, ToolUser
from voicecli.ports import Stream, TurnRequest
from voicecli.server.pool import Meant, Pool
from voicecli.server.realtime import client as asked
from voicecli.server.realtime.book import Book
from voicecli.server.realtime.tools import ClientTools
from voicecli.text.join import joined
from voicecli.types import ChatDelta, ChatMessage, ChatOptions, Picture
from voicecli.types.turns import Heard, Reply
from voicecli.wiring.adapters import Adapters, Opener, TalkRequest
from voicecli.wiring.cascade import cascade_of, looked_at
from voicecli.wiring.refusing import takes
from voicecli.wiring.showing import Showing
from voicecli.wiring.talk import rules_of

RATE = 24_000
LONGEST_TURN_S = 600.0
EAGERNESS = {"high": 0.7, "low": 1.6}
"""What semantic_vad's eagerness makes of the silence that ends a turn; "medium" and "auto" are ours."""


class Maker:
    """`made` makes a conversation of what was `opened`; all of a session share the `history`.

    `once` is the answer asked for last, which may have instructions of its own.
    """

    def __init__(self, pool: Pool, book: Book, tools: ClientTools) -> None:
        self._pool, self._book, self._tools = pool, book, tools
        self.history = History()
        self.once: asked.Ask | None = None
        self.showing = Showing(lambda _pictures: None)
        self._shown = 0

    @property
    def fixed(self) -> object:
        """What a conversation cannot change while it runs."""
        settings = self._book.settings
        return settings.detection, settings.voice, settings.language, settings.model, settings.spoken_as

    async def opened(self, stack: AsyncExitStack) -> Adapters:
        settings, pool = self._book.settings, self._pool
        meant = Meant() if settings.transcribes else await pool.meant("chat", settings.model)
        wishes = pool.taken("transcribe", None, {"language": settings.language})
        voice = pool.taken("speak", None, {"voice": pool.voice(settings.voice)})
        request = TalkRequest(meant.backend, model=meant.model, private=True, **wishes, **voice)
        return await Opener(pool.named(meant.backend), request, stack).all()

    def made(self, opened: Adapters, emit: Callable[[Event, int], None]) -> Dialogue:
        self.showing.take = partial(self._looked_at, opened)
        config, loop = self._pool.services.config, asyncio.get_running_loop()
        cascade = cascade_of(config, opened, self._thinker(opened), RATE, loop.time)
        stages = replace(cascade.stages, say=sometimes_silent(cascade.stages.say, self._text_only))
        parts = Parts(
            Scribe(replace(cascade, stages=stages), lambda: self._book.settings.answers),
            detect=Detector(config.talk.vad).detect,
            playout=Playout(RATE),
            emit=emit,
            clock=loop.time,
        )
        self.history.budget = config.chat.max_history_tokens
        self.instruct()
        return Dialogue(parts, self._rules(opened), self.history)

    def instruct(self) -> None:
        """The model is told what the client's settings say, or else ours."""
        self.history.system = self._book.settings.instructions or self._pool.services.config.chat.system

    def _rules(self, opened: Adapters) -> Rules:
        """Ours; where the client says how long a silence ends a turn, that."""
        detection = self._book.settings.detection
        request = TalkRequest(push_to_talk=detection is None, language=self._book.settings.language)
        rules = replace(rules_of(self._pool.services.config, request, opened, echo=True), manners=False)
        if detection is None:
            return replace(rules, timing=replace(rules.timing, max_turn_s=LONGEST_TURN_S))
        rules = replace(rules, barge_in=detection.get("interrupt_response", True) is not False)
        patience = EAGERNESS.get(str(detection.get("eagerness")), 1.0)
        least, usual, most = (patience * each for each in (rules.end_ms_min, rules.timing.end_ms, rules.end_ms_max))
        silence = detection.get("silence_duration_ms")
        if isinstance(silence, (int, float)) and 100 <= silence <= 10_000:
            least, usual, most = min(least, silence), silence, max(most, silence)
            rules = replace(rules, learns=False)
        return replace(rules, timing=replace(rules.timing, end_ms=usual), end_ms_min=least, end_ms_max=most)

    def _text_only(self) -> bool:
        answer = self._book.answer
        return answer.text_only if answer is not None else self._book.settings.text_only

    def _thinker(self, opened: Adapters) -> Callable[[Sequence[ChatMessage], Gate], Stream[ChatDelta]]:
        def chatting() -> ChatOptions:
            return replace(opened.chatting, images=self.showing.pictures)

        if "tools" not in takes(opened.chat_family, "chat"):
            return lambda messages, gate: opened.model.chat(self._instructed(messages), chatting())
        user = ToolUser(opened.model, self._tools)
        return lambda messages, gate: user.chat(self._instructed(messages), chatting(), gate)

    def _looked_at(self, opened: Adapters, pictures: Sequence[Picture]) -> None:
        """Raises UsageError where the model takes no pictures; those that were answered make room for others."""
        looked_at(opened, pictures)
        if not pictures:
            self._book.pictures -= self._shown
        self._shown = sum(len(each.data) for each in pictures)

    def _instructed(self, messages: Sequence[ChatMessage]) -> Sequence[ChatMessage]:
        """With the instructions that were given for this one answer in place of the session's."""
        once, answer = self.once, self._book.answer
        if once is None or once.instructions is None or answer is None or answer.id != once.response:
            return messages
        return [ChatMessage("system", once.instructions), *(each for each in messages if each.role != "system")]


@dataclass(frozen=True, slots=True)
class Scribe:
    """A `ports.Responder`: the cascade, which only writes down what is said where the client asks for answers itself.

    What was typed is always answered.
    """

    cascade: Cascade
    answers: Callable[[], bool]

    def listen(self, tasks: asyncio.TaskGroup, on_partial: OnPartial) -> CascadeTurn:
        kind = CascadeTurn if self.answers() else _Written
        return kind(self.cascade, self.cascade.hearing(tasks, on_partial))

    async def warm(self) -> None:
        await self.cascade.warm()


class _Written(CascadeTurn):
    """Its words, and no answer to them."""

    def draftable(self, made: int, *, early: bool = False) -> str | None:
        return None

    @asynccontextmanager
    async def turn(self, ask: TurnRequest) -> AsyncIterator[AsyncIterator[Reply]]:
        if ask.wanted.typed is not None or ask.wanted.says is not None:
            async with super().turn(ask) as replies:
                yield replies
        else:
            yield self._written(ask)

    async def _written(self, ask: TurnRequest) -> AsyncIterator[Reply]:
        heard = await self.text()
        yield Heard(joined([ask.wanted.prefix, heard.text]), heard.unsure)


def sometimes_silent(say: Callable[[str], Stream[bytes]], silent: Callable[[], bool]) -> Callable[[str], Stream[bytes]]:
    """The voice, which makes no sound where only text is wanted."""
    return lambda text: aclosing(_no_sound()) if silent() else say(text)


async def _no_sound() -> AsyncGenerator[bytes]:
    for piece in tuple[bytes, ...]():
        yield piece
