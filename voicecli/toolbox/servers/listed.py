"""The tools of a server: what it lists, what is asked before one is used, what it answers.

What a server says of itself is hostile like every service's words: names, descriptions and results are bounded and
made harmless, and its word on what a tool does is taken only from one that the person trusts.

Belongs here: a Toolbox over a session with a server. Does not belong here: starting, connecting, ending (running).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Protocol, cast

from voicecli.backends.transport.wording import mask
from voicecli.text.clean import clean, encodable
from voicecli.toolbox.arguments import WrongCallError, brief, decoded, free_name, listed
from voicecli.types import ToolCall, ToolResult, ToolSpec, without

if TYPE_CHECKING:
    from voicecli.config.model import McpServer

MOST_TOOLS = 64
LONGEST_MEANING, LONGEST_SCHEMA, LONGEST_RESULT = 1000, 20_000, 20_000
"""Characters of what a server tells that a model is told."""

QUESTION = ("May I use {tool} of {server}{given}?", "可以使用 {server} 的 {tool} 吗{given}？")

_ODD = re.compile(r"[^a-zA-Z0-9_-]+")


class Calling(Protocol):
    """What is used of the package's session."""

    async def call_tool(self, name: str, arguments: dict[str, object]) -> object: ...


@dataclass(frozen=True, slots=True)
class ServerTool:
    """A tool as a model is told of it, and its name at its server. `reads`: it says that it changes nothing."""

    own: str
    spec: ToolSpec
    reads: bool = False


def tools_of(server: str, listed: Sequence[Any]) -> list[ServerTool]:
    """The tools that a server lists (as they came over the wire), as far as they can be used."""
    found: dict[str, ServerTool] = {}
    for each in listed[:MOST_TOOLS]:
        own = each.get("name") if isinstance(each, Mapping) else None
        if not isinstance(own, str) or not own or any(own == tool.own for tool in found.values()):
            continue
        name = free_name(_ODD.sub("_", f"{server}_{own}"), found)
        reads = _mapping(each.get("annotations")).get("readOnlyHint") is True
        meaning = _sound(str(each.get("description") or ""))[:LONGEST_MEANING]
        found[name] = ServerTool(own, ToolSpec(name, meaning, _schema(each.get("inputSchema"))), reads)
    return list(found.values())


def _schema(given: object) -> Mapping[str, Any]:
    """A server's schema, passed on; one that is none, or too long, becomes "anything"."""
    schema = _mapping(given)
    written = encodable(json.dumps(schema, ensure_ascii=False))
    usable = schema.get("type") == "object" and isinstance(schema.get("properties", {}), Mapping)
    if not usable or len(written) > LONGEST_SCHEMA:
        return {"type": "object", "properties": {}}
    return {"properties": {}, **json.loads(written)}


def _sound(text: str) -> str:
    return encodable(clean(text))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def text_of(result: Mapping[str, object]) -> str:
    """What a model is told of a result: its texts; of pictures and sounds, that there are some."""
    content = result.get("content")
    parts = [_part(_mapping(each)) for each in content] if isinstance(content, list) else []
    structured = result.get("structuredContent")
    if not any(parts) and structured is not None:
        parts = [json.dumps(structured, ensure_ascii=False)]
    text = _sound("\n".join(part for part in parts if part))
    return text if len(text) <= LONGEST_RESULT else text[:LONGEST_RESULT] + "\n… (cut off)"


def _part(part: Mapping[str, object]) -> str:
    resource = _mapping(part.get("resource"))
    text = part.get("text") or resource.get("text")
    if isinstance(text, str):
        return text
    what = part.get("uri") or resource.get("uri") or ""
    return f"({brief(str(part.get('type', 'something')))} {brief(str(what), 200)}: not shown)".replace(" :", ":")


class ServerTools:
    """The tools of one server that runs. Its `secrets` are taken out of whatever it says."""

    def __init__(
        self, server: McpServer, session: Calling, tools: Sequence[ServerTool], secrets: Sequence[str] = ()
    ) -> None:
        self._server, self._session, self._secrets = server, session, secrets
        self._tools = {each.spec.name: each for each in tools}

    @property
    def specs(self) -> Sequence[ToolSpec]:
        return [each.spec for each in self._tools.values()]

    def question(self, call: ToolCall, *, chinese: bool) -> str:
        """Everything is asked, but what a trusted server says only reads."""
        tool = self._tools[call.name]
        if self._server.trust and tool.reads:
            return ""
        try:
            given = decoded(call)
        except WrongCallError:
            return ""  # using it will say what is wrong
        told = f"{'：' if chinese else ': '}{listed(given)}" if given else ""
        return QUESTION[chinese].format(tool=brief(tool.own), server=self._server.name, given=told)

    def quick(self, call: ToolCall) -> bool:
        return False

    async def use(self, call: ToolCall) -> ToolResult:
        tool, who = self._tools[call.name], self._server.name
        try:
            given = decoded(call)
            async with asyncio.timeout(self._server.timeout_s):
                result = wire(await self._session.call_tool(tool.own, given))
        except WrongCallError as exc:
            return ToolResult(str(exc), ok=False)
        except TimeoutError:
            what = f"{who} did not answer within {self._server.timeout_s:g} s."
            return ToolResult(what, what, ok=False)
        except Exception as exc:  # another's client: whatever is wrong there is a result that can be answered to
            what = f"{who} failed: {brief(mask(str(exc), self._secrets) or type(exc).__name__, 300)}"
            return ToolResult(what, what, ok=False)
        text = reduce(lambda left, secret: without(secret, left), self._secrets, text_of(result))
        return ToolResult(text, brief(text, 200), ok=result.get("isError") is not True)


def wire(model: Any) -> dict[str, Any]:
    """A model of the package as it came over the wire."""
    return cast(dict[str, Any], model.model_dump(mode="json", by_alias=True, exclude_none=True))
