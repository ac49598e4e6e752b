"""A session with an agent: opened before the first word, one prompt at a time, stopped at once, never two open.

Belongs here: prompts, waiting for answers and for how long, what reaches whoever reads a prompt's news.
Does not belong here: bytes (agents.protocol), the program (agents.process), how a session begins (agents.beginning),
what is said of it (agents.responder).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from voicecli.agents.beginning import Beginning, EarlierSession, SessionBegun, unsigned
from voicecli.agents.forms import Form, form
from voicecli.agents.process import AgentCommand, Program, running
from voicecli.agents.protocol import SIGN_IN, AgentNotification, AgentRequest, Message, RpcAnswer, Table, Wire, text
from voicecli.agents.updates import AgentWords, Leave, Modes, Replayed, Step, leave, new_mode, replayed, update
from voicecli.errors import ServiceError, VoiceError, task_group
from voicecli.types.jsonvalue import Json

STOP_S = 2.0
"""How long a prompt may take to end once it is cancelled; then the program is ended."""
CANCELLED: dict[str, Table] = {
    "session/request_permission": {"outcome": {"outcome": "cancelled"}},
    "elicitation/create": {"action": "cancel"},
}
"""The answers to whoever asks in a prompt that nobody waits for any more."""


@dataclass(frozen=True, slots=True)
class PromptEnded:
    """The prompt is over: why, in the agent's word."""

    reason: str


News = AgentWords | Step | Leave | Form | PromptEnded


class AgentSession:
    """`news` holds what came of the open prompt, in order; it ends with PromptEnded, or with what broke it.

    `replay` is what an earlier session told again of its past. `told` gets a line of what a person must know.
    """

    def __init__(self, agent: AgentCommand, program: Program, told: Callable[[str], None]) -> None:
        self.agent, self._told = agent, told
        self.prompting = self.cancelled = False
        self.news: asyncio.Queue[News | VoiceError] = asyncio.Queue()
        self.replay: list[Replayed] = []
        self.begun = SessionBegun("", Modes(), None, went_on=False)
        self._program, self._wire = program, Wire()
        self._prompt = 0
        self._waiting: dict[int, asyncio.Future[RpcAnswer]] = {}
        self._broken: ServiceError | None = None
        self._settled = asyncio.Event()
        self._steps: dict[str, Step] = {}
        self._undecided: dict[Json, str] = {}

    async def read(self) -> None:
        """Runs beside it, to the program's end."""
        while data := await self._program.read():
            for each in self._wire.feed(data):
                self._take(each)
            self._flush()
        self._broken = self._program.gone()
        self.news.put_nowait(self._broken)
        self._settled.set()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(self._broken)

    async def open(self, earlier: EarlierSession | None) -> None:
        """Ready for a prompt. Raises RefusedError, ConfigError, UnreachableError …"""
        self.begun = await Beginning(self.agent, self._ask).begin(earlier)

    # -- a prompt ------------------------------------------------------------------------------------

    def prompt(self, blocks: Sequence[str]) -> None:
        """The person's words. No other prompt may be open."""
        assert not self.prompting, "two prompts"
        self._raise_broken()
        self.news = asyncio.Queue()
        self._steps.clear()
        self._undecided.clear()
        self._settled.clear()
        self.prompting, self.cancelled = True, False
        params: Table = {"sessionId": self.begun.id, "prompt": [{"type": "text", "text": each} for each in blocks]}
        self._prompt = self._wire.request("session/prompt", params)
        self._flush()

    def decide(self, request: Json, result: Table) -> None:
        """The answer to what the agent asked. Once it was cancelled, it has its answer."""
        if self._undecided.pop(request, None) is not None:
            self._wire.answer(request, result)
            self._flush()

    def cancel(self) -> None:
        """The prompt is over for us; `settled` waits for the agent to agree."""
        if not self.prompting or self.cancelled:
            return
        self.cancelled = True
        self._wire.tell("session/cancel", {"sessionId": self.begun.id})
        for request, method in self._undecided.items():
            self._wire.answer(request, CANCELLED[method])
        self._undecided.clear()
        self._flush()

    async def settled(self) -> None:
        """Returns when no prompt is open. TimeoutError: one is, and was cancelled long ago."""
        if self.prompting:
            async with asyncio.timeout(STOP_S):
                await self._settled.wait()
        self._raise_broken()

    def _raise_broken(self) -> None:
        if self._broken is not None:
            raise ServiceError(self._broken.what, who=self._broken.who)

    # -- what comes ----------------------------------------------------------------------------------

    def _take(self, each: Message) -> None:
        match each:
            case RpcAnswer() if each.id == self._prompt:
                self._end(each)
            case RpcAnswer() if (waiting := self._waiting.pop(each.id, None)) is not None and not waiting.done():
                waiting.set_result(each)
            case AgentRequest():
                self._asked(each)
            case AgentNotification("session/update"):
                self._updated(each.params)

    def _updated(self, params: Table) -> None:
        if not self.begun.id:
            self.replay += filter(None, [replayed(params)])
        elif mode := new_mode(params):
            if mode != (self.begun.mode and self.begun.mode.id):
                self._told(f"{self.agent.name} changed to its mode {mode}: it may act in another way now.")
        elif self.prompting and not self.cancelled and (news := update(params)) is not None:
            if isinstance(news, Step):
                news = self._steps[news.id] = self._steps.get(news.id, Step(news.id)).then(news)
            self.news.put_nowait(news)

    def _asked(self, asked: AgentRequest) -> None:
        """What is asked after the end of a prompt, or of one that is cancelled, is answered as the protocol says."""
        news = _question(asked)
        if not self.prompting or self.cancelled or news is None:
            self._wire.answer(asked.id, CANCELLED[asked.method])
            return
        if isinstance(news, Leave):
            known = self._steps.get(news.step.id, news.step)
            news = Leave(news.request, known.then(news.step), news.options)
        self._undecided[asked.id] = asked.method
        self.news.put_nowait(news)

    def _end(self, answer: RpcAnswer) -> None:
        self.prompting, self._prompt = False, 0
        if answer.code == SIGN_IN:
            self.news.put_nowait(unsigned(self.agent, self.begun.ways, answer))
        elif answer.code:
            self.news.put_nowait(ServiceError(answer.message[:300] or "it failed", who=self.agent.name))
        else:
            self.news.put_nowait(PromptEnded(text(answer.result.get("stopReason"))))
        self._settled.set()

    async def _ask(self, method: str, params: Table) -> RpcAnswer:
        self._raise_broken()
        number = self._wire.request(method, params)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        self._flush()
        return await self._waiting[number]

    def _flush(self) -> None:
        if self._wire.out:
            self._program.write(bytes(self._wire.out))
            self._wire.out.clear()


def _question(asked: AgentRequest) -> Leave | Form | None:
    if asked.method == "session/request_permission":
        return leave(asked.id, asked.params)
    return form(asked.id, asked.params)


@asynccontextmanager
async def opened(
    agent: AgentCommand, told: Callable[[str], None], earlier: EarlierSession | None = None
) -> AsyncIterator[AgentSession]:
    """The session, ready to be prompted; leaving the block ends the program."""
    async with running(agent) as program, task_group() as tasks:
        session = AgentSession(agent, program, told)
        reading = tasks.create_task(session.read())
        try:
            await session.open(earlier)
            yield session
            session.cancel()
        finally:
            reading.cancel()
