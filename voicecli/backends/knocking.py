"""Knocking at this machine's ports: whether anything listens there, before it is asked who it is.

Belongs here: what every family that looks for servers here needs. Does not belong here: which ports (the families).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

HERE = "127.0.0.1"
KNOCK_S, ANSWER_S = 0.5, 3.0
"""How long a port may take to open, and a server to say what it has."""


async def somebody_listens(port: int) -> bool:
    """Whether anything answers at a port of this machine."""
    try:
        async with asyncio.timeout(KNOCK_S):
            _, writer = await asyncio.open_connection(HERE, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
