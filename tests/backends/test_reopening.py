"""Live recognition over connections that drop: what is sent again, what is not, and what comes out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.contracts import CELLS, DIGITS, Cell, frames
from tests.fakes.server import Left, Socket
from voicecli.backends.transport import reopening, websocket
from voicecli.backends.transport.reopening import Tape, reopened
from voicecli.errors import DroppedError, ServiceError, UnreachableError, VoiceError
from voicecli.types import AudioFrame, TranscribeOptions, Transcript

pytestmark = pytest.mark.anyio

LIVE = [cell for cell in CELLS if cell.verb == "transcribe_live"]


class Dropping:
    """A service's own talk, but the first `drops` connections break after some messages of the client."""

    def __init__(self, right: Any, drops: int) -> None:
        self.right, self.drops = right, drops
        self.opened = 0

    async def __call__(self, socket: Socket) -> None:
        self.opened += 1
        if self.opened > self.drops:
            await self.right(socket)
            return
        if "realtime" in socket.request.path:
            await socket.send(json.dumps({"type": "session.created", "session": {}}))
        for _ in range(4):
            await socket.receive()
        socket.reset()


async def heard(cell: Cell, running: Any, sound: AsyncIterator[AudioFrame]) -> list[Transcript]:
    async with (
        cell.opened(cell.backend(running)) as ears,
        ears.transcribe_live(sound, TranscribeOptions()) as texts,
    ):
        return [each async for each in texts]


@pytest.mark.parametrize("drops", [1, 2])
@pytest.mark.parametrize("cell", LIVE, ids=str)
async def test_an_utterance_outlives_its_connection(cell: Cell, drops: int) -> None:
    with cell.serve() as running:
        server = cell.wire(running)
        dropping = Dropping(None, drops)
        server.mangle_talk = lambda right: _with(dropping, right)
        texts = await heard(cell, running, frames())
        await server.eventually(lambda: server.open_connections == 0)
    assert dropping.opened == drops + 1
    assert texts[-1].final and texts[-1].text == DIGITS and sum(each.final for each in texts) == 1


def _with(dropping: Dropping, right: Any) -> Dropping:
    dropping.right = right
    return dropping


@pytest.mark.parametrize("cell", LIVE, ids=str)
async def test_what_drops_again_and_again_is_told(cell: Cell) -> None:
    with cell.serve() as running:
        server = cell.wire(running)
        dropping = Dropping(None, 99)
        server.mangle_talk = lambda right: _with(dropping, right)
        with pytest.raises(DroppedError) as caught:
            await heard(cell, running, frames(more=True))
        await server.eventually(lambda: server.open_connections == 0)
    assert dropping.opened == 1 + reopening.REOPENINGS
    assert caught.value.cure and caught.value.who.startswith(cell.backend(running).name)


async def test_a_peer_that_answers_no_ping_any_more_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers the first, takes the sound, and then nothing comes back although the connection stands."""
    monkeypatch.setattr(websocket, "PING_S", 0.02)
    monkeypatch.setattr(websocket, "PONG_S", 0.6)
    cell = next(each for each in LIVE if each.family == "openai")

    async def dies(socket: Socket) -> None:
        await socket.send(json.dumps({"type": "session.created", "session": {}}))
        for _ in range(20):
            await socket.receive()
        await socket.left()
        raise Left

    with cell.serve() as running:
        server = cell.wire(running)
        opened: list[Socket] = []

        def talk(right: Any) -> Any:
            async def either(socket: Socket) -> None:
                opened.append(socket)
                await (dies if len(opened) == 1 else right)(socket)

            return either

        server.mangle_talk = talk
        texts = await asyncio.wait_for(heard(cell, running, _slowly()), 10)
    assert len(opened) == 2 and texts[-1].text == DIGITS


async def _slowly() -> AsyncIterator[AudioFrame]:
    async for frame in frames():
        yield frame
        await asyncio.sleep(0.005)


# -- without a network -----------------------------------------------------------------------------


def _frame(number: int) -> AudioFrame:
    return AudioFrame(bytes([number, 0]) * 160)


async def _few(count: int) -> AsyncIterator[AudioFrame]:
    for number in range(count):
        yield _frame(number)


class Scripted:
    """A recogniser that takes `takes` frames, then raises, for each of `ends`; after them it counts all."""

    def __init__(self, *ends: VoiceError, takes: int = 3) -> None:
        self.ends, self.takes = list(ends), takes
        self.sent: list[list[int]] = []

    def __call__(self, sound: AsyncIterator[AudioFrame]) -> Any:
        @asynccontextmanager
        async def stream() -> AsyncIterator[AsyncIterator[Transcript]]:
            yield self.texts(sound)

        return stream()

    async def texts(self, sound: AsyncIterator[AudioFrame]) -> AsyncIterator[Transcript]:
        took: list[int] = []
        self.sent.append(took)
        end = self.ends.pop(0) if self.ends else None
        async for frame in sound:
            took.append(frame.pcm[0])
            if end is not None and len(took) == self.takes:
                raise end
        yield Transcript(str(len(took)))


async def _all(service: Scripted, count: int = 6) -> list[str]:
    async with reopened(service, _few(count)) as texts:
        return [each.text async for each in texts]


async def test_the_whole_utterance_is_sent_again_from_its_beginning() -> None:
    service = Scripted(DroppedError("gone"), DroppedError("gone"))
    assert await _all(service) == ["6"]
    assert service.sent == [[0, 1, 2], [0, 1, 2], [0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize("error", [ServiceError("no"), UnreachableError("no")])
async def test_a_complaint_is_not_answered_by_sending_again(error: VoiceError) -> None:
    service = Scripted(error)
    with pytest.raises(type(error)):
        await _all(service)
    assert len(service.sent) == 1


async def test_what_is_too_long_is_not_kept_and_not_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reopening, "LONGEST_S", 0.025)
    service = Scripted(DroppedError("gone"), takes=5)
    with pytest.raises(DroppedError):
        await _all(service, 8)
    assert service.sent == [[0, 1, 2, 3, 4]]


async def test_an_error_of_the_source_stays_its_own() -> None:
    async def broken() -> AsyncIterator[AudioFrame]:
        yield _frame(1)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        async with reopened(Scripted(), broken()) as texts:
            async for _ in texts:
                pass


async def test_a_tape_is_played_from_the_beginning_while_it_is_recorded() -> None:
    tape, more = Tape(), asyncio.Event()

    async def source() -> AsyncIterator[AudioFrame]:
        yield _frame(0)
        await more.wait()
        yield _frame(1)

    recording = asyncio.ensure_future(tape.record(source()))
    playing = tape.play()
    assert (await anext(playing)).pcm[0] == 0
    more.set()
    assert [frame.pcm[0] async for frame in playing] == [1]
    assert [frame.pcm[0] async for frame in tape.play()] == [0, 1]
    await recording
