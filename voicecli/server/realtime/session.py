"""One session: the loop of `voice talk`, with a connection for microphone and loudspeaker, in one task tree.

Belongs here: doing what a client asks, in order, and telling it what the conversation tells. Does not belong here:
what events look like (client, telling), the socket (route).

Settings that a conversation is made with (when a turn ends, the voice, the language) take effect with a new one, which
goes on with the same history as soon as the turn in work is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import Any

from voicecli.audio.playout import Playout
from voicecli.audio.vad import Detector
from voicecli.dialogue.conversation import Dialogue
from voicecli.dialogue.events import Event
from voicecli.dialogue.history import History
from voicecli.dialogue.parts import Parts, Rules
from voicecli.dialogue.states import TurnState
from voicecli.dialogue.tools import Gate, ToolUser
from voicecli.ports import Stream
from voicecli.server.pool import Meant, Pool
from voicecli.server.realtime import client as asked
from voicecli.server.realtime.book import Book, dialect
from voicecli.server.realtime.hearer import Scribe, sometimes_silent
from voicecli.server.realtime.settings import Json
from voicecli.server.realtime.sound import AppendedSound, Line
from voicecli.server.realtime.telling import Telling
from voicecli.server.realtime.tools import ClientTools
from voicecli.types import AudioFrame, ChatDelta, ChatMessage, ToolCall
from voicecli.wiring.refusing import takes
from voicecli.wiring.talk import Adapters, Opener, TalkRequest, cascade_of, rules_of

RATE = 24_000
WAITING_FRAMES = 3000
"""A minute of sound may wait; a client that sends faster waits itself."""
LONGEST_TURN_S = 600.0
UNASKED = "…"
"""What the model is given where an answer is wanted and the person has said nothing."""

Work = Callable[[], Awaitable[None]]
"""Something to be done between two frames."""


class ClientSession:
    """`run` it; `receive` every message of the client; `tell` gets what the client is told, and must not block."""

    def __init__(self, pool: Pool, book: Book, tell: Callable[[list[Json]], None]) -> None:
        self._pool, self._book, self._tell = pool, book, tell
        self._client, self._telling = asked.Client(book), Telling(book)
        self._history = History()
        self._tools = ClientTools(lambda: book.settings.tools, self._call, self._called)
        self._queue: asyncio.Queue[AudioFrame | Work] = asyncio.Queue(WAITING_FRAMES)
        self._held: list[AudioFrame] = []
        """What waits to be committed."""
        self._ears = AppendedSound(book.settings.heard_as)
        self._dialogue: Dialogue | None = None
        self._once: asked.Ask | None = None

    async def receive(self, text: str) -> None:
        """A message of the client; waits while too much sound waits."""
        await self._follow(self._client.receive(text))

    async def run(self) -> None:
        """Until cancelled. Raises the VoiceError that ends a conversation, and Refused for a model nobody has."""
        await self._follow(self._client.opened())
        while True:
            async with AsyncExitStack() as stack:
                await self._converse(stack)

    async def _follow(self, steps: Sequence[asked.Step]) -> None:
        for step in steps:
            if isinstance(step, dict):
                self._say([step])
            else:
                await _ACTS[type(step)](self, step)

    def _say(self, events: list[Json]) -> None:
        if told := dialect(events, beta=self._book.beta):
            self._tell(told)

    # -- the conversation ----------------------------------------------------------------------------

    async def _converse(self, stack: AsyncExitStack) -> None:
        made_with, settings = self._made_with, self._book.settings
        opened = await self._opened(stack)
        self._dialogue = dialogue = self._made(opened)
        line = Line(dialogue, settings.spoken_as, lambda data: self._say(self._telling.sound(data)))
        async with asyncio.TaskGroup() as tasks:
            playing = tasks.create_task(line.keep())
            await dialogue.run(self._frames(made_with))
            playing.cancel()

    @property
    def _made_with(self) -> object:
        """What a conversation cannot change while it runs."""
        settings = self._book.settings
        return settings.detection, settings.voice, settings.language, settings.model, settings.spoken_as

    async def _opened(self, stack: AsyncExitStack) -> Adapters:
        settings, pool = self._book.settings, self._pool
        meant = Meant() if settings.transcribes else await pool.meant("chat", settings.model)
        wishes = pool.taken("transcribe", None, {"language": settings.language})
        voice = pool.taken("speak", None, {"voice": pool.voice(settings.voice)})
        request = TalkRequest(meant.backend, model=meant.model, private=True, **wishes, **voice)
        return await Opener(pool.named(meant.backend), request, stack).all()

    def _made(self, opened: Adapters) -> Dialogue:
        config, loop = self._pool.services.config, asyncio.get_running_loop()
        cascade = cascade_of(config, opened, self._thinker(opened), RATE, loop.time)
        stages = replace(cascade.stages, say=sometimes_silent(cascade.stages.say, self._text_only))
        parts = Parts(
            Scribe(replace(cascade, stages=stages), lambda: self._book.settings.answers),
            detect=Detector(config.talk.vad).detect,
            playout=Playout(RATE),
            emit=self._on_event,
            clock=loop.time,
        )
        self._history.budget = config.chat.max_history_tokens
        self._history.system = self._book.settings.instructions or config.chat.system
        return Dialogue(parts, self._rules(opened), self._history)

    def _rules(self, opened: Adapters) -> Rules:
        """Ours; where the client says how long a silence ends a turn, that."""
        detection = self._book.settings.detection
        request = TalkRequest(push_to_talk=detection is None, language=self._book.settings.language)
        rules = rules_of(self._pool.services.config, request, opened, echo=True)
        if detection is None:
            return replace(rules, timing=replace(rules.timing, max_turn_s=LONGEST_TURN_S))
        rules = replace(rules, barge_in=detection.get("interrupt_response", True) is not False)
        silence = detection.get("silence_duration_ms")
        if not isinstance(silence, (int, float)) or not 100 <= silence <= 10_000:
            return rules
        longest = max(rules.end_ms_max, silence)
        timing = replace(rules.timing, end_ms=silence, end_ms_max=longest)
        return replace(rules, timing=timing, end_ms_min=min(rules.end_ms_min, silence), end_ms_max=longest)

    def _text_only(self) -> bool:
        answer = self._book.answer
        return answer.text_only if answer is not None else self._book.settings.text_only

    def _thinker(self, opened: Adapters) -> Callable[[Sequence[ChatMessage], Gate], Stream[ChatDelta]]:
        if "tools" not in takes(opened.chat_family, "chat"):
            return lambda messages, gate: opened.model.chat(self._instructed(messages), opened.chatting)
        user = ToolUser(opened.model, self._tools)
        return lambda messages, gate: user.chat(self._instructed(messages), opened.chatting, gate)

    def _instructed(self, messages: Sequence[ChatMessage]) -> Sequence[ChatMessage]:
        """With the instructions that were given for this one answer in place of the session's."""
        once, answer = self._once, self._book.answer
        if once is None or once.instructions is None or answer is None or answer.id != once.response:
            return messages
        return [ChatMessage("system", once.instructions), *(each for each in messages if each.role != "system")]

    async def _frames(self, made_with: object) -> AsyncIterator[AudioFrame]:
        """What the client sends, with what it asks between; it ends where other settings want another conversation."""
        while True:
            each = await self._queue.get()
            if isinstance(each, AudioFrame):
                yield each
                await asyncio.sleep(0)  # a client may send faster than time: others want to live
            elif each == self._look:
                if self._made_with != made_with:
                    return
            else:
                await each()

    def _on_event(self, event: Event, _turn: int) -> None:
        self._say(self._telling.happened(event))

    def _call(self, call: ToolCall) -> None:
        self._say(self._telling.called(call.id, call.name, call.arguments))

    def _called(self) -> None:
        self._say(self._telling.over())

    # -- what the client asks ------------------------------------------------------------------------

    async def _append(self, act: asked.Append) -> None:
        frames = self._ears.feed(act.data)
        if self._book.settings.detection is None:
            self._held += frames
            return
        for frame in frames:
            await self._queue.put(frame)

    async def _commit(self, act: asked.Commit) -> None:
        if act.item is None:
            await self._queue.put(self._release)
            return
        frames, self._held = [*self._held, *self._ears.flush()], []
        work: list[AudioFrame | Work] = [self._press, *frames, self._release, partial(self._understood, act.item)]
        for each in work:
            await self._queue.put(each)

    @property
    def _talk(self) -> Dialogue:
        assert self._dialogue is not None, "what is queued is done by a conversation"
        return self._dialogue

    async def _press(self) -> None:
        await self._settled()
        self._talk.keys.press()

    async def _release(self) -> None:
        self._talk.keys.release()

    async def _understood(self, item: str) -> None:
        await self._settled()
        self._say(self._telling.speech.silent(item))

    async def _settled(self) -> None:
        """No turn that has ended is in work."""
        while (busy := self._talk.turns.busy) is not None and busy.state.ended:
            await asyncio.wait([busy.over])

    async def _clear(self, _act: asked.Clear) -> None:
        self._held = []
        self._ears = AppendedSound(self._book.settings.heard_as)

    async def _said(self, act: asked.TypedItem) -> None:
        async def remember() -> None:
            await self._settled()
            {"user": self._history.user, "assistant": self._history.assistant}.get(act.role, self._instruct)(act.text)

        await self._queue.put(remember)

    def _instruct(self, text: str) -> None:
        self._history.system = "\n\n".join(filter(None, (self._history.system, text)))

    async def _ask(self, act: asked.Ask) -> None:
        self._once = act
        if self._tools.waits:
            self._tools.resume()
        else:
            await self._queue.put(partial(self._answer, act))

    async def _answer(self, act: asked.Ask) -> None:
        await self._settled()
        if self._book.answer is not None and self._book.answer.id == act.response:
            messages = self._history.messages
            asks = bool(messages) and messages[-1].role == "user"
            self._talk.keys.type(self._history.take_back() if asks else UNASKED)

    async def _cancel(self, _act: asked.Cancel) -> None:
        """The answer stops. The question stays, though nobody heard an answer to it."""
        busy = self._dialogue.turns.busy if self._dialogue is not None else None
        if busy is None or not busy.state.ended:
            return
        question = busy.attempt.heard.text if busy.attempt is not None and busy.state is not TurnState.SOUNDING else ""
        busy.interrupt("key")
        self._history.user(question)

    async def _output(self, act: asked.ToolOutput) -> None:
        self._tools.output(act.call_id, act.text)

    async def _changed(self, _act: asked.Changed) -> None:
        settings = self._book.settings
        if self._ears.coding != settings.heard_as:
            self._ears = AppendedSound(settings.heard_as)
        self._history.system = settings.instructions or self._pool.services.config.chat.system

        await self._queue.put(self._look)

    async def _look(self) -> None:
        """The conversation looks whether it still fits."""


_ACTS: dict[type[Any], Callable[[ClientSession, Any], Any]] = {
    asked.Append: ClientSession._append,
    asked.Commit: ClientSession._commit,
    asked.Clear: ClientSession._clear,
    asked.TypedItem: ClientSession._said,
    asked.Ask: ClientSession._ask,
    asked.Cancel: ClientSession._cancel,
    asked.ToolOutput: ClientSession._output,
    asked.Changed: ClientSession._changed,
}
