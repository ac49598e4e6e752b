"""The engine of live recognition: sound goes in while it is asked, and all of it again when it is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from tests.clock import passing, run
from tests.dialogue.talking import LOUD
from voicecli.dialogue.utterance import LiveUtterance
from voicecli.errors import ServiceError
from voicecli.types import AudioFrame, TranscribeOptions, Transcript

FRAME = AudioFrame(LOUD)


class Counting:
    """Tells how many frames it has heard; the first time it fails after `fails` of them."""

    def __init__(self, fails: int = 0, delay: float = 0.0) -> None:
        self.fails, self.delay = fails, delay

    @asynccontextmanager
    async def transcribe_live(
        self, frames: AsyncIterator[AudioFrame], options: TranscribeOptions
    ) -> AsyncIterator[AsyncIterator[Transcript]]:
        async def texts() -> AsyncIterator[Transcript]:
            count = 0
            async for _ in frames:
                count += 1
                await asyncio.sleep(self.delay)
                if count == self.fails:
                    self.fails = 0
                    raise ServiceError("hiccup")
                yield Transcript(str(count), final=False)
            yield Transcript(f"{count} in all")

        async with aclosing(texts()) as stream:
            yield stream


def test_sound_that_comes_while_it_is_recognised() -> None:
    async def talk() -> None:
        utterance, told = LiveUtterance(), list[str]()
        asking = asyncio.create_task(
            utterance.recognised(Counting(), TranscribeOptions(), lambda each: told.append(each.text))
        )
        for _ in range(3):
            utterance.hear([FRAME])
            await passing(0.02)
        assert (utterance.interim, utterance.waiting_s) == ("3", 0.0)
        utterance.close()
        utterance.hear([FRAME])
        assert (await asking).text == utterance.interim == "3 in all"
        assert told == ["1", "2", "3"]
        assert len(utterance.pcm) == 3 * len(LOUD) and utterance.seconds == pytest.approx(0.06)
        utterance.forget()
        assert utterance.pcm == b""

    run(talk())


def test_what_failed_is_asked_again_from_the_first_sample() -> None:
    async def talk() -> None:
        utterance, ears = LiveUtterance(), Counting(fails=2)
        utterance.hear([FRAME] * 5)
        utterance.close()
        with pytest.raises(ServiceError):
            await utterance.recognised(ears, TranscribeOptions())
        assert (await utterance.recognised(ears, TranscribeOptions())).text == "5 in all"

    run(talk())


def test_only_what_is_new_waits_for_a_slow_recogniser() -> None:
    async def talk() -> None:
        utterance = LiveUtterance([AudioFrame(LOUD * 500)])
        assert utterance.waiting_s == 0.0
        asking = asyncio.create_task(utterance.recognised(Counting(delay=1.0), TranscribeOptions()))
        utterance.hear([FRAME] * 10)
        await passing(0.5)
        assert utterance.waiting_s == pytest.approx(0.2)
        await passing(5)
        assert utterance.waiting_s == pytest.approx(0.1)
        utterance.close()
        await asking

    run(talk())
