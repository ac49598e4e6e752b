"""Servers of tools, by the Model Context Protocol: the official package, loaded only where a server is configured.

What a server says of itself is hostile like every service's words: names, descriptions and results are bounded and
made harmless, and its word on what a tool does is taken only from one that the person trusts. A server's program runs
as long as the conversation; what it writes to stderr is nobody's business.

Belongs here: a Toolbox over a server, starting and ending it. Does not belong here: which servers there are (config).
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any, TextIO, cast

from voicecli.errors import ConfigError, ServiceError, VoiceError, only
from voicecli.text.clean import clean
from voicecli.toolbox.arguments import WrongCallError, brief, decoded, listed
from voicecli.types import ToolCall, ToolResult, ToolSpec

if TYPE_CHECKING:
    from voicecli.config.model import McpServer

START_S, LEAVE_S = 20.0, 1.5
"""How long a server may take to start, and to end when it is asked to."""
MOST_TOOLS = 64
LONGEST_NAME, LONGEST_MEANING, LONGEST_SCHEMA, LONGEST_RESULT = 64, 1000, 20_000, 20_000
"""Characters of what a server tells that a model is told."""

QUESTION = ("May I use {tool} of {server}{given}?", "可以使用 {server} 的 {tool} 吗{given}？")

_ODD = re.compile(r"[^a-zA-Z0-9_-]+")
Tell = Callable[[str], object]


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
        if not isinstance(own, str) or not own:
            continue
        name = _ODD.sub("_", f"{server}_{own}")[:LONGEST_NAME]
        reads = _mapping(each.get("annotations")).get("readOnlyHint") is True
        meaning = _sound(str(each.get("description") or ""))[:LONGEST_MEANING]
        found.setdefault(name, ServerTool(own, ToolSpec(name, meaning, _schema(each.get("inputSchema"))), reads))
    return list(found.values())


def _schema(given: Any) -> Mapping[str, Any]:
    """A server's schema, passed on; one that is none, or too long, becomes "anything"."""
    schema = _mapping(given)
    written = _whole(json.dumps(schema, ensure_ascii=False))
    usable = schema.get("type") == "object" and isinstance(schema.get("properties", {}), Mapping)
    if not usable or len(written) > LONGEST_SCHEMA:
        return {"type": "object", "properties": {}}
    return {"properties": {}, **json.loads(written)}


def _sound(text: str) -> str:
    return _whole(clean(text))


def _whole(text: str) -> str:
    """`text` without halves of characters, which JSON can carry and nothing can send."""
    return text.encode("utf-8", "replace").decode()


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def text_of(result: Mapping[str, Any]) -> str:
    """What a model is told of a result: its texts; of pictures and sounds, that there are some."""
    content = result.get("content")
    parts = [_part(_mapping(each)) for each in content] if isinstance(content, list) else []
    structured = result.get("structuredContent")
    if not any(parts) and structured is not None:
        parts = [json.dumps(structured, ensure_ascii=False)]
    text = _sound("\n".join(part for part in parts if part))
    return text if len(text) <= LONGEST_RESULT else text[:LONGEST_RESULT] + "\n… (cut off)"


def _part(part: Mapping[str, Any]) -> str:
    resource = _mapping(part.get("resource"))
    text = part.get("text") or resource.get("text")
    if isinstance(text, str):
        return text
    what = part.get("uri") or resource.get("uri") or ""
    return f"({brief(str(part.get('type', 'something')))} {brief(str(what), 200)}: not shown)".replace(" :", ":")


class ServerTools:
    """The tools of one server that runs."""

    def __init__(self, server: McpServer, session: Any, tools: Sequence[ServerTool]) -> None:
        self._server, self._session = server, session
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
                result = _wire(await self._session.call_tool(tool.own, given))
        except WrongCallError as exc:
            return ToolResult(str(exc), ok=False)
        except TimeoutError:
            what = f"{who} did not answer within {self._server.timeout_s:g} s."
            return ToolResult(what, what, ok=False)
        except Exception as exc:  # another's client: whatever is wrong there is a result that can be answered to
            what = f"{who} failed: {brief(str(exc) or type(exc).__name__, 300)}"
            return ToolResult(what, what, ok=False)
        text = text_of(result)
        return ToolResult(text, brief(text, 200), ok=result.get("isError") is not True)


def _wire(model: Any) -> dict[str, Any]:
    """A model of the package as it came over the wire."""
    return cast(dict[str, Any], model.model_dump(mode="json", by_alias=True, exclude_none=True))


# -- servers that run ------------------------------------------------------------------------------


@asynccontextmanager
async def open_servers(
    servers: Sequence[McpServer], env: Mapping[str, str], tell: Tell
) -> AsyncIterator[dict[str, ServerTools]]:
    """The tools of all servers that start, by the servers' names; `tell` hears of each that does not."""
    running = {each.name: _Running(each) for each in servers}
    try:
        async with asyncio.TaskGroup() as tasks:
            owners = [tasks.create_task(each.run(env)) for each in running.values()]
            try:
                for each in running.values():
                    await each.settled(tell)
                yield {name: each.tools for name, each in running.items() if each.tools is not None}
            finally:
                for each in running.values():
                    each.leave.set()
                await _ended(owners)
    except BaseExceptionGroup as group:  # what went wrong in the block, as itself
        raise only(group) from None


async def _ended(owners: Sequence[asyncio.Task[None]]) -> None:
    """Every server has ended: by itself, or by force."""
    try:
        if owners:
            await asyncio.wait(owners, timeout=LEAVE_S)
    finally:
        for owner in owners:
            owner.cancel()


class _Running:
    """A server in a task of its own: the package wants to be entered and left by one."""

    def __init__(self, server: McpServer) -> None:
        self._server = server
        self.tools: ServerTools | None = None
        self.leave, self._there = asyncio.Event(), asyncio.Event()
        self._failure = ""

    async def run(self, env: Mapping[str, str]) -> None:
        """Until `leave`, or until it fails."""
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(START_S):
                    session = await _connected(stack, self._server, env)
                    listed = _wire(await session.list_tools())["tools"]
                self.tools = ServerTools(self._server, session, tools_of(self._server.name, listed))
                self._there.set()
                await self.leave.wait()
        except VoiceError as exc:
            self._failure = str(exc)
        except TimeoutError:
            self._failure = f"[mcp.{self._server.name}]: it did not start within {START_S:g} s."
        except Exception as exc:  # another's client; once it runs, each call says what is wrong
            self._failure = f"[mcp.{self._server.name}]: {brief(_innermost(exc), 300)}"
        finally:
            self._there.set()

    async def settled(self, tell: Tell) -> None:
        """Returns when it runs or has failed."""
        await self._there.wait()
        if self.tools is None:
            tell(f"no tools of {self._server.name}: {self._failure}")


def _innermost(exc: BaseException) -> str:
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return str(exc) or type(exc).__name__


def check(server: McpServer, env: Mapping[str, str]) -> None:
    """Raises ConfigError for what can be seen to be wrong before anything is started."""
    who = f"[mcp.{server.name}]"
    if find_spec("mcp") is None:
        raise ConfigError("the package mcp is missing", who=who, cure='pip install "mcp>=2.1,<3" beside voicecli')
    if bool(server.command) == bool(server.url):
        raise ConfigError("it needs a command or a url, and not both", who=who)
    if server.command and which(server.command[0], path=env.get("PATH")) is None:
        raise ConfigError(f"there is no program {brief(server.command[0], 200)}", who=who)
    if server.api_key_env and not env.get(server.api_key_env):
        raise ConfigError(f"the variable {server.api_key_env} is not set", who=who)


async def _connected(stack: AsyncExitStack, server: McpServer, env: Mapping[str, str]) -> Any:
    """A session with the server. Raises VoiceError, and whatever the package raises."""
    check(server, env)
    await asyncio.to_thread(import_module, "mcp.client.stdio")  # it takes a second
    from mcp import ClientSession

    streams = await _streams(stack, server, env)
    session = await stack.enter_async_context(ClientSession(*streams[:2]))
    await session.initialize()
    return session


async def _streams(stack: AsyncExitStack, server: McpServer, env: Mapping[str, str]) -> Any:
    if server.url:
        return await _addressed(stack, server, env)
    from mcp import StdioServerParameters
    from mcp.client.stdio import stdio_client

    program, *arguments = server.command
    own = {name: env[name] for name in ("LANG", "LC_ALL") if name in env} | dict(server.env)
    started = StdioServerParameters(command=program, args=arguments, env=own)
    nowhere = stack.enter_context(_nowhere())
    try:
        return await stack.enter_async_context(stdio_client(started, errlog=nowhere))
    except OSError as exc:
        what = f"{program} cannot be started: {exc.strerror or exc}"
        raise ServiceError(what, who=f"[mcp.{server.name}]") from exc


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w")


async def _addressed(stack: AsyncExitStack, server: McpServer, env: Mapping[str, str]) -> Any:
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client

    headers = {"Authorization": f"Bearer {env[server.api_key_env]}"} if server.api_key_env else {}
    client = await stack.enter_async_context(create_mcp_http_client(headers=headers))
    return await stack.enter_async_context(streamable_http_client(server.url, http_client=client))
