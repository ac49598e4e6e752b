"""The microphone: every sample, in frames, with true times; and what is said when it goes."""

from __future__ import annotations

import asyncio
import signal
import threading
from itertools import pairwise

import numpy as np
import pytest

from tests import dtmf
from tests.audio.test_codec import likeness
from tests.audio.test_pcm import tone
from tests.virtual import RATE, VirtualDevices
from voicecli.audio.capture import FRAME_BYTES, FrameCutter, SoundCardMicrophone
from voicecli.errors import DeviceError
from voicecli.types import MIC, AudioFrame

pytestmark = pytest.mark.anyio


async def test_frames_are_cut_from_blocks_of_any_length() -> None:
    cutter = FrameCutter(16_000)
    data = bytes(range(256)) * 10
    frames: list[AudioFrame] = []
    taken = 0
    for count in (1, 319, 320, 5, 635):
        frames += cutter.feed(data[2 * taken : 2 * (taken + count)], count, 50 + taken / 16_000)
        taken += count
    assert b"".join(frame.pcm for frame in frames) == data[: 4 * FRAME_BYTES]
    assert [frame.at for frame in frames] == pytest.approx([50, 50.02, 50.04, 50.06])


class Times:
    currentTime, inputBufferAdcTime = 3.02, 3.0


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (44_100, 2), (48_000, 1)])
async def test_a_device_of_another_rate_or_more_channels(rate: int, channels: int) -> None:
    """Its blocks, handed over on a thread of their own as PortAudio does."""
    microphone = SoundCardMicrophone()
    microphone.loop = asyncio.get_running_loop()
    callback = microphone.callback(rate, channels)
    data = np.frombuffer(tone(440, 1.0, rate), np.int16).repeat(channels)
    block = rate // 50

    def card() -> None:
        for at in range(0, rate, block):
            callback(data[at * channels : (at + block) * channels].tobytes(), block, Times, False)

    thread = threading.Thread(target=card)
    thread.start()
    frames = [await anext(microphone) for _ in range(49)]
    thread.join()
    assert {frame.format for frame in frames} == {MIC}
    assert likeness(b"".join(frame.pcm for frame in frames), tone(440, 0.98, 16_000)) > 0.9999
    assert all(a.at <= b.at for a, b in pairwise(frames)), "times never run backwards"


async def test_a_late_reader_loses_the_oldest() -> None:
    microphone = SoundCardMicrophone()
    microphone.KEPT = 10
    microphone.loop = asyncio.get_running_loop()
    callback = microphone.callback(16_000, 1)
    for number in range(microphone.frames.maxlen or 0):
        callback(number.to_bytes(2, "little") * 320, 320, Times, False)
    callback(b"zz" * 320, 320, Times, True)
    first = await anext(microphone)
    assert (first.pcm[:2], microphone.dropped > 0) == (b"\x01\x00", True)


async def test_who_wants_to_be_woken_seldom_gets_the_same_frames_at_their_times() -> None:
    microphone = SoundCardMicrophone()
    microphone.loop = asyncio.get_running_loop()
    callback = microphone.callback(16_000, 1)
    counts = []
    for gather_s in (0.0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.0):
        microphone.gather_s = gather_s
        callback(bytes(FRAME_BYTES), 320, Times, 0)
        counts.append(len(microphone.frames))
    assert counts == [1, 1, 1, 1, 1, 6, 6, 8]
    times = [frame.at for frame in microphone.frames]
    assert times == sorted(times) and times[0] < times[-1]


# --------------------------------------------------------------------------- on virtual devices


@pytest.mark.needs_sound
async def test_what_is_said_is_captured_whole(sound: VirtualDevices) -> None:
    said = dtmf.encode("4711908352", RATE)
    async with SoundCardMicrophone("virtual-mic") as frames:
        playing = asyncio.create_task(asyncio.to_thread(sound.play_into, "micfeed", said.tobytes()))
        taken = [await anext(frames) for _ in range(110)]
        await playing
        assert (frames.dropped, frames.lost, frames.name) == (0, False, "virtual-mic")
    assert {len(frame.pcm) for frame in taken} == {FRAME_BYTES}
    assert all(0 <= b.at - a.at < 0.06 for a, b in pairwise(taken)), (
        "an early arrival may correct the time at the start"
    )
    samples = np.frombuffer(b"".join(frame.pcm for frame in taken), np.int16)
    assert dtmf.decode(samples, 16_000) == "4711908352"


@pytest.mark.needs_sound
async def test_times_are_those_of_the_clock(sound: VirtualDevices) -> None:
    now = asyncio.get_running_loop().time
    ages = []
    async with SoundCardMicrophone() as frames:
        for _ in range(50):
            frame = await anext(frames)
            ages.append(now() - frame.at)
    assert 0.02 <= min(ages) < 0.04, "a frame is handed over just after its last sample was taken"


@pytest.mark.needs_sound
async def test_there_is_no_such_microphone(sound: VirtualDevices) -> None:
    with pytest.raises(DeviceError, match=r"the microphone 'gramophone' is not there.*virtual-mic"):
        async with SoundCardMicrophone("gramophone"):
            pytest.fail("opened")


@pytest.mark.needs_sound
async def test_a_microphone_that_vanishes_is_told_at_once(
    own_sound: VirtualDevices, capfd: pytest.CaptureFixture[str]
) -> None:
    now = asyncio.get_running_loop().time
    async with SoundCardMicrophone("virtual-mic") as frames:
        await anext(frames)
        own_sound.unload(own_sound.module("sink_name=bus"))
        gone = now()
        with pytest.raises(DeviceError, match="virtual-mic: the microphone is gone"):
            async for _ in frames:
                pass
        assert now() - gone < 1.5
        assert frames.lost
    assert capfd.readouterr().err == ""


@pytest.mark.needs_sound
async def test_a_sound_server_that_hangs_holds_nobody_up(own_sound: VirtualDevices) -> None:
    now = asyncio.get_running_loop().time
    try:
        async with SoundCardMicrophone("virtual-mic") as frames:
            await anext(frames)
            own_sound.daemon.send_signal(signal.SIGSTOP)
            hung = now()
            with pytest.raises(DeviceError, match="gives no sound"):
                async for _ in frames:
                    pass
            leaving = now()
        assert leaving - hung < 2
        assert now() - leaving < 1
    finally:
        own_sound.daemon.send_signal(signal.SIGCONT)
