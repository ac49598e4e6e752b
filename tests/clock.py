"""The loops that tests run on, and a virtual clock: time jumps to the next timer when nothing else is to do.

Belongs here: `run`, which tests of timing use in place of `asyncio.run`. Sleeping costs nothing and
every stage time can be asserted exactly. Not for tests with real sockets, threads or devices.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

passing = asyncio.sleep
"""Seconds pass. On the virtual clock that takes no time: a test elsewhere waits for an event instead."""


def watched(loop: asyncio.AbstractEventLoop) -> asyncio.AbstractEventLoop:
    """Lets it refuse calls from another thread, as asyncio's debug mode does.

    That keeps a stack for every call, too: nine tenths of the time of a test.
    """
    owner = threading.get_ident()

    def own(call: Callable[..., Any]) -> Callable[..., Any]:
        def checked(*args: Any, **more: Any) -> Any:
            assert owner == threading.get_ident(), f"{args} comes from another thread"
            return call(*args, **more)

        return checked

    loop.call_soon, loop.call_at = own(loop.call_soon), own(loop.call_at)  # type: ignore[assignment,method-assign]
    return loop


def real() -> asyncio.AbstractEventLoop:
    """A loop for tests with sockets and threads."""
    return watched(asyncio.new_event_loop())


class _Selector(selectors.SelectSelector):
    """Never waits: it moves the clock on by as long as it would have waited."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing is scheduled and nothing can happen: a deadlock on the virtual clock")
        if not ready and timeout is not None:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` is virtual, in seconds from 0."""

    def __init__(self) -> None:
        self.virtual = _Selector()
        super().__init__(self.virtual)

    def time(self) -> float:
        return self.virtual.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """asyncio.run on virtual time; fails when a task is left behind."""
    with asyncio.Runner(loop_factory=lambda: watched(VirtualLoop())) as runner:

        async def guarded() -> T:
            result = await main
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"left running: {left}"
            return result

        return runner.run(guarded())
