"""Tools that a model may call, the calls, and what comes of them.

Belongs here: small immutable types without behaviour beyond arithmetic on themselves. Does not belong here: I/O,
clocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool that a model may call; `parameters` is the JSON schema of its arguments, an object's."""

    name: str
    meaning: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model wants a tool used. `arguments` is JSON as the model wrote it: it may not even be JSON.

    `extra` and `around` are what else the service sent with the call, and with the message that it stood in (reasoning,
    signatures): both go back to it untouched, and nowhere else. The first call of a message holds `around`.
    """

    id: str
    name: str
    arguments: str = "{}"
    extra: Mapping[str, object] = field(default_factory=dict, hash=False, repr=False)
    around: Mapping[str, object] = field(default_factory=dict, hash=False, repr=False)


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
    aside: str = ""
    """What is said of it while it works; "": that it takes a moment."""
