"""Waiting for what another process or a thread does, and which no event tells.

Belongs here: the one loop that looks again and again. Does not belong here: what is waited for; tests of timing, which
run on a virtual clock (tests.clock).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


def until(true: Callable[[], object], seconds: float = 20, what: str = "what was waited for") -> None:
    """Returns when `true()` is. Raises TimeoutError after `seconds`."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.01)


def for_ever() -> None:
    """What a program does that ends only when it is killed."""
    threading.Event().wait()
