"""Asynchronous work of a command, run to its end under signals.

Belongs here: an event loop, and the signals that end its work. Does not belong here: the terminal's modes (restoring),
how a spoken conversation is left (hosting).
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack, ExitStack
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Runs `work` to its end. Ctrl-C, SIGTERM and SIGHUP cancel it, and it is awaited until it has cleaned up.

    Raises KeyboardInterrupt after Ctrl-C, SystemExit(128 + signal) after SIGTERM and SIGHUP.
    """
    with asyncio.Runner() as runner:
        return _run(runner, work)


class Running:
    """One event loop for several pieces of work: what one of them opened stays open for the next, until `close`."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._kept: dict[str, Any] = {}

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """As `run`, on this loop."""
        return _run(self._runner, work)

    async def kept(self, name: str, opening: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """What `opening` yields, opened the first time that `name` is asked for. To be called in `work`."""
        if name not in self._kept:
            self._kept[name] = await self._stack.enter_async_context(opening())
        value: T = self._kept[name]
        return value

    def close(self) -> None:
        """Closes what is open, and the loop."""
        try:
            self._runner.run(self._stack.aclose())
        finally:
            self._runner.close()


def _run(runner: asyncio.Runner, work: Callable[[], Awaitable[T]]) -> T:
    caught: list[int] = []

    async def guarded() -> T:
        task = asyncio.current_task()
        assert task is not None
        with _signals(task, caught):
            return await work()

    try:
        result: T = runner.run(guarded())
    except BaseException:
        if caught:
            raise SystemExit(128 + caught[0]) from None
        raise
    if caught:
        raise SystemExit(128 + caught[0])
    return result


def _signals(task: asyncio.Task[T], caught: list[int]) -> AbstractContextManager[object]:
    """Until left, SIGTERM and SIGHUP (unless ignored, as under nohup) cancel `task` and are noted in `caught`."""
    stack = ExitStack()
    if sys.platform == "win32":
        return stack
    loop = asyncio.get_running_loop()

    def cancel(number: int) -> None:
        caught.append(number)
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            stack.callback(signal.signal, number, signal.getsignal(number))  # asyncio leaves the system's own
            loop.add_signal_handler(number, cancel, number)
            stack.callback(loop.remove_signal_handler, number)
    return stack
