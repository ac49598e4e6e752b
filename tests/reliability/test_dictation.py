"""Dictation while the recogniser is away: nothing that was said is lost, and the order is that of the speech.

Real servers go away and come back on the same port; digits in, digits out.
"""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import long
from tests.fakes.server import Act, Reply
from tests.people import says
from tests.usecases.here import Listener
from tests.waiting import eventually
from voicecli.audio.vad import Detector
from voicecli.backends.registry import FAMILIES
from voicecli.errors import RefusedError, VoiceError
from voicecli.types import MIC, AudioFrame, Backend, Segment, TranscribeOptions
from voicecli.usecases.dictation import Dictation
from voicecli.wiring.bridges import FileAsLive
from voicecli.wiring.talk_files import KeptTurns

pytestmark = pytest.mark.anyio

QUIET = np.zeros(24_000, np.int16)
Step = str | Callable[[], Awaitable[None]]


@pytest.fixture(scope="module", autouse=True)
def person() -> None:
    """Speech is made once, and outside of any loop."""
    says("1", 16_000)


class Page:
    """What was dictated, what failed, what was told of the service, and what was kept."""

    def __init__(self, folder: Path, *, last_s: float = 20.0) -> None:
        self.texts: list[str] = []
        self.failures: list[VoiceError] = []
        self.told = Listener()
        self.kept = KeptTurns(folder)
        self.last_s = last_s

    async def run(self, ears: Any, *steps: Step, stop: asyncio.Event | None = None) -> None:
        dictation = Dictation(
            ears,
            TranscribeOptions(),
            Detector().detect,
            heard=self.heard,
            failed=self.failures.append,
            report=self.told,
            keep=lambda pcm: self.kept.keep(1, pcm),
            pauses_s=(0.05,),
            last_s=self.last_s,
        )
        await dictation.run(spoken(*steps), stop or asyncio.Event())

    def heard(self, segment: Segment, final: bool) -> None:
        if final:
            self.texts.append(segment.text.replace(" ", ""))

    async def until(self, what: Callable[[Page], object]) -> None:
        await eventually(lambda: what(self))


async def spoken(*steps: Step) -> AsyncIterator[AudioFrame]:
    """A person who says digits, and between them does something; all of it as fast as it is heard."""
    at, step = 0.0, MIC.bytes_for(20)
    for each in steps:
        if not isinstance(each, str):
            await each()
            continue
        sound = np.concatenate([says(each, 16_000), QUIET]).tobytes()
        for start in range(0, len(sound) - step + 1, step):
            yield AudioFrame(sound[start : start + step], MIC, at)
            at += 0.02
            await asyncio.sleep(0)


@asynccontextmanager
async def ears(url: str) -> AsyncIterator[Any]:
    factory = FAMILIES["openai"].at_best.transcribe
    assert factory is not None
    async with factory(Backend("w", "openai", base_url=url, transcribe_model="m1")) as adapter:
        yield FileAsLive(adapter)


class Service:
    """A recogniser that can be switched off and on, always at the same address."""

    def __init__(self) -> None:
        self.server = long.Recogniser()
        self.server.__enter__()
        self.port = self.server.port
        self.url = self.server.base_url
        self.on = True

    async def off(self) -> None:
        if self.on:
            self.on = False
            await asyncio.to_thread(self.server.__exit__, None, None, None)

    async def back(self) -> None:
        self.server = long.Recogniser(port=self.port)
        await asyncio.to_thread(self.server.__enter__)
        self.on = True


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    it = Service()
    yield it
    await it.off()


async def test_what_is_said_while_it_is_away_follows_in_order_when_it_is_back(service: Service, tmp_path: Path) -> None:
    page = Page(tmp_path)

    async def away() -> None:
        await page.until(lambda page: page.texts == ["12"])
        await service.off()

    async def back() -> None:
        await page.until(lambda page: page.told.warnings)
        await service.back()
        await page.until(lambda page: len(page.texts) == 4)

    async with ears(service.url) as live:
        await page.run(live, "12", away, "345", "67", "890", back, "111")
    assert page.texts == ["12", "345", "67", "890", "111"]
    assert not page.failures
    assert len(page.told.warnings) == 1 and "waits until it is back" in page.told.warnings[0]
    assert page.told.notes == ["the recogniser is back: what was said meanwhile follows"]
    assert not page.kept.lost


async def test_it_may_come_back_after_the_person_has_stopped(service: Service, tmp_path: Path) -> None:
    page = Page(tmp_path)
    await service.off()

    async def back() -> None:
        await page.until(lambda page: page.told.warnings)
        await service.back()

    async with ears(service.url) as live, asyncio.TaskGroup() as tasks:
        tasks.create_task(back())
        await page.run(live, "11", "22")
    assert page.texts == ["11", "22"]


async def test_what_could_not_be_sent_in_the_end_is_on_the_disk(service: Service, tmp_path: Path) -> None:
    page = Page(tmp_path, last_s=0.1)
    await service.off()
    async with ears(service.url) as live:
        await page.run(live, "135", "24")
    assert page.texts == []
    assert len(page.failures) == 2
    kept = [heard(path) for path in page.kept.lost]
    assert kept == ["135", "24"]
    for path, failure in zip(page.kept.lost, page.failures, strict=True):
        assert failure.cure == f"What you said is kept: voice transcribe {path}"


async def test_who_breaks_it_off_finds_the_words_on_the_disk(service: Service, tmp_path: Path) -> None:
    page = Page(tmp_path)
    await service.off()
    async with ears(service.url) as live:
        task = asyncio.ensure_future(page.run(live, "135", "24"))
        await page.until(lambda page: page.told.warnings)
        task.cancel()
        await asyncio.wait([task])
    assert "135" in [heard(path) for path in page.kept.lost]


async def test_words_that_no_disk_takes_are_told_to_be_lost(service: Service, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    page = Page(tmp_path / "file")
    await service.off()
    async with ears(service.url) as live:
        task = asyncio.ensure_future(page.run(live, "135"))
        await page.until(lambda page: page.told.warnings)
        task.cancel()
        await asyncio.wait([task])
    assert [str(each) for each in page.failures] == ["the dictation: was broken off"]


@pytest.mark.parametrize(
    "trouble",
    [
        Reply.json({"error": {"message": "down"}}, 503),
        Reply.json({"error": {"message": "slowly"}}, 429, retry_after="0"),
        Reply([Act.RESET], raw=True),
        Reply([b'{"te', Act.CUT]),
    ],
    ids=["503", "429", "reset", "cut"],
)
async def test_troubles_that_pass_cost_nothing(service: Service, trouble: Reply, tmp_path: Path) -> None:
    page, usual, count = Page(tmp_path), service.server.transcribed, iter(range(99))

    async def sometimes(request: Any) -> Reply:
        return trouble if next(count) < 4 else await usual(request)

    service.server.on("/v1/audio/transcriptions", sometimes)
    async with ears(service.url) as live:
        await page.run(live, "11", "22", "33")
    assert not page.failures
    assert page.texts == ["11", "22", "33"]


async def test_sound_that_the_service_never_takes_costs_itself_only(service: Service, tmp_path: Path) -> None:
    page, usual = Page(tmp_path), service.server.transcribed

    def whole(reply: Reply) -> bytes:
        assert isinstance(reply.body, bytes)
        return reply.body

    async def picky(request: Any) -> Reply:
        reply = await usual(request)
        return Reply.json({"error": {"message": "no"}}, 500) if b"1 3 5" in whole(reply) else reply

    service.server.on("/v1/audio/transcriptions", picky)
    async with ears(service.url) as live:
        await page.run(live, "135", "24")
    assert page.texts == ["24"]
    assert [heard(path) for path in page.kept.lost] == ["135"]


async def test_a_refused_key_ends_it_and_keeps_what_was_said(service: Service, tmp_path: Path) -> None:
    page = Page(tmp_path)
    service.server.on("/v1/audio/transcriptions", Reply.json({"error": {"message": "no such key"}}, 401))
    async with ears(service.url) as live:
        with pytest.raises(BaseExceptionGroup) as caught:
            await page.run(live, "135", "24")
    assert caught.group_contains(RefusedError)
    assert heard(page.kept.lost[0]) == "135"


def heard(path: Path) -> str:
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return "".join(tone.digit for tone in long.find(samples, 16_000))
