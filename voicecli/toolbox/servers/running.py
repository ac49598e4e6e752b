"""Servers of tools while they run: started together, waited for a little, ended whatever they do.

Belongs here: one task a server, how long it may take, what is said of one that does not start. Does not belong here:
pipes and processes (program), HTTP (address), what tools are (listed).
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from voicecli.errors import ConfigError, VoiceError, only
from voicecli.toolbox.arguments import brief
from voicecli.toolbox.servers.listed import MOST_TOOLS, ServerTools, tools_of, wire
from voicecli.types.hosts import is_loopback, is_near
from voicecli.wiring.announcing import say_once

if TYPE_CHECKING:
    from voicecli.config.model import McpServer
    from voicecli.ports import Reporter

START_S, PATIENCE_S = 5.0, 1.0
"""How long a server may take to tell its tools, and after how much of it the person is told what is waited for."""
MOST_CROWDED = 6.0
"""How many times longer it may take where others want the processors too."""
LEAVE_S = 3.5
"""How long all servers together may take to end; a program takes two thirds of it at most, and is killed then."""
MOST_PAGES, MOST_IN_ALL = 8, 128
"""Pages of one server's list, and tools of all servers."""

_SECRET = re.compile("key|token|secret|pass", re.IGNORECASE)
"""How variables are called whose values are not to be repeated."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What servers are started with: the environment, the folder for state, somebody to tell."""

    env: Mapping[str, str]
    state_dir: Path
    report: Reporter


@asynccontextmanager
async def open_servers(servers: Sequence[McpServer], around: Surroundings) -> AsyncIterator[dict[str, ServerTools]]:
    """The tools of all servers that start, by the servers' names; the reporter hears of each that does not."""
    running = {each.name: _Running(each, around) for each in servers}
    try:
        async with asyncio.TaskGroup() as tasks:
            if servers:  # a second, once for all, and no server's fault
                await asyncio.to_thread(_load)
            owners = {tasks.create_task(each.run()): each for each in running.values()}
            try:
                await _started(running, around.report)
                yield _bounded({name: each.tools for name, each in running.items() if each.tools}, around.report)
            finally:
                await _ended(owners)
    except BaseExceptionGroup as group:  # what went wrong in the block, as itself
        raise only(group) from None


def start_s() -> float:
    """How long a server may take to start now: where each processor has several takers, a good one is slow too."""
    try:
        crowd = os.getloadavg()[0] / (os.cpu_count() or 1)
    except (AttributeError, OSError):  # Windows
        crowd = 1.0
    return round(START_S * min(max(1.0, crowd), MOST_CROWDED), 1)


def _load() -> None:
    if find_spec("mcp") is not None:
        import_module("mcp.client.streamable_http")
    logging.getLogger("mcp").addHandler(logging.NullHandler())  # its words are not for the screen
    logging.getLogger("mcp").propagate = False


async def _started(running: Mapping[str, _Running], report: Reporter) -> None:
    """Every server is there or has failed; who waits for long is told for what."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            for each in running.values():
                await each.there.wait()
    except TimeoutError:
        late = [name for name, each in running.items() if not each.there.is_set()]
        report.note(f"waiting for the tools of {', '.join(late)} …")
    for name, each in running.items():
        await each.there.wait()
        if each.tools is None:
            report.note(f"no tools of {name}: {each.failure}")


def _bounded(found: dict[str, ServerTools], report: Reporter) -> dict[str, ServerTools]:
    """As many servers as have no more tools together than a model can be told of."""
    total, kept = 0, {}
    for name, tools in found.items():
        total += len(tools.specs)
        if total > MOST_IN_ALL:
            report.note(f"no tools of {name}: servers list more than {MOST_IN_ALL} together; name some with --tool.")
        else:
            kept[name] = tools
    return kept


async def _ended(owners: Mapping[asyncio.Task[None], _Running]) -> None:
    """Every server has ended: by itself, or by force. Who does not want to wait for it need not."""
    for owner, each in owners.items():
        each.leave.set() if each.there.is_set() else owner.cancel()
    try:
        if owners:
            await asyncio.wait(owners, timeout=LEAVE_S)
    finally:
        for owner in owners:
            owner.cancel()


class _Running:
    """A server in a task of its own: the package wants to be entered and left by one."""

    def __init__(self, server: McpServer, around: Surroundings) -> None:
        self._server, self._around = server, around
        self._who = f"[mcp.{server.name}]"
        self.tools: ServerTools | None = None
        self.leave, self.there = asyncio.Event(), asyncio.Event()
        self.failure = ""

    async def run(self) -> None:
        """Until `leave`, or until it fails."""
        patience_s = start_s()
        limit = asyncio.timeout(patience_s)
        try:
            async with AsyncExitStack() as stack:
                async with limit:
                    self.tools = await self._connected(stack)
                self.there.set()
                await self.leave.wait()
        except VoiceError as exc:
            self.failure = str(exc).replace("[backends.", "[mcp.")
        except Exception as exc:  # another's client; once it runs, each call says what is wrong
            self.failure = f"{self._who}: {self._why(exc)}"
            if limit.expired():
                self.failure = f"{self._who}: it did not answer within {patience_s:g} s"
        finally:
            self.there.set()

    async def _connected(self, stack: AsyncExitStack) -> ServerTools:
        """Its tools. Raises VoiceError, and whatever the package raises."""
        server = self._server
        check(server, self._around.env)
        streams, secrets = await self._streams(stack)
        from mcp import ClientSession

        from voicecli.toolbox.servers.sifted import SiftedMessages

        def left_out(name: str) -> None:
            self._around.report.note(f"{server.name} lists a tool that is none, and is left out: {name}")

        session = await stack.enter_async_context(ClientSession(SiftedMessages(streams[0], left_out), streams[1]))
        await session.initialize()
        return ServerTools(server, session, tools_of(server.name, await self._listed(session)), secrets)

    async def _streams(self, stack: AsyncExitStack) -> tuple[Any, Sequence[str]]:
        """The way to the server, and what must not be repeated of its words."""
        server, around = self._server, self._around
        if not server.url:
            from voicecli.toolbox.servers.program import program

            streams = await stack.enter_async_context(program(server.command, server.env, around.env))
            return streams, [value for name, value in server.env.items() if _SECRET.search(name)]
        from voicecli.toolbox.servers.address import address, backend_of

        backend = backend_of(server, around.env)
        around.report.hide(backend.key)
        self._announce(bool(backend.key))
        return await stack.enter_async_context(address(backend)), [backend.key.reveal()] if backend.key else []

    def _announce(self, keyed: bool) -> None:
        """Said once: that words leave the machine, and that a key goes unencrypted."""
        around, parts = self._around, urlsplit(self._server.url)
        host = parts.hostname or ""
        where = f"{host} (tools {self._server.name}; said once)."
        if not around.report.quiet and not is_loopback(host):
            say_once(["tools", self._server.name, host], f"what tools are given goes to {where}", *self._book)
        if not around.report.quiet and keyed and parts.scheme == "http" and not is_near(host):
            text = f"the key goes unencrypted to {where} Whoever is on the way can read it: use https."
            say_once(["key", self._server.name, host], text, *self._book)

    @property
    def _book(self) -> tuple[Path, Reporter]:
        return self._around.state_dir, self._around.report

    async def _listed(self, session: Any) -> list[Any]:
        """The tools as they came over the wire: no more pages than make up what is used of them."""
        from mcp.types import PaginatedRequestParams

        found: list[Any] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            params = PaginatedRequestParams(cursor=cursor) if cursor else None
            page = wire(await session.list_tools(params=params))
            found += page["tools"]
            cursor = page.get("nextCursor")
            if not cursor or len(found) > MOST_TOOLS:
                break
        if cursor or len(found) > MOST_TOOLS:
            self._around.report.note(f"{self._server.name} lists more than {MOST_TOOLS} tools; the rest is left out.")
        return found

    def _why(self, exc: BaseException) -> str:
        """What the package's error means to a person."""
        while isinstance(exc, BaseExceptionGroup):
            exc = exc.exceptions[0]
        words = brief(str(exc), 300)
        if "Connection closed" in words:
            return "it ended before it told its tools"
        if type(exc).__name__ in ("MCPError", "McpError"):
            return words
        return f"it does not speak the Model Context Protocol ({type(exc).__name__})"


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
