"""How a session begins: the handshake, a sign-in that needs no person, a new session or an earlier one, its mode.

Belongs here: what is asked before the first prompt, in which order, and what cures a refusal. Does not belong here:
prompts (agents.session), the program, what is told of it.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from voicecli.agents.process import AgentCommand
from voicecli.agents.protocol import SIGN_IN, VERSION, RpcAnswer, Table, rows, table, text
from voicecli.agents.updates import Mode, Modes, choices, modes
from voicecli.errors import ConfigError, ProtocolError, RefusedError, UnreachableError

START_S = 60.0
"""How long an agent may take to be ready: some fetch a list of models first."""
ASKING = ("ask", "default")
"""Modes in which the agents that have them ask before they act, the strictest first."""
BREAKS_YOUNG = frozenset({"gemini-cli"})
"""Agents that lose a session when it is loaded in the minute (UTC) in which it began."""
_KEYED = re.compile(r"api.?key", re.IGNORECASE)
"""Ways to sign in by a key of the environment: no person is needed."""
_HELLO: Table = {
    "protocolVersion": VERSION,
    "clientCapabilities": {
        "fs": {"readTextFile": False, "writeTextFile": False},
        "terminal": False,
        "elicitation": {"form": {}},
    },
    "clientInfo": {"name": "voice", "title": "voice", "version": "0"},
}

Ask = Callable[[str, Table], Awaitable[RpcAnswer]]


@dataclass(frozen=True, slots=True)
class EarlierSession:
    """A session by its number, and when it began, in seconds since 1970."""

    id: str
    began: float = 0.0


@dataclass(frozen=True, slots=True)
class SessionBegun:
    """A session that is ready: `mode`, if that asks or was configured, `went_on` where it is the earlier one."""

    id: str
    modes: Modes
    mode: Mode | None
    went_on: bool
    ways: tuple[Table, ...] = ()
    """Ways to sign in, as the agent lists them."""


class Beginning:
    """Asks the agent through `ask`, one thing after the other."""

    def __init__(self, agent: AgentCommand, ask: Ask) -> None:
        self._agent, self._ask = agent, ask
        self._ways: list[Table] = []
        self._can: Table = {}
        self._program = ""

    async def begin(self, earlier: EarlierSession | None = None) -> SessionBegun:
        """Raises RefusedError (sign in), ConfigError (no such mode or model), UnreachableError, ProtocolError."""
        try:
            async with asyncio.timeout(START_S):
                hello = (await self._ask("initialize", _HELLO)).result
                self._ways, self._can = rows(hello.get("authMethods")), table(hello.get("agentCapabilities"))
                self._program = text(table(hello.get("agentInfo")).get("name"))
                if self._agent.auth:
                    await self._ask("authenticate", {"methodId": self._agent.auth})
                opened = await self._earlier(earlier) if earlier is not None else None
                id, went_on = (earlier.id, True) if earlier is not None and opened is not None else ("", False)
                opened = opened if opened is not None else await self._new()
                id = id or text(opened.get("sessionId"))
                mode = await self._careful(id, modes(opened))
                await self._model(id, choices(opened, "model"))
                return SessionBegun(id, modes(opened), mode, went_on, tuple(self._ways))
        except TimeoutError:
            raise UnreachableError(f"it was not ready within {START_S:.0f} s", who=self._agent.name) from None

    async def _earlier(self, earlier: EarlierSession) -> Table | None:
        """The earlier session, without its past told again where that can be; None: it is gone."""
        wanted: Table = {"sessionId": earlier.id, "cwd": self._agent.folder, "mcpServers": []}
        young = self._program in BREAKS_YOUNG and earlier.began // 60 == time.time() // 60
        if "resume" in table(self._can.get("sessionCapabilities")):
            answer = await self._ask("session/resume", wanted)
        elif self._can.get("loadSession") is True and not young:
            answer = await self._ask("session/load", wanted)
        else:
            return None
        return None if answer.code else answer.result

    async def _new(self) -> Table:
        wanted: Table = {"cwd": self._agent.folder, "mcpServers": []}
        answer = await self._ask("session/new", wanted)
        ways = [text(each.get("id")) for each in self._ways if not self._agent.auth]
        for way in filter(_KEYED.search, ways):
            if answer.code == SIGN_IN and not (await self._ask("authenticate", {"methodId": way})).code:
                answer = await self._ask("session/new", wanted)
        if answer.code == SIGN_IN:
            raise unsigned(self._agent, self._ways, answer)
        if answer.code or not text(answer.result.get("sessionId")):
            raise ProtocolError(f"it opened no session ({answer.message[:200]})", who=self._agent.name)
        return answer.result

    async def _careful(self, id: str, there: Modes) -> Mode | None:
        """The mode that asks, or the one that was configured, set before the first prompt."""
        wanted = self._wanted("mode", self._agent.mode, there) if self._agent.mode else there.named(*ASKING)
        if wanted is None or (wanted.id != there.now and (await self._set(id, wanted)).code):
            return None
        return wanted

    async def _model(self, id: str, there: Modes) -> None:
        if not self._agent.model:
            return
        wanted = self._wanted("model", self._agent.model, there)
        if wanted.id != there.now and (refused := await self._set(id, wanted)).code:
            raise ConfigError(f"{self._agent.name} does not take the model {wanted.id}: {refused.message[:200]}")

    def _wanted(self, what: str, name: str, there: Modes) -> Mode:
        if (found := there.named(name)) is None:
            names = ", ".join(each.id for each in there.listed) or "none"
            raise ConfigError(f"{self._agent.name} has no {what} {name!r}", cure=f"It has: {names}.")
        return found

    async def _set(self, id: str, mode: Mode) -> RpcAnswer:
        if mode.option:
            params: Table = {"sessionId": id, "configId": mode.option, "value": mode.id}
            return await self._ask("session/set_config_option", params)
        return await self._ask("session/set_mode", {"sessionId": id, "modeId": mode.id})


def unsigned(agent: AgentCommand, ways: list[Table] | tuple[Table, ...], answer: RpcAnswer) -> RefusedError:
    """It wants a sign-in: with the command that does it, where it tells one; else its program, which will ask."""
    why = " ".join(answer.message[:200].split()).rstrip(".")
    return RefusedError(f"it wants you to sign in ({why})", who=agent.name, cure=_cure(agent, ways))


def _cure(agent: AgentCommand, ways: list[Table] | tuple[Table, ...]) -> str:
    command = list(agent.command)
    for way in ways:
        if way.get("type") == "terminal":
            given = way.get("args")
            command += [each for each in given if isinstance(each, str)] if isinstance(given, list) else []
            return f"Sign in with: {shlex.join(command)}"
    names = ", ".join(filter(None, (text(each.get("name")) for each in ways[:5])))
    return f"Run {shlex.quote(command[0])} by itself and sign in{names and f' ({names})'}, or set its key in env."
