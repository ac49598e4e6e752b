"""The sound of a conversation: what becomes of it when the echo canceller breaks."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tests.clock import run
from tests.dialogue.talking import QUIET
from voicecli.audio.echo import CleanMicrophone, EchoCanceller
from voicecli.types import MIC, AudioFrame

FRAMES = [AudioFrame(bytes(MIC.bytes_for(7)), MIC, 0.0), AudioFrame(QUIET, MIC, 0.02), AudioFrame(QUIET, MIC, 0.04)]
"""The first is one that WebRTC's canceller cannot take: 7 ms."""


class Given:
    """A microphone with these frames."""

    name = "given"

    async def __aiter__(self) -> AsyncIterator[AudioFrame]:
        for frame in FRAMES:
            yield frame


def test_a_canceller_that_breaks_leaves_a_half_duplex_conversation() -> None:
    canceller, told = EchoCanceller(48_000), list[Exception]()
    canceller.played(b"\x00\x20" * 480, 0.0)
    microphone = CleanMicrophone(Given(), canceller, lambda: True, told.append)

    async def listen() -> list[AudioFrame]:
        return [each async for each in microphone]

    assert run(listen()) == FRAMES
    assert len(told) == 1
    assert not microphone.separable
