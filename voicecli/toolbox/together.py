"""Toolboxes made of toolboxes: several as one, and who has to be asked.

Belongs here: wrappers that keep the promise of ports.Toolbox by another's. Does not belong here: any tool, asking.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace

from voicecli.ports import Toolbox
from voicecli.toolbox.arguments import brief, free_name
from voicecli.types import ToolCall, ToolResult, ToolSpec

NOBODY = (
    "This was not done: it needs the person's consent, and nobody can be asked. Tell the person so, and that --yes "
    "allows it."
)


class Together:
    """Several toolboxes as one. A name that is taken gets the later toolbox's prefix: `notes_search`."""

    def __init__(self, toolboxes: Mapping[str, Toolbox]) -> None:
        self._toolboxes = toolboxes

    def _routes(self) -> dict[str, tuple[Toolbox, ToolSpec]]:
        """Each tool's name here, with its own toolbox and how it is called there."""
        routes: dict[str, tuple[Toolbox, ToolSpec]] = {}
        for prefix, toolbox in self._toolboxes.items():
            for spec in toolbox.specs:
                name = f"{prefix}_{spec.name}" if spec.name in routes else spec.name
                routes[free_name(name, routes)] = toolbox, spec
        return routes

    @property
    def specs(self) -> Sequence[ToolSpec]:
        return [replace(spec, name=name) for name, (_, spec) in self._routes().items()]

    def question(self, call: ToolCall, *, chinese: bool) -> str:
        """ "" for a tool that does not exist: using it only says so."""
        if (found := self._found(call)) is None:
            return ""
        toolbox, own = found
        return toolbox.question(own, chinese=chinese)

    def quick(self, call: ToolCall) -> bool:
        if (found := self._found(call)) is None:
            return True
        toolbox, own = found
        return toolbox.quick(own)

    async def use(self, call: ToolCall) -> ToolResult:
        if (found := self._found(call)) is None:
            have = ", ".join(self._routes())
            return ToolResult(f"There is no tool {brief(call.name)}. There are: {have or 'none'}.", ok=False)
        toolbox, own = found
        return await toolbox.use(own)

    def _found(self, call: ToolCall) -> tuple[Toolbox, ToolCall] | None:
        route = self._routes().get(call.name)
        return (route[0], replace(call, name=route[1].name)) if route else None

    @property
    def announcements(self) -> Callable[[], AsyncIterator[str]] | None:
        """Of the first that rings."""
        found = (getattr(each, "announcements", None) for each in self._toolboxes.values())
        return next((each for each in found if each is not None), None)


class Around:
    """A toolbox as it is; whoever changes something about it begins here."""

    def __init__(self, inner: Toolbox) -> None:
        self._inner = inner

    @property
    def specs(self) -> Sequence[ToolSpec]:
        return self._inner.specs

    def question(self, call: ToolCall, *, chinese: bool) -> str:
        return self._inner.question(call, chinese=chinese)

    def quick(self, call: ToolCall) -> bool:
        return self._inner.quick(call)

    async def use(self, call: ToolCall) -> ToolResult:
        return await self._inner.use(call)

    @property
    def announcements(self) -> Callable[[], AsyncIterator[str]] | None:
        return getattr(self._inner, "announcements", None)


class Only(Around):
    """The tools of `names`, and no others."""

    def __init__(self, inner: Toolbox, names: Collection[str]) -> None:
        super().__init__(inner)
        self._names = names

    @property
    def specs(self) -> Sequence[ToolSpec]:
        return [each for each in self._inner.specs if each.name in self._names]


class Allowed(Around):
    """The person has said yes to everything beforehand."""

    def question(self, call: ToolCall, *, chinese: bool) -> str:
        return ""


class Unattended(Around):
    """Nobody can be asked: what needs a yes is refused, and `told` hears the question that nobody was asked."""

    def __init__(self, inner: Toolbox, told: Callable[[str], None]) -> None:
        super().__init__(inner)
        self._told = told

    def question(self, call: ToolCall, *, chinese: bool) -> str:
        return ""

    def quick(self, call: ToolCall) -> bool:
        return self._inner.quick(call) or bool(self._inner.question(call, chinese=False))

    async def use(self, call: ToolCall) -> ToolResult:
        if question := self._inner.question(call, chinese=False):
            self._told(question)
            return ToolResult(NOBODY, ok=False)
        return await self._inner.use(call)
