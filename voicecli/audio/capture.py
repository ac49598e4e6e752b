"""The microphone."""

from __future__ import annotations

from types import TracebackType

from voicecli.types import AudioFrame


class Microphone:
    """`async with Microphone(device) as frames: async for frame in frames`.

    Frames are 20 ms, 16 kHz mono, `at` on the loop's clock. DeviceError: none, not found, or lost.
    """

    def __init__(self, device: str | int | None = None) -> None:
        self.lost = False
        self.overflows = 0
        self.name = ""
        self.latency = 0.0

    async def __aenter__(self) -> Microphone:
        raise NotImplementedError

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __aiter__(self) -> Microphone:
        return self

    async def __anext__(self) -> AudioFrame:
        raise NotImplementedError
