"""A few words with a person on behalf of a program: something is said, the answer is heard, all within bounds.

Belongs here: one exchange over a conversation that is opened for it and closed after it: the microphone is ours only
meanwhile. Does not belong here: who asks for it (server.tools), how a conversation goes (dialogue), devices.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from voicecli.dialogue import events as ev
from voicecli.errors import ServiceError, only
from voicecli.types import ChatDelta, ChatMessage, ChatOptions

if TYPE_CHECKING:
    from voicecli.dialogue.tools import Gate
    from voicecli.wiring.devices import Ends
    from voicecli.wiring.services import Services

CEILING_S = 90.0
"""The longest exchange; programs that ask wait no longer."""
SILENCE_S = 8.0
"""So long nobody speaks, and then there is no answer."""
_LOOKS_S, _LEAVES_S = 0.1, 0.4

Status = Literal["heard", "silence", "pending"]
"""What came of it: words; none; the person still spoke at the end of the time."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """`text`: what the person said. `told`: how much of what was said to them they heard, `cut` where not all."""

    status: Status
    text: str = ""
    told: str = ""
    cut: bool = False


@dataclass(slots=True)
class _Line:
    """The model of the conversation. It answers once, with our words; the person's next words are the result."""

    says: str
    text: str = ""
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def chat(
        self, messages: Sequence[ChatMessage], options: ChatOptions, gate: Gate | None = None
    ) -> AsyncIterator[AsyncIterator[ChatDelta]]:
        yield self._deltas(messages, gate)

    async def _deltas(self, messages: Sequence[ChatMessage], gate: Gate | None) -> AsyncIterator[ChatDelta]:
        if gate is not None:
            await gate()
        if self.says:
            says, self.says = self.says, ""
            yield ChatDelta(says, finish_reason="stop")
            return
        self.text = messages[-1].content
        self.heard.set()
        await asyncio.Event().wait()  # until the conversation is closed


@dataclass(slots=True)
class _Watch:
    """What the events of the conversation tell. Times are the loop's."""

    now: Callable[[], float]
    speaking: bool
    active_at: float = 0.0
    told: str = ""
    cut: bool = False
    lost: str = ""

    def emit(self, event: ev.Event, turn: int) -> None:
        if isinstance(event, (ev.Ready, ev.UserPartial, ev.UserSaid)) or (isinstance(event, ev.Level) and event.speech):
            self.active_at = self.now()
        if isinstance(event, ev.AssistantSaid):
            self.told, self.cut, self.speaking = event.text, event.interrupted, False
            self.active_at = self.now()
        if isinstance(event, ev.TurnLost):
            self.lost = event.reason

    def silent_for(self, seconds: float) -> bool:
        return bool(self.active_at) and not self.speaking and self.now() - self.active_at > seconds


@dataclass(frozen=True, slots=True)
class Parley:
    """Exchanges, one at a time: whoever begins one ends the one before (and is asked to by cancelling it)."""

    services: Services
    ends: Ends

    async def exchange(
        self,
        says: str,
        *,
        silence_s: float = SILENCE_S,
        ceiling_s: float = CEILING_S,
        goes_on: Callable[[float], Awaitable[object]] | None = None,
    ) -> Exchange:
        """Says `says` (or nothing), and hears what the person says then. `goes_on` is told the seconds, now and then.

        Raises what opening raises, and ServiceError where the answer could not be recognised.
        """
        from voicecli.wiring.adapters import TalkRequest
        from voicecli.wiring.talk import open_talk

        loop = asyncio.get_running_loop()
        line, watch = _Line(says), _Watch(loop.time, bool(says))
        request = TalkRequest(self.services.backend, self.ends, private=True, answers=line)
        services, begun = self.services, loop.time()
        opening = open_talk(services.config, request, services.env, services.report, watch.emit)
        try:
            async with opening as talk, asyncio.TaskGroup() as tasks:
                if says:
                    talk.conversation.keys.type("(…)")
                running = tasks.create_task(talk.run())
                while (status := _status(watch, line, running, silence_s)) is None and loop.time() - begun < ceiling_s:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_LOOKS_S):
                            await line.heard.wait()
                    if goes_on is not None:
                        await goes_on(loop.time() - begun)
                talk.conversation.keys.end()
                await asyncio.wait({running}, timeout=_LEAVES_S)
                running.cancel()
        except BaseExceptionGroup as group:
            raise only(group) from None
        return Exchange(status or "pending", line.text, watch.told, watch.cut)


def _status(watch: _Watch, line: _Line, running: asyncio.Task[None], silence_s: float) -> Status | None:
    """What came of the exchange by now."""
    if line.heard.is_set():
        return "heard"
    if watch.lost:
        raise ServiceError(watch.lost)
    return "silence" if running.done() or watch.silent_for(silence_s) else None
