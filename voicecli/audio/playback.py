"""The loudspeaker."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, Protocol


class Playout(Protocol):
    """Where the loudspeaker's callback takes its samples from; called on the sound card's thread."""

    rate: int
    notices: deque[Any]

    def render(self, count: int, at: float) -> bytes:
        """`count` samples (s16le mono, at `rate`), the first of which sounds at `at` on the loop's clock."""
        ...


class Loudspeaker:
    """`async with Loudspeaker(device, playout, pump)`: streams until left; `pump` is called on the loop
    whenever a callback left something in `playout.notices`. DeviceError: none, not found; `lost` tells later."""

    def __init__(self, device: str | int | None, playout: Playout, pump: Callable[[], None] = lambda: None) -> None:
        self.lost = False
        self.underruns = 0
        self.name = ""
        self.latency = 0.0

    async def __aenter__(self) -> Loudspeaker:
        raise NotImplementedError

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None: ...


async def play(chunks: AsyncIterator[bytes], rate: int, device: str | int | None = None) -> None:
    """Plays s16le mono as it arrives and returns when the last sample has sounded."""
    raise NotImplementedError
