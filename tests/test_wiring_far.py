"""The microphone and the loudspeaker of another machine: what happens when the connection to them is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from voicecli.audio.playout import Playout
from voicecli.errors import DeviceError, ProtocolError, UsageError
from voicecli.wiring import far
from voicecli.wiring.devices import FILE_RATE

FRAME = b"\1" + bytes(640)
HELLO = json.dumps({"microphone": "desk", "loudspeaker": "desk"})
Loan = Callable[[ServerConnection], Awaitable[None]]


class Lender:
    """Lends its device once for each of `loans`, the last again and again. `sounds`: which were given some."""

    def __init__(self, *loans: Loan) -> None:
        self.loans, self.lent, self.sounds = list(loans), 0, asyncio.Queue[int]()

    async def lend(self, socket: ServerConnection) -> None:
        loan = self.loans.pop(0) if len(self.loans) > 1 else self.loans[0]
        self.lent += 1
        number = self.lent
        with suppress(ConnectionClosed):
            await loan(socket)
            async for message in socket:
                if any(message):
                    self.sounds.put_nowait(number)


@asynccontextmanager
async def lent(lender: Lender, return_s: float) -> AsyncIterator[tuple[far.FarCard, list[str], Playout]]:
    told: list[str] = []
    playout = Playout(FILE_RATE)
    async with serve(lender.lend, "127.0.0.1", 0) as server:
        address = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/v1/device"
        card = far.FarCard(
            address, None, playout, playout.pump, lambda text: told.append(f"{text}, away: {card.away}"), return_s
        )
        async with card, asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(card.keep())
            yield card, told, playout
            keeping.cancel()


async def breaks(socket: ServerConnection) -> None:
    await socket.send(HELLO)
    await socket.send(FRAME)
    await socket.close(1011, "the microphone is gone")


async def taken(socket: ServerConnection) -> None:
    await socket.close(1013, "Another conversation has the device.")


async def mute(socket: ServerConnection) -> None:
    await socket.send(HELLO)


async def works(socket: ServerConnection) -> None:
    await socket.send(HELLO)
    for _ in range(3):
        await socket.send(FRAME)


async def heard(card: far.FarCard, count: int) -> None:
    async with asyncio.timeout(20):
        async for frame in card:
            card.passed(frame)
            count -= 1
            if count == 0:
                return


@pytest.mark.anyio
@pytest.mark.parametrize("first", [breaks, mute])
async def test_a_lost_connection_is_waited_for_and_sound_goes_to_the_new_one(
    first: Loan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end is told, or nothing comes any more; and the other end may not have noticed yet."""
    monkeypatch.setattr(far, "SILENT_S", 0.3)
    lender = Lender(first, taken, works)
    async with lent(lender, 30.0) as (card, told, playout):
        await heard(card, 2)
        lane = playout.lane()
        lane.open()
        lane.write(b"\1\1" * FILE_RATE, asyncio.get_running_loop().time() - 1)
        await heard(card, 1)
        assert await asyncio.wait_for(lender.sounds.get(), 20) == lender.lent == 3
    waits, again = told
    assert waits.endswith("; the conversation waits for it, away: True")
    assert again.startswith("listening again (desk at 127.0.0.1:") and again.endswith("away: False")


@pytest.mark.anyio
@pytest.mark.parametrize("return_s", [0.0, 0.2])
async def test_who_is_not_back_in_time_ends_it(return_s: float) -> None:
    with pytest.raises(ExceptionGroup) as failed:
        async with lent(Lender(breaks, taken), return_s) as (card, told, _):
            await heard(card, 9)
    assert failed.group_contains(DeviceError, match="the microphone is gone")
    assert len(told) == (1 if return_s else 0)


@pytest.mark.anyio
async def test_a_password_in_the_address_is_not_in_the_name() -> None:
    async def greets(socket: ServerConnection) -> None:
        await socket.send(json.dumps({"microphone": "desk\nlamp"}))

    async with serve(Lender(greets).lend, "127.0.0.1", 0) as server:
        place = f"127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        async with far.FarCard(f"ws://me:sk-marked@{place}", None, Playout(FILE_RATE), lambda: None) as card:
            assert card.name == f"desk lamp at {place}"
    with pytest.raises(UsageError) as told:
        far.address_of("ftp://me:sk-marked@host", cancels=True)
    assert "marked" not in str(told.value)


@pytest.mark.anyio
async def test_a_greeting_without_end_is_no_device() -> None:
    async def greets(socket: ServerConnection) -> None:
        await socket.send("[" * 100_000)

    with pytest.raises(ProtocolError):
        async with lent(Lender(greets), 0.0):
            pass
