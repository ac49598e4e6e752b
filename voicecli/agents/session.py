"""A session with an agent: opened before the first word, one prompt at a time, stopped at once, never two open.

Belongs here: the order of requests, waiting for answers and for how long, what reaches whoever reads a prompt's news.
Does not belong here: bytes (agents.protocol), the program (agents.process), what is said of it (agents.responder).
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from voicecli.agents.process import Program, running
from voicecli.agents.protocol import (
    SIGN_IN,
    VERSION,
    AgentNotification,
    Asked,
    Message,
    RpcAnswer,
    Table,
    Wire,
    rows,
    text,
)
from voicecli.agents.updates import AgentWords, Leave, Mode, Modes, Step, leave, modes, update
from voicecli.errors import ConfigError, ProtocolError, RefusedError, ServiceError, UnreachableError, VoiceError, only

START_S = 60.0
"""How long an agent may take to be ready: some fetch a list of models first."""
STOP_S = 2.0
"""How long a prompt may take to end once it is cancelled; then the program is ended."""
ASKING = ("ask", "default")
"""Modes in which the agents that have them ask before they act, the strictest first."""
CANCELLED: Table = {"outcome": {"outcome": "cancelled"}}
"""The answer to whoever asks for leave in a prompt that nobody waits for any more."""


@dataclass(frozen=True, slots=True)
class AgentCommand:
    """How an agent is started, and where: `folder` is absolute, `env` all that it is told of the environment."""

    name: str
    command: tuple[str, ...]
    folder: str
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    mode: str = ""


@dataclass(frozen=True, slots=True)
class PromptEnded:
    """The prompt is over: why, in the agent's word."""

    reason: str


News = AgentWords | Step | Leave | PromptEnded


class AgentSession:
    """`news` holds what came of the open prompt, in order; it ends with PromptEnded, or with what broke it."""

    def __init__(self, agent: AgentCommand, program: Program) -> None:
        self.agent, self.modes = agent, Modes()
        self.prompting = self.cancelled = False
        self.news: asyncio.Queue[News | VoiceError] = asyncio.Queue()
        self._program, self._wire, self._id = program, Wire(), ""
        self._prompt = 0
        self._waiting: dict[int, asyncio.Future[RpcAnswer]] = {}
        self._broken: ServiceError | None = None
        self._settled = asyncio.Event()
        self._steps: dict[str, Step] = {}
        self._ways: list[Table] = []
        self._undecided: list[Leave] = []

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

    # -- its beginning -------------------------------------------------------------------------------

    async def open(self) -> Mode | None:
        """Returns the mode that it is in, if that asks (or was configured). Raises RefusedError, ConfigError …"""
        hello: Table = {
            "protocolVersion": VERSION,
            "clientCapabilities": {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False},
            "clientInfo": {"name": "voice", "title": "voice", "version": "0"},
        }
        try:
            async with asyncio.timeout(START_S):
                self._ways = rows((await self._ask("initialize", hello)).result.get("authMethods"))
                answer = await self._ask("session/new", {"cwd": self.agent.folder, "mcpServers": []})
                self._id = text(self._granted(answer).get("sessionId"))
                self.modes = modes(answer.result)
                return await self._careful()
        except TimeoutError:
            raise UnreachableError(f"it was not ready within {START_S:.0f} s", who=self.agent.name) from None

    def _granted(self, answer: RpcAnswer) -> Table:
        if answer.code == SIGN_IN:
            raise self._unsigned(answer)
        if answer.code or not text(answer.result.get("sessionId")):
            raise ProtocolError(f"it opened no session ({answer.message[:200]})", who=self.agent.name)
        return answer.result

    def _unsigned(self, answer: RpcAnswer) -> RefusedError:
        why = " ".join(answer.message[:200].split()).rstrip(".")
        return RefusedError(f"it wants you to sign in ({why})", who=self.agent.name, cure=self._cure())

    def _cure(self) -> str:
        """The command that signs in, where the agent tells it; else the program by itself, which will ask."""
        command = list(self.agent.command)
        for way in self._ways:
            if way.get("type") == "terminal":
                given = way.get("args")
                command += [each for each in given if isinstance(each, str)] if isinstance(given, list) else []
                return f"Sign in with: {shlex.join(command)}"
        names = ", ".join(filter(None, (text(each.get("name")) for each in self._ways[:5])))
        return f"Run {shlex.quote(command[0])} by itself and sign in{names and f' ({names})'}, or set its key in env."

    async def _careful(self) -> Mode | None:
        """The mode that asks, or the one that was configured, set before the first prompt."""
        wanted = self.modes.named(self.agent.mode) if self.agent.mode else self.modes.named(*ASKING)
        if wanted is None:
            if self.agent.mode:
                names = ", ".join(each.id for each in self.modes.listed) or "none"
                raise ConfigError(f"{self.agent.name} has no mode {self.agent.mode!r}", cure=f"It has: {names}.")
            return None
        if wanted.id != self.modes.now and (await self._ask(*self._setting(wanted))).code:
            return None
        return wanted

    def _setting(self, mode: Mode) -> tuple[str, Table]:
        if mode.option:
            return "session/set_config_option", {"sessionId": self._id, "configId": mode.option, "value": mode.id}
        return "session/set_mode", {"sessionId": self._id, "modeId": mode.id}

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
        params: Table = {"sessionId": self._id, "prompt": [{"type": "text", "text": each} for each in blocks]}
        self._prompt = self._wire.request("session/prompt", params)
        self._flush()

    def decide(self, asked: Leave, outcome: Table) -> None:
        """The answer to what the agent may do. Once it was cancelled, it has its answer."""
        if asked not in self._undecided:
            return
        self._undecided.remove(asked)
        self._wire.answer(asked.request, outcome)
        self._flush()

    def cancel(self) -> None:
        """The prompt is over for us; `settled` waits for the agent to agree."""
        if not self.prompting or self.cancelled:
            return
        self.cancelled = True
        self._wire.tell("session/cancel", {"sessionId": self._id})
        for each in self._undecided:
            self._wire.answer(each.request, CANCELLED)
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
            case Asked():
                self._asked(leave(each.id, each.params))
            case AgentNotification("session/update") if self.prompting and not self.cancelled:
                self._told(update(each.params))

    def _told(self, news: AgentWords | Step | None) -> None:
        if isinstance(news, Step):
            news = self._steps[news.id] = self._steps.get(news.id, Step(news.id)).then(news)
        if news is not None:
            self.news.put_nowait(news)

    def _asked(self, asked: Leave) -> None:
        """What is asked after the end of a prompt, or of one that is cancelled, is answered as the protocol says."""
        if not self.prompting or self.cancelled:
            self._wire.answer(asked.request, CANCELLED)
            return
        known = self._steps.get(asked.step.id, asked.step)
        self._undecided.append(Leave(asked.request, known.then(asked.step), asked.options))
        self.news.put_nowait(self._undecided[-1])

    def _end(self, answer: RpcAnswer) -> None:
        self.prompting, self._prompt = False, 0
        if answer.code == SIGN_IN:
            self.news.put_nowait(self._unsigned(answer))
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


@asynccontextmanager
async def opened(agent: AgentCommand) -> AsyncIterator[tuple[AgentSession, Mode | None]]:
    """The session, ready to be prompted, and the mode that it is in; leaving the block ends the program."""
    try:
        async with running(agent.name, agent.command, agent.env, agent.folder) as program, asyncio.TaskGroup() as tasks:
            session = AgentSession(agent, program)
            reading = tasks.create_task(session.read())
            try:
                yield session, await session.open()
                session.cancel()
            finally:
                reading.cancel()
    except BaseExceptionGroup as group:
        raise only(group) from None
