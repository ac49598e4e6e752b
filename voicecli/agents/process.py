"""An agent's program: started, written to and read from over its pipes, and ended with all that it started.

Belongs here: the process, its pipes, the last lines of its stderr, its end. Does not belong here: what is said,
which agent a person means (wiring.agents).
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

from voicecli.errors import ServiceError, task_group

GRACE_S = 0.8
"""How long it may take to end once its stdin is closed, when it is told to end, and when it is killed: < 3 s in all."""
_CHUNK = 64 * 1024
_LINES = 20
_WATCH = 'read -r _ || { sleep 0.8; kill -TERM "-$1"; sleep 0.8; kill -KILL "-$1"; }'
"""Reads to our end; where no line came before it, we died of something that nobody can clean up after."""


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


class Program:
    """A running agent. What it writes to stderr is kept as far as an error may tell of it."""

    def __init__(self, process: asyncio.subprocess.Process, name: str) -> None:
        self.name = name
        self._process = process
        self._said: deque[str] = deque(maxlen=_LINES)

    async def read(self) -> bytes:
        """What it wrote; b"": its end is closed."""
        assert self._process.stdout is not None
        return await self._process.stdout.read(_CHUNK)

    def write(self, data: bytes) -> None:
        """At once, as far as the pipe takes it. To a program that has gone it is lost: reading will tell."""
        assert self._process.stdin is not None
        with suppress(OSError, RuntimeError):
            self._process.stdin.write(data)

    def gone(self) -> ServiceError:
        """It has ended, or closed its end, by itself."""
        code = self._process.returncode
        last = next((line for line in reversed(self._said) if line), "")
        how = "it ended" if code is None else f"it ended with the code {code}"
        return ServiceError(f"{how}{last and f': {last}'}", who=self.name)

    async def keep_stderr(self) -> None:
        """Runs beside it; a line is bounded, and so is their number."""
        assert self._process.stderr is not None
        while data := await self._process.stderr.read(_CHUNK):
            for line in data.decode("utf-8", "replace").splitlines():
                self._said.append("".join(each if each.isprintable() else " " for each in line[:300]).strip())

    async def end(self, *, politely: bool) -> None:
        """Its stdin is closed, then it is told, then it is killed: with its group, of which nothing is left."""
        process = self._process
        assert process.stdin is not None
        try:
            with suppress(OSError, RuntimeError):
                process.stdin.close()
            if politely:
                await self._over()
            self._signal("SIGTERM")
            await self._over()
        finally:
            self._signal("SIGKILL")
            await self._over()
            self.release()

    def release(self) -> None:
        """The pipes are ours no more, though a child of the program may hold them."""
        if (transport := getattr(self._process, "_transport", None)) is not None:
            transport.close()

    async def _over(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await self._process.wait()
                while self._group_lives():  # noqa: ASYNC110 - nobody tells of the end of a program's children
                    await asyncio.sleep(0.02)

    def _group_lives(self) -> bool:
        if os.name != "posix":
            return False
        with suppress(OSError):
            os.killpg(self._process.pid, 0)
            return True
        return False

    def _signal(self, name: str) -> None:
        """To its whole group where there are groups. One that is gone already is fine."""
        with suppress(OSError):
            if os.name == "posix":
                os.killpg(self._process.pid, getattr(signal, name))
            elif self._process.returncode is None:
                self._process.kill()


@asynccontextmanager
async def running(agent: AgentCommand) -> AsyncIterator[Program]:
    """The program, which has ended when the block is left. Raises ServiceError where it cannot be started."""
    command, pipe = agent.command, asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=dict(agent.env),
            cwd=agent.folder,
            start_new_session=True,
        )
    except (OSError, ValueError) as exc:
        raise ServiceError(f"{command[0]} cannot be started: {exc}", who=agent.name) from exc
    program = Program(process, agent.name)
    politely = False
    async with AsyncExitStack() as watching:
        try:
            await watching.enter_async_context(_watched(process.pid))
            async with task_group() as tasks:
                keeping = tasks.create_task(program.keep_stderr())
                try:
                    yield program
                    politely = True
                finally:
                    keeping.cancel()
        finally:
            await program.end(politely=politely)


@asynccontextmanager
async def _watched(group: int) -> AsyncIterator[None]:
    """A shell stands by: where we are killed, or crash, it ends the group within three seconds."""
    watch: asyncio.subprocess.Process | None = None
    pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    with suppress(OSError):
        if os.name == "posix":
            command = ("sh", "-c", _WATCH, "sh", str(group))
            watch = await asyncio.create_subprocess_exec(
                *command, stdin=pipe, stdout=nowhere, stderr=nowhere, cwd="/", start_new_session=True
            )
    try:
        yield
    finally:
        if watch is not None and watch.stdin is not None:
            watch.stdin.write(b"\n")
            watch.stdin.close()
            await watch.wait()
