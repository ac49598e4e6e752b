"""The sound of a conversation: what becomes of it when the echo canceller breaks."""

from __future__ import annotations

from pathlib import Path

from tests.clock import run
from tests.dialogue.talking import QUIET, Brain, Ears, Room, Voice
from voicecli.audio.echo import EchoCanceller
from voicecli.config import load
from voicecli.dialogue import events as ev
from voicecli.types import MIC, AudioFrame
from voicecli.wiring.devices import Devices
from voicecli.wiring.talk import TalkRequest


def test_a_canceller_that_breaks_leaves_a_half_duplex_conversation(tmp_path: Path) -> None:
    """It is given a frame that WebRTC's canceller cannot take: 7 ms."""
    room = Room(Ears([]), Brain([]), Voice())
    devices = Devices(load({"HOME": str(tmp_path)}), TalkRequest())
    devices.echo = EchoCanceller(48_000)
    devices.echo.played(b"\x00\x20" * 480, 0.0)
    odd, usual = AudioFrame(bytes(MIC.bytes_for(7)), MIC, 0.0), AudioFrame(QUIET, MIC, 0.02)

    async def listen() -> None:
        assert [devices._cleaned(each, room.talk) for each in (odd, usual)] == [odd, usual]

    run(listen())
    assert not devices.separable()
    (notice,) = room.of(ev.Notice)
    assert "no echo cancellation any more" in notice.text
