"""Both devices of a conversation on a private PulseAudio: rested, woken, lost, back again."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.virtual import VirtualDevices
from tests.waiting import eventually
from voicecli.audio import devices
from voicecli.audio.soundcard import REST_AFTER_S, SoundCard
from voicecli.errors import DeviceError

pytestmark = [pytest.mark.anyio, pytest.mark.needs_sound]


class Silence:
    """A playout that says nothing, or hums, and counts how often it is asked."""

    rate = 48_000

    def __init__(self) -> None:
        self.moved = False
        self.asked = 0
        self.held_up_s = 0.0
        self.sample = bytes(2)

    def render(self, count: int, at: float) -> bytes:
        self.asked += 1
        time.sleep(self.held_up_s)
        return self.sample * count


@asynccontextmanager
async def running(card: SoundCard) -> AsyncIterator[list[float]]:
    """The card with somebody who listens to it; the times of the frames that came."""
    came: list[float] = []

    async def listen() -> None:
        async for frame in card:
            came.append(frame.at)

    async with card, asyncio.TaskGroup() as tasks:
        beside = [tasks.create_task(card.keep()), tasks.create_task(listen())]
        yield came
        for each in beside:
            each.cancel()


async def test_the_loudspeaker_rests_while_all_is_calm_and_wakes_at_once(sound: VirtualDevices) -> None:
    playout, calm = Silence(), [True]
    card = SoundCard(("virtual-mic", "virtual-speaker"), playout, lambda: None, lambda: calm[0])
    async with running(card) as came:
        await eventually(lambda: len(came) * 0.02 > REST_AFTER_S + 0.5)
        asked = playout.asked
        await eventually(lambda: len(came) * 0.02 > REST_AFTER_S + 1.5)
        assert playout.asked == asked, "at rest nothing is asked of it"
        calm[0] = False
        begin = asyncio.get_running_loop().time()
        await eventually(lambda: playout.asked > asked + 5)
        assert asyncio.get_running_loop().time() - begin < 1.0
        frames = len(came)
        await eventually(lambda: len(came) > frames + 50)
    assert max(b - a for a, b in itertools.pairwise(came)) < 0.1, "the microphone never waited"


async def test_devices_that_vanish_are_waited_for_and_taken_again(own_sound: VirtualDevices) -> None:
    playout, told = Silence(), list[str]()
    card = SoundCard(
        ("virtual-mic", "virtual-speaker"), playout, lambda: None, lambda: False, tell=told.append, return_s=30
    )
    async with running(card) as came:
        await eventually(lambda: len(came) > 20)
        await asyncio.to_thread(own_sound.stop)
        await eventually(lambda: told)
        frames, asked = len(came), playout.asked
        await asyncio.to_thread(own_sound.start)
        await eventually(lambda: len(came) > frames + 20 and playout.asked > asked + 20)
    assert came[frames] - came[frames - 1] > 0.5, "nothing is heard meanwhile"
    assert [text.split(";")[-1].strip() for text in told] == [
        "the conversation waits for it",
        "listening again (virtual-mic, virtual-speaker)",
    ]


async def test_a_device_that_does_not_come_back_ends_it(own_sound: VirtualDevices) -> None:
    card = SoundCard(("virtual-mic", None), None, lambda: None, lambda: False, return_s=0.5)
    with pytest.raises(DeviceError, match="virtual-mic"):
        async with card:
            async for _ in card:
                if own_sound.daemon.poll() is None:
                    await asyncio.to_thread(own_sound.stop)
    await eventually(devices.rescan)  # not before every stream is closed


async def test_a_machine_that_stumbles_gets_more_time_for_its_sound(sound: VirtualDevices) -> None:
    playout, calm = Silence(), [False]
    card = SoundCard(("virtual-mic", "virtual-speaker"), playout, lambda: None, lambda: calm[0])
    async with running(card) as came:
        speaker = card.speaker
        assert speaker is not None and speaker.buffering is devices.QUICK
        playout.held_up_s, asked = 0.05, playout.asked
        await eventually(lambda: playout.asked > asked + 10)
        assert not speaker.struggling, "nobody hears that silence comes late"
        playout.sample = b"\1\0"
        await eventually(lambda: speaker.struggling)
        playout.held_up_s = 0.0
        await eventually(lambda: len(came) > 20)
        assert card.speaker is speaker, "not while somebody may speak"
        calm[0] = True
        playout.held_up_s = 0.05
        await eventually(lambda: card.speaker is None)
        card.choose("input", "virtual-mic")  # while the loudspeaker is being opened again
        await eventually(lambda: card.speaker is not None and card.speaker.buffering is devices.STEADY)
        playout.held_up_s, asked = 0.0, playout.asked
        await eventually(lambda: playout.asked > asked + 10)
    await eventually(devices.rescan, 20)  # a stream that nobody holds would never let it
