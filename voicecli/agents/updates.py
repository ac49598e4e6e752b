"""What an agent tells and asks, read off its messages: unknown kinds, tools and reasons are no news. Pure.

Belongs here: the shapes of the protocol that we use. Does not belong here: JSON-RPC (agents.protocol), what is done.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from voicecli.agents.protocol import Table, rows, table, text
from voicecli.types.jsonvalue import Json


@dataclass(frozen=True, slots=True)
class AgentWords:
    """A piece of what the agent says, or with `thought` of what it thinks."""

    text: str
    thought: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A tool of the agent: what is known of it. "" is not told. `content` is as the agent sent it."""

    id: str
    title: str = ""
    kind: str = ""
    status: str = ""
    paths: tuple[str, ...] = ()
    content: tuple[Table, ...] = field(default=(), hash=False)
    given: Table = field(default_factory=dict, hash=False)

    def then(self, news: Step) -> Step:
        """This step with what `news` tells of it."""
        told = ("title", "kind", "status", "paths", "content", "given")
        return replace(self, **{name: getattr(news, name) for name in told if getattr(news, name)})

    @property
    def over(self) -> bool:
        return self.status in ("completed", "failed")


@dataclass(frozen=True, slots=True)
class Option:
    """One of the answers that the agent offers to its question."""

    id: str
    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Leave:
    """The agent asks whether it may; `request` is the number that waits."""

    request: Json
    step: Step
    options: tuple[Option, ...]

    def option(self, *kinds: str) -> str:
        """The first option of these kinds, the first kind first; ""."""
        return next((each.id for kind in kinds for each in self.options if each.kind == kind), "")


@dataclass(frozen=True, slots=True)
class Replayed:
    """A piece of an earlier conversation that a session which is loaded tells again: of the person, or the agent's."""

    text: str
    person: bool


@dataclass(frozen=True, slots=True)
class Mode:
    """A way in which an agent works (how far by itself, with which model); `option` sets it, "" where it is a mode."""

    id: str
    name: str
    option: str = ""


@dataclass(frozen=True, slots=True)
class Modes:
    """Those that a session has, and the one that it is in."""

    listed: tuple[Mode, ...] = ()
    now: str = ""

    def named(self, *ids: str) -> Mode | None:
        """The first of `ids` that there is, by id or by name."""
        return next((each for id in ids for each in self.listed if id in (each.id, each.name)), None)


def update(params: Table) -> AgentWords | Step | None:
    """The news in a `session/update`; None where it has none for us: plans, commands, the person's own words."""
    found = table(params.get("update"))
    kind = text(found.get("sessionUpdate"))
    if kind in ("agent_message_chunk", "agent_thought_chunk"):
        content = table(found.get("content"))
        if content.get("type") != "text":
            return None
        return AgentWords(text(content.get("text")), kind == "agent_thought_chunk")
    return step(found) if kind in ("tool_call", "tool_call_update") else None


def replayed(params: Table) -> Replayed | None:
    """What a session that is being loaded tells of its past; None: nothing that was said."""
    found = table(params.get("update"))
    kind, said = text(found.get("sessionUpdate")), text(table(found.get("content")).get("text"))
    return Replayed(said, kind[0] == "u") if said and kind in ("user_message_chunk", "agent_message_chunk") else None


def new_mode(params: Table) -> str:
    """The id of the mode that a session changed to by itself; ""."""
    found = table(params.get("update"))
    return text(found.get("currentModeId")) if found.get("sessionUpdate") == "current_mode_update" else ""


def step(found: Table) -> Step:
    paths = tuple(path for each in rows(found.get("locations")) if (path := text(each.get("path"))))
    return Step(
        text(found.get("toolCallId")),
        text(found.get("title")),
        text(found.get("kind")),
        text(found.get("status")),
        paths,
        tuple(rows(found.get("content"))),
        table(found.get("rawInput")),
    )


def leave(request: Json, params: Table) -> Leave:
    options = rows(params.get("options"))
    return Leave(
        request,
        step(table(params.get("toolCall"))),
        tuple(
            Option(text(each.get("optionId")), text(each.get("kind")), text(each.get("name")))
            for each in options
            if text(each.get("optionId"))
        ),
    )


def modes(opened: Table) -> Modes:
    """Those of a session that was opened: its modes, else its option of that category."""
    given = table(opened.get("modes"))
    if listed := rows(given.get("availableModes")):
        return Modes(tuple(_mode(each, "id") for each in listed), text(given.get("currentModeId")))
    return choices(opened, "mode")


def choices(opened: Table, about: str) -> Modes:
    """The values of the option of the category `about`; they may stand in groups."""
    for option in rows(opened.get("configOptions")):
        if about in (option.get("category"), option.get("id")):
            listed = [each for row in rows(option.get("options")) for each in (rows(row.get("options")) or [row])]
            values = tuple(_mode(each, "value", text(option.get("id"))) for each in listed)
            return Modes(values, text(option.get("currentValue")))
    return Modes()


def _mode(found: Table, key: str, option: str = "") -> Mode:
    id = text(found.get(key))
    return Mode(id, text(found.get("name")) or id, option)
