"""`--agent` to an agent that is ready: a name of the configuration, or a command.

Belongs here: which program, where, with what environment; started and ended; which session with it was the last. Does
not belong here: what is said to it, whether it still has a session (agents.beginning).
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.config.files import write_whole
from voicecli.errors import ConfigError, InputError, UsageError
from voicecli.text.nearest import nearest
from voicecli.toolbox.surroundings import surroundings

if TYPE_CHECKING:
    from voicecli.agents.process import AgentCommand
    from voicecli.agents.responder import AgentModel
    from voicecli.config import Config
    from voicecli.wiring.services import Services

SESSIONS = "agent-sessions.json"
"""In the state folder: the last session of each agent in each folder."""
MOST = 200
"""Sessions that are remembered; the oldest is forgotten first."""


@dataclass(frozen=True, slots=True)
class AgentWish:
    """What `--agent` names; `continued`: its last session in this folder goes on, `private`: none is remembered."""

    wanted: str
    continued: bool = False
    private: bool = False


@dataclass(frozen=True, slots=True)
class AgentMemory:
    """The last session with one agent in one folder, so that it can go on."""

    path: Path
    agent: str
    folder: str

    def last(self) -> tuple[str, float] | None:
        """Its number, and when it began, in seconds since 1970."""
        return self._all().get(self._key)

    def keep(self, id: str, began: float) -> None:
        """Raises ConfigError where it cannot be written."""
        known = {key: found for key, found in self._all().items() if key != self._key}
        write_whole(self.path, json.dumps(dict([*known.items(), (self._key, (id, began))][-MOST:])))

    @property
    def _key(self) -> str:
        return f"{self.agent} {self.folder}"

    def _all(self) -> dict[str, tuple[str, float]]:
        """What was kept, as far as it can be read."""
        with suppress(OSError, ValueError, TypeError, AttributeError):
            found = json.loads(self.path.read_text(encoding="utf-8"))
            return {str(key): (str(id), float(began)) for key, (id, began) in found.items()}
        return {}


@asynccontextmanager
async def open_agent(wish: AgentWish, services: Services, told: Callable[[str], None]) -> AsyncIterator[AgentModel]:
    """The agent, whose session begins (await `ready`); leaving the block ends its program with all that this started.

    Raises InputError where no session can go on.
    """
    from voicecli.agents.beginning import EarlierSession
    from voicecli.agents.responder import AgentModel
    from voicecli.agents.sessions import Sessions

    cfg, report = services.config, services.report
    agent = agent_command(wish.wanted, cfg, services.env)
    for value in cfg.agents[wish.wanted].env.values() if wish.wanted in cfg.agents else ():
        report.hide(value)
    memory = AgentMemory(cfg.state_dir / SESSIONS, agent.name, agent.folder)

    def keep(session: EarlierSession) -> None:
        with suppress(ConfigError):  # it is only that nothing can go on then
            memory.keep(session.id, session.began)

    earlier = EarlierSession(*_last(memory)) if wish.continued else None
    async with Sessions(agent, told, earlier, None if wish.private else keep) as sessions:
        yield AgentModel(sessions, cfg.chat.system)


def _last(memory: AgentMemory) -> tuple[str, float]:
    if (found := memory.last()) is None:
        raise InputError(f"there is no session of {memory.agent} in this folder to go on with", cure="Begin one.")
    return found


def agent_command(wanted: str, cfg: Config, env: Mapping[str, str]) -> AgentCommand:
    """What `--agent` names. Raises UsageError where it is neither in the configuration nor a program that is found."""
    from voicecli.agents.process import AgentCommand

    folder = str(Path.cwd())
    if (known := cfg.agents.get(wanted)) is not None:
        if not known.command:
            raise ConfigError(f"[agents.{wanted}] names no command", cure='Add command = ["program", "--acp"] to it.')
        chosen = (known.mode, known.model, known.auth)
        return AgentCommand(wanted, _found(known.command, env), folder, surroundings(env, known.env), *chosen)
    try:
        command = tuple(shlex.split(wanted))
    except ValueError as exc:
        raise UsageError(f"--agent {wanted!r} cannot be read as a command: {exc}") from None
    if not command:
        raise UsageError("--agent names no program", cure="Give a command, or the NAME of an [agents.NAME].")
    if shutil.which(command[0], path=env.get("PATH")) is None and (near := nearest(wanted, list(cfg.agents))):
        raise UsageError(f"there is no [agents.{wanted}] and no program {command[0]}", cure=f"Did you mean {near}?")
    return AgentCommand(Path(command[0]).name, _found(command, env), folder, surroundings(env, {}))


def _found(command: tuple[str, ...], env: Mapping[str, str]) -> tuple[str, ...]:
    if shutil.which(command[0], path=env.get("PATH")) is None:
        raise UsageError(
            f"the agent's program {command[0]} is not there",
            cure="Install it, or give its whole path. See docs/agents.md.",
        )
    return command
