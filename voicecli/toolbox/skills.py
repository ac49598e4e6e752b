"""The offline skills as tools: the clock, timers, units and sums, in the words that they understand.

Belongs here: a Toolbox over the groups of skills. Does not belong here: what a skill understands and says.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from voicecli.skills.groups import GROUPS, Group
from voicecli.toolbox.arguments import WrongCallError, arguments
from voicecli.types import ToolCall, ToolResult, ToolSpec

if TYPE_CHECKING:
    from voicecli.backends.local.timekeeping import Timers

BY_NAME: Mapping[str, Group] = {each.name: each for each in GROUPS}


def spec_of(group: Group) -> ToolSpec:
    """The tool of a group: it takes what is asked, in plain words."""
    asked = {"type": "string", "description": f"What is asked, in words such as: {'; '.join(group.examples)}"}
    schema = {"type": "object", "properties": {"request": asked}, "required": ["request"]}
    return ToolSpec(group.name, group.meaning, schema | {"additionalProperties": False})


class Skills:
    """The tools of `names`. Timers ring by `announcements`, which somebody has to listen to."""

    def __init__(self, names: Sequence[str], now: Callable[[], datetime] = datetime.now) -> None:
        self._groups = {name: BY_NAME[name] for name in names}
        self._now = now

    @cached_property
    def _timers(self) -> Timers:
        from voicecli.backends.local.timekeeping import Timers

        return Timers()

    @property
    def specs(self) -> Sequence[ToolSpec]:
        return [spec_of(each) for each in self._groups.values()]

    def question(self, call: ToolCall, *, chinese: bool) -> str:
        """Nothing leaves the machine, nothing is written."""
        return ""

    def quick(self, call: ToolCall) -> bool:
        return True

    async def use(self, call: ToolCall) -> ToolResult:
        """The sentence that a skill answers with."""
        from voicecli.skills import GROUPED, Question, answered

        group = self._groups[call.name]
        try:
            request = arguments(call, spec_of(group))["request"]
        except WrongCallError as exc:
            return ToolResult(str(exc), ok=False)
        time = asyncio.get_running_loop().time()
        known = Question(request, self._now(), timers=self._timers.left(time), rings=self._timers.rings)
        found = answered(known, GROUPED[group.name])
        if found is None:
            told = f"That was not understood. Ask in words such as: {'; '.join(group.examples)}"
            return ToolResult(told, ok=False)
        self._timers.apply(found, time)
        return ToolResult(found.text, found.text)

    def announcements(self) -> AsyncGenerator[str]:
        """What timers that are done have to say."""
        return self._timers.announcements()
