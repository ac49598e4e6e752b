"""A client's sound as frames of a microphone: none waits for the next."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from tests.clock import run
from voicecli.server.realtime.book import Book
from voicecli.server.realtime.inbox import WAITING_FRAMES, Inbox
from voicecli.server.realtime.settings import RATES, Coding
from voicecli.server.realtime.sound import FRAME_BYTES, AppendedSound
from voicecli.types import AudioFrame


@pytest.mark.parametrize("coding", list(RATES))
def test_each_frame_is_heard_when_it_has_come(coding: Coding) -> None:
    """Taken when its first sample was, and not a sample more is held back than the filter looks ahead."""

    async def fed() -> None:
        ears, width = AppendedSound(coding), 2 if coding == "pcm" else 1
        for _ in range(50):
            (frame,) = ears.feed(bytes(width * RATES[coding] // 50))
            assert frame.at == pytest.approx(asyncio.get_running_loop().time() - 0.02)
        first, second = ears.feed(bytes(width * RATES[coding] // 25))
        assert second.at - first.at == pytest.approx(0.02)

    run(fed())


def test_nothing_of_it_is_lost() -> None:
    async def fed() -> np.ndarray[tuple[int], np.dtype[np.int16]]:
        ears = AppendedSound("pcm")
        frames = ears.feed(np.full(24_000, 1000, np.int16).tobytes()) + ears.flush()
        return np.frombuffer(b"".join(frame.pcm for frame in frames), np.int16)

    heard = run(fed())
    assert (np.abs(heard[100:15_900].astype(int) - 1000) < 5).all()


def test_what_a_frame_gives_rise_to_is_done_before_the_next_though_the_queue_is_full() -> None:
    async def fed() -> list[str]:
        inbox, done = Inbox(Book("s", "m")), list[str]()

        async def answer() -> None:
            done.append("answer")

        await inbox.put(*[AudioFrame(bytes(FRAME_BYTES))] * WAITING_FRAMES)
        inbox.soon(answer)
        await anext(inbox.frames(lambda: True))
        return done

    assert run(fed()) == ["answer"]
