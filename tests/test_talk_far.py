"""`voice talk --device`: the sound card is that of a `voice serve --device` in a process of its own.

Only that one sees the virtual devices; what is heard and what sounds there is decoded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.fakes.openai_server import Habits, OpenAIServer
from tests.people import says
from tests.server.conftest import Served, keep_key, serving
from tests.test_talk_devices import digits_in, settings, talking
from tests.virtual import VirtualDevices
from voicecli.server.lending import BLOCK

pytestmark = pytest.mark.needs_sound


@pytest.fixture(scope="module")
def desk(devices: VirtualDevices, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("desk")
    keep_key(folder)
    with serving(folder, "--device", env=dict(devices.env)) as server:
        yield server


def test_a_talk_over_devices_elsewhere(
    desk: Served, devices: VirtualDevices, home: dict[str, str], tmp_path: Path
) -> None:
    """Heard and said right; an interruption stops the sound there; who leaves gives the devices back."""
    config = Path(home["XDG_CONFIG_HOME"])
    config.mkdir(parents=True, exist_ok=True)
    keep_key(config)
    habits = Habits(hear_s=0.1, script=["1234567890 1234567890 1234567890 1234567890.", "55555."])
    flags = ("--device", f"ws://127.0.0.1:{desk.port}", "--headphones")
    with OpenAIServer(habits) as server, talking(nowhere(), home, tmp_path, settings(server), *flags) as talk:
        assert talk.until("ready")["input"] == f"default at 127.0.0.1:{desk.port}"
        with devices.recording() as recording:
            devices.say(says("13579"), after_s=0.4)
            talk.until("assistant_delta")
            devices.say(says("2468024"), after_s=2.5)
            talk.until("interrupted")
            talk.until("turn_metrics")
            talk.until("turn_metrics")
    assert [each["text"] for each in talk.of("user_said")] == ["13579", "2468024"]
    # A loan bridges 60 ms: where the machine is busy for longer, a tone is torn.
    assert "555" in digits_in(recording.assistant)[-1]


def test_one_at_a_time_to_programs_with_the_key_and_sound_alone(desk: Served) -> None:
    key = {"Authorization": "Bearer sesame-1234"}

    async def lent(**more: str) -> ClientConnection:
        return await connect(f"ws://127.0.0.1:{desk.port}/v1/device", proxy=None, additional_headers=key | more)

    async def end(socket: ClientConnection) -> int:
        with pytest.raises(ConnectionClosed) as found:
            while True:
                await socket.recv()
        assert found.value.rcvd is not None
        return found.value.rcvd.code

    async def act() -> list[int]:
        page = await end(await lent(Origin=f"http://127.0.0.1:{desk.port}"))
        first = await lent()
        assert "microphone" in str(await first.recv())
        assert len(await first.recv()) == 641
        second = await end(await lent())
        await first.send(bytes(BLOCK + 2))
        nonsense = await end(first)
        third = await lent()
        while await asyncio.gather(third.recv(), return_exceptions=True) and third.close_code == 1013:
            await asyncio.sleep(0.05)  # the device is free again, at once or soon
            third = await lent()
        await third.send("words")
        return [page, second, nonsense, await end(third)]

    assert asyncio.run(asyncio.wait_for(act(), 20)) == [1008, 1013, 1003, 1003]


@pytest.mark.parametrize(
    ("address", "code", "told"),
    [
        ("desk", 2, "is no address"),
        ("ws://127.0.0.1:9", 4, "127.0.0.1:9"),
    ],
)
def test_what_is_no_device(address: str, code: int, told: str, home: dict[str, str], tmp_path: Path) -> None:
    with (
        OpenAIServer() as server,
        talking(nowhere(), home, tmp_path, settings(server), "--device", address) as talk,
    ):
        assert talk.process.wait(60) == code
        assert talk.process.stderr is not None
        assert told in talk.process.stderr.read()


def nowhere() -> VirtualDevices:
    """A process with these sees no sound server at all."""
    them = VirtualDevices.__new__(VirtualDevices)
    them.env = {"PULSE_SERVER": "unix:/nonexistent"}
    return them
