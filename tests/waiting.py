"""Waiting for what another process or a thread does, and which no event tells.

Belongs here: the one loop that looks again and again. Does not belong here: what is waited for; tests of timing, which
run on a virtual clock (tests.clock).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(true: Callable[[], T | None], seconds: float = 60, what: str = "what was waited for") -> T:
    """What `true()` gives, as soon as it is true. Raises TimeoutError after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := true()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.01)
    return found


async def eventually(true: Callable[[], object], seconds: float = 60) -> None:
    """The same where a loop goes on meanwhile."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.005)
