"""`voice talk` where the microphone hears the loudspeaker: nobody interrupts but the person."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.loudspeaker import REPLY, converse, echo
from tests.virtual import VirtualDevices

pytestmark = pytest.mark.needs_sound


def test_with_echo_cancellation_only_the_person_interrupts(
    devices: VirtualDevices, home: dict[str, str], tmp_path: Path
) -> None:
    with echo(devices, -12, 60):
        held = converse(devices, home, tmp_path, 2, interrupt_every=2, reply=REPLY.partition(", because")[0])
    assert held.interrupted == held.interruptions == 1
    assert held.heard == held.said


def test_half_duplex_keeps_every_turn_whole(devices: VirtualDevices, home: dict[str, str], tmp_path: Path) -> None:
    home = home | {"VOICE_TALK_BARGE_IN": "off"}
    with echo(devices, -6, 60):
        held = converse(devices, home, tmp_path, 2, reply=REPLY.partition(",")[0])
    assert held.interrupted == 0
    assert held.heard == held.said
