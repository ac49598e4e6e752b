"""A server of tools that is a program of ours: started, spoken with over its pipes, and ended whatever it does.

The official package has a transport of its own for this, but its way out reads on under a shield for as long as the
program writes, holds a line of any length, and nothing of it can be stopped by a signal.

Belongs here: the process, its pipes, its end. Does not belong here: what is said over them.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from voicecli.errors import ServiceError
from voicecli.toolbox.arguments import brief
from voicecli.toolbox.surroundings import surroundings

GRACE_S = 1.0
"""How long a program may take to end once its stdin is closed, and once more when it is told to end."""
LONGEST_MESSAGE = 4 * 1024 * 1024
"""Bytes of one message; a longer one ends the connection."""


class _Pipes(asyncio.SubprocessProtocol):
    """What the program writes, and its end."""

    def __init__(self) -> None:
        self.reader = asyncio.StreamReader(limit=LONGEST_MESSAGE)
        self.ended = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.reader.feed_data(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            self.reader.feed_eof()

    def process_exited(self) -> None:
        self.ended.set()


@asynccontextmanager
async def program(command: Sequence[str], own: Mapping[str, str], env: Mapping[str, str]) -> AsyncIterator[object]:
    """The streams of a session with the program, which has ended when the block is left.

    `own` is added to the little that it is told of `env`. Raises ServiceError where it cannot be started.
    """
    told = surroundings(env, own)
    loop = asyncio.get_running_loop()
    try:
        transport, pipes = await loop.subprocess_exec(
            _Pipes, *command, stderr=asyncio.subprocess.DEVNULL, env=told, start_new_session=True
        )
    except (OSError, ValueError) as exc:
        raise ServiceError(f"{brief(command[0], 200)} cannot be started: {exc}") from exc
    to_us, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, from_us = anyio.create_memory_object_stream[SessionMessage](0)
    try:
        pipes.reader.set_transport(_pipe(transport, 1))
        async with asyncio.TaskGroup() as tasks, to_us, read, write, from_us:
            both = (tasks.create_task(_read(pipes, to_us)), tasks.create_task(_write(_pipe(transport, 0), from_us)))
            try:
                yield read, write
            finally:
                for task in both:
                    task.cancel()
        _pipe(transport, 0).close()
        await _gone(pipes)
        _signal(transport, "SIGTERM")
        await _gone(pipes)
    finally:  # at once where somebody does not want to wait
        _signal(transport, "SIGKILL")
        await _gone(pipes)
        transport.close()


def _pipe(transport: asyncio.SubprocessTransport, number: int) -> Any:
    return transport.get_pipe_transport(number)


async def _read(pipes: _Pipes, to_us: MemoryObjectSendStream[SessionMessage | Exception]) -> None:
    """Messages, as they come, until the program closes its end or says too much at once."""
    with suppress(ValueError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        async with to_us:
            while line := await pipes.reader.readline():
                await to_us.send(_message(line))


def _message(line: bytes) -> SessionMessage | Exception:
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as exc:
        return exc


async def _write(pipe: asyncio.WriteTransport, from_us: MemoryObjectReceiveStream[SessionMessage]) -> None:
    async for each in from_us:
        pipe.write(each.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")


async def _gone(pipes: _Pipes) -> None:
    """It has ended, or a while has passed."""
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE_S):
            await pipes.ended.wait()


def _signal(transport: asyncio.SubprocessTransport, name: str) -> None:
    """To its whole group where there are groups. One that is gone already is fine."""
    with suppress(OSError):
        if os.name == "posix":
            os.killpg(transport.get_pid(), getattr(signal, name))
        elif transport.get_returncode() is None:
            transport.kill()
