"""A blocking call that may hang, on a thread that cannot hold up the program's end.

Belongs here: waiting for it, leaving it to itself, undoing what comes too late. Does not belong here: what is called.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar, cast

T = TypeVar("T")

PATIENCE_S = 0.4
"""How long a cancelled call is waited for."""
_NAME = "portaudio"


async def on_thread(call: Callable[[], T], *, within: float, undo: Callable[[T], None] = lambda _: None) -> T:
    """Runs a blocking call of PortAudio on a thread that cannot hold up the program's end.

    After `within` seconds (a sound server that hangs) it is left to itself, with a TimeoutError. A result
    that comes when nobody waits any more is given to `undo`, on a thread. Cancelled, it waits for the
    thread for a moment: a program that ends while another thread is inside PortAudio crashes.

    No result is dropped, also not one that comes in the very moment of the cancellation: a stream that nobody
    holds runs on, and calls what is freed already.
    """
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    done: asyncio.Future[T] = loop.create_future()
    left = threading.Event()

    def settle(result: T | None, exc: BaseException | None) -> None:
        if not done.done():
            done.set_exception(exc) if exc else done.set_result(cast(T, result))
        elif exc is None:
            _start(lambda: undo(cast(T, result)))

    def run() -> None:
        try:
            result = call()
        except BaseException as exc:
            call_on(loop, partial(settle, None, exc))
        else:
            if left.is_set() or not call_on(loop, partial(settle, result, None)):
                undo(result)
        call_on(loop, over.set)

    _start(run)
    try:
        async with asyncio.timeout(within):
            return await done
    except BaseException as exc:
        left.set()
        if done.done() and not done.cancelled() and done.exception() is None:
            _start(lambda: undo(done.result()))
        if isinstance(exc, asyncio.CancelledError):
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    await over.wait()
        raise


def _start(call: Callable[[], object]) -> None:
    threading.Thread(target=call, name=_NAME, daemon=True).start()


def inside() -> bool:
    """Whether a call goes on that nobody waits for any more."""
    return any(each.name == _NAME for each in threading.enumerate())


def call_on(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> bool:
    """Calls on the loop, from any thread; False if it is closed."""
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        return False
    return True
