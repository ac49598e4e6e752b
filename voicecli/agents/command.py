"""How an agent is started, and which of its sessions goes on.

Belongs here: values. Does not belong here: where they come from (wiring.agents), the program (agents.process).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class AgentCommand:
    """How an agent is started, and where: `folder` is absolute, `env` all that it is told of the environment.

    `mode`, `model` and `auth` (a way to sign in) are numbers or names of its own; "" leaves them to the agent.
    """

    name: str
    command: tuple[str, ...]
    folder: str
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    mode: str = ""
    model: str = ""
    auth: str = ""


@dataclass(frozen=True, slots=True)
class EarlierSession:
    """A session by its number, and when it began, in seconds since 1970."""

    id: str
    began: float = 0.0
