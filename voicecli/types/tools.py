"""Tools that a model may call, the calls, and what comes of them.

Belongs here: small immutable types without behaviour beyond arithmetic on themselves. Does not belong here: I/O,
clocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that a model may call; `parameters` is the JSON schema of its arguments, an object's."""

    name: str
    meaning: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model wants a tool used. `arguments` is JSON as the model wrote it: it may not even be JSON."""

    id: str
    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call: `text` is for the model, `shown` is a line for the person ("": nothing to see)."""

    text: str
    shown: str = ""
    ok: bool = True


@dataclass(frozen=True, slots=True)
class ToolNews:
    """How a tool is doing, for the person: `text` is a line to be shown, what is asked or what came of it.

    `quick`: it takes no time worth a word. A person is asked in the answer's text where there is no other way.
    """

    name: str
    state: Literal["asked", "working", "done", "failed", "declined"]
    text: str = ""
    quick: bool = False
