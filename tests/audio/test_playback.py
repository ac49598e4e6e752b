"""The loudspeaker: every sample once, at the time that was told; and a sound that is played to its end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from statistics import median

import numpy as np
import pytest

from tests import dtmf
from tests.audio.test_codec import likeness
from tests.audio.test_pcm import tone
from tests.virtual import RATE, VirtualDevices, sounds
from voicecli.audio.capture import SoundCardMicrophone
from voicecli.audio.playback import RenderedSource, SoundCardLoudspeaker
from voicecli.audio.solo import play
from voicecli.errors import DeviceError, UnreachableError
from voicecli.ports import Rendered

pytestmark = pytest.mark.anyio


class Tape:
    """A playout of given samples; `asked` has the time of every block, `wanted` starts it."""

    def __init__(self, pcm: bytes = b"", rate: int = RATE) -> None:
        self.rate = rate
        self.moved = False
        self.asked: list[float] = []
        self.threads: set[int] = set()
        self.pcm, self.at = pcm, 0
        self.rolling = True

    def render(self, count: int, at: float) -> bytes:
        self.threads.add(threading.get_ident())
        if not self.rolling:
            return bytes(2 * count)
        self.asked.append(at)
        self.moved = True
        out = self.pcm[self.at : self.at + 2 * count]
        self.at += 2 * count
        return out + bytes(2 * count - len(out))


@pytest.mark.parametrize(("rate", "channels"), [(48_000, 1), (44_100, 2), (16_000, 1), (48_000, 2)])
async def test_a_device_of_another_rate_or_more_channels(rate: int, channels: int) -> None:
    tape: Rendered = Tape(tone(440, 1.0, RATE))
    source = RenderedSource(tape, rate, channels)
    made = b"".join(source.take(441, number * 0.01) for number in range(rate // 441))
    assert len(made) == 2 * channels * 441 * (rate // 441)
    mono = np.frombuffer(made, np.int16)[::channels].tobytes()
    assert likeness(mono, tone(440, 1.0, rate)) > 0.9999


# --------------------------------------------------------------------------- on virtual devices


async def cut(pcm: bytes, size: int, pause: float = 0.0) -> AsyncIterator[bytes]:
    for at in range(0, len(pcm), size):
        await asyncio.sleep(pause)
        yield pcm[at : at + size]


@pytest.mark.needs_sound
@pytest.mark.parametrize(("rate", "size", "pause"), [(48_000, 100_000, 0.0), (24_000, 4802, 0.08), (22_050, 998, 0.0)])
async def test_a_sound_is_heard_whole_to_its_last_sample(
    sound: VirtualDevices, rate: int, size: int, pause: float
) -> None:
    said = dtmf.encode("47119083", rate, gap_ms=40)
    with sound.recording() as recording:
        played = await play(cut(said.tobytes(), size, pause), rate, "virtual-speaker")
    heard = dtmf.decode(recording.assistant, RATE)
    assert heard == "47119083"
    assert played == pytest.approx(len(said) / rate)
    (first, last), *more = sounds(recording.assistant)
    assert more == []
    spoken = np.flatnonzero(np.abs(said) > 300)
    longer = last - first - (spoken[-1] - spoken[0]) * RATE / rate
    refilled = 0.1 * RATE if pause else 0  # a silence between tones may be lengthened while the lane fills up
    assert -RATE / 1000 <= longer <= RATE / 1000 + refilled


@pytest.mark.needs_sound
async def test_a_source_slower_than_its_sound_breaks_no_word(sound: VirtualDevices) -> None:
    said = dtmf.encode("1234567890" * 2, 24_000).tobytes()
    with sound.recording() as recording:
        await play(cut(said, 4800, 0.11), 24_000, "virtual-speaker")
    lengths = [(last - first) / RATE for first, last in sounds(recording.assistant, quietest=200, gap_ms=1)]
    assert lengths == pytest.approx([dtmf.TONE_MS / 1000] * 20, abs=0.002)


@pytest.mark.needs_sound
async def test_a_stream_that_starves_goes_on_where_it_was(sound: VirtualDevices) -> None:
    said = dtmf.encode("47", 24_000, tone_ms=200, gap_ms=300).tobytes()

    async def starving() -> AsyncIterator[bytes]:
        yield said[: len(said) // 2]
        await asyncio.to_thread(recording.passes, 0.9)
        yield said[len(said) // 2 :]

    with sound.recording() as recording:
        await play(starving(), 24_000, "virtual-speaker")
    assert dtmf.decode(recording.assistant, RATE, tone_ms=200) == "47"


@pytest.mark.needs_sound
async def test_a_source_that_breaks_off_ends_the_sound_with_its_own_error(sound: VirtualDevices) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(9600)
        raise UnreachableError("gone")

    with pytest.raises(UnreachableError):
        await play(broken(), RATE, "virtual-speaker")


@pytest.mark.needs_sound
async def test_nothing_to_play(sound: VirtualDevices) -> None:
    assert await play(cut(b"", 1), RATE, "virtual-speaker") == 0


@pytest.mark.needs_sound
async def test_the_playout_is_asked_on_one_thread_and_pumped_on_the_loop(sound: VirtualDevices) -> None:
    tape, pumped = Tape(), asyncio.Event()
    here: list[int] = []

    def pump() -> None:
        here.append(threading.get_ident())
        tape.moved = False
        pumped.set()

    async with SoundCardLoudspeaker("virtual-speaker", tape, pump) as speaker:
        assert len(tape.asked) > 2, "ready means that it has asked"
        await pumped.wait()
        assert (speaker.lost, speaker.name) == (False, "virtual-speaker")
        assert 0.01 < speaker.delay < 0.1
    assert set(here) == {threading.get_ident()}
    assert len(tape.threads) == 1
    assert tape.threads != set(here)


@pytest.mark.needs_sound
async def test_a_playout_that_breaks_is_a_bug_and_shown_as_one(sound: VirtualDevices) -> None:
    class Broken(Tape):
        def render(self, count: int, at: float) -> bytes:
            if len(self.asked) > 10:
                raise IndexError("a bug")
            return super().render(count, at)

    async with SoundCardLoudspeaker("virtual-speaker", Broken()) as speaker:
        with pytest.raises(IndexError, match="a bug"):
            await asyncio.wait_for(speaker.keep(), 5)


@pytest.mark.needs_sound
async def test_there_is_no_such_loudspeaker(sound: VirtualDevices) -> None:
    with pytest.raises(DeviceError, match="the loudspeaker 'organ' is not there"):
        async with SoundCardLoudspeaker("organ", Tape()):
            pytest.fail("opened")


@pytest.mark.needs_sound
async def test_a_loudspeaker_that_vanishes_is_told_at_once(
    own_sound: VirtualDevices, capfd: pytest.CaptureFixture[str]
) -> None:
    now = asyncio.get_running_loop().time
    async with SoundCardLoudspeaker("virtual-speaker", Tape()) as speaker:
        own_sound.unload(own_sound.module("sink_name=bus"))
        gone = now()
        with pytest.raises(DeviceError, match="virtual-speaker: the loudspeaker is gone"):
            await speaker.keep()
        assert now() - gone < 1.5
        assert speaker.lost
    assert capfd.readouterr().err == ""


@pytest.mark.needs_sound
async def test_told_times_are_those_of_the_recording(sound: VirtualDevices) -> None:
    """A click is heard and answered at once; from click to answer, what capture and playback tell is what
    the recording shows."""
    tape = Tape(np.full(480, 9000, np.int16).tobytes() + bytes(2 * 9600))
    tape.rolling = False
    click = np.concatenate([np.zeros(4800), np.full(1000, 15_000), np.zeros(2400)]).astype(np.int16).tobytes()
    told: list[float] = []
    with sound.recording() as recording:
        async with SoundCardMicrophone("virtual-mic") as frames, SoundCardLoudspeaker("virtual-speaker", tape):
            with sound.player() as person:
                assert person.stdin is not None
                for number in range(8):
                    tape.at, tape.asked = 0, []
                    person.stdin.write(click + bytes(2 * 240 * number))
                    person.stdin.flush()
                    at = await click_in(frames)
                    tape.rolling = True
                    await asyncio.to_thread(recording.passes, 0.15)
                    tape.rolling = False
                    told.append((tape.asked[0] - at) * 1000)
                    await quiet_after(frames, at + 0.4)
    clicks = [first for first, _ in sounds(recording.person, quietest=3000, gap_ms=100)]
    answers = [first for first, _ in sounds(recording.assistant, quietest=3000, gap_ms=100)]
    assert len(clicks) == len(answers) == len(told)
    true = [(answer - begun) * 1000 / RATE for begun, answer in zip(clicks, answers, strict=True)]
    assert median(abs(a - b) for a, b in zip(told, true, strict=True)) < 20
    assert median(true) < 90, "what capture, this loop and playback take together"


async def click_in(frames: SoundCardMicrophone) -> float:
    """When the next loud sample was taken."""
    async for frame in frames:
        loud = np.flatnonzero(np.abs(np.frombuffer(frame.pcm, np.int16).astype(int)) > 3000)
        if loud.size:
            return frame.at + float(loud[0]) / 16_000
    raise AssertionError


async def quiet_after(frames: SoundCardMicrophone, at: float) -> None:
    async for frame in frames:
        if frame.at > at:
            return
