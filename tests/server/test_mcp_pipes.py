"""`voice mcp` as a process: its first words, its ways to end, and a microphone that is ours only while it listens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from tests.fakes.openai_server import Habits, OpenAIServer
from tests.test_talk_devices import settings
from tests.usecases.here import Listener
from tests.virtual import VirtualDevices
from tests.waiting import until
from voicecli.config import load
from voicecli.server.greeting import VERSIONS, greeting
from voicecli.server.tools import VoiceCalls, server_of
from voicecli.usecases.parley import Parley
from voicecli.wiring.devices import Ends
from voicecli.wiring.services import Services

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "x", "version": "0"}}
FREE_S, EXIT_S = 0.5, 1.0
BUSY = 4
"""What a machine that runs other tests beside may take longer."""


def line(**message: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"


def hello(**params: Any) -> bytes:
    return line(id=1, method="initialize", params=HELLO | params)


# -- its first words ---------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_the_first_answer_is_the_packages_own(tmp_path: Path) -> None:
    calls = VoiceCalls(Parley(Services(load({}, path=None), {}, Listener()), Ends()), tmp_path)
    async with Client(server_of(calls), mode="legacy") as client:
        theirs = client.session.initialize_result
    assert theirs is not None
    ours = json.loads(greeting(hello()))
    assert ours == {"jsonrpc": "2.0", "id": 1, "result": theirs.model_dump(by_alias=True, exclude_none=True)}
    assert VERSIONS == HANDSHAKE_PROTOCOL_VERSIONS
    assert json.loads(greeting(hello(protocolVersion="1999-01-01")))["result"]["protocolVersion"] == VERSIONS[-1]


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"junk",
        b"[" * 60_000,
        b"[]",
        b'"x"',
        line(id=1, method="tools/list"),
        line(id=True, method="initialize", params=HELLO),
        line(method="initialize", params=HELLO),
        line(id=1, method="initialize"),
        hello(protocolVersion=1),
        hello(capabilities=[]),
        hello(capabilities={"roots": 1}),
        hello(clientInfo={"name": "x"}),
        hello(clientInfo={"name": "x", "version": "0", "icons": "?"}),
    ],
)
def test_what_is_no_plain_beginning_is_left_to_the_package(first: bytes) -> None:
    assert greeting(first) == b""


@contextmanager
def program(env: dict[str, str], *flags: str, python: tuple[str, ...] = (), **streams: Any) -> Iterator[Any]:
    command = [sys.executable, *python, "-m", "voicecli", "mcp", *flags]
    with subprocess.Popen(
        command, env=os.environ | env, **({"stdin": -1, "stdout": -1, "stderr": -1} | streams)
    ) as running:
        yield running
        running.kill()


def test_it_is_said_before_anything_heavy_is_imported(home: dict[str, str]) -> None:
    with program(home, python=("-X", "importtime"), stderr=subprocess.STDOUT) as voice:
        voice.stdin.write(hello())
        voice.stdin.flush()
        imported = set()
        while not (said := voice.stdout.readline()).startswith(b"{"):
            imported.add(said.split()[-1].decode())
    assert json.loads(said)["id"] == 1
    assert "voicecli.server.greeting" in imported
    assert not imported & {"mcp", "mcp_types", "pydantic", "numpy", "httpx", "asyncio", "voicecli.server.tools"}


# -- its end, and the microphone ---------------------------------------------------------------------


@pytest.mark.needs_posix
def test_it_ends_when_it_is_told_to_though_nobody_closes_its_input(home: dict[str, str]) -> None:
    with program(home) as voice:
        voice.stdin.write(hello() + line(method="notifications/initialized") + line(id=2, method="tools/list"))
        voice.stdin.flush()
        assert [json.loads(voice.stdout.readline())["id"] for _ in range(2)] == [1, 2]
        voice.send_signal(signal.SIGTERM)
        assert voice.wait(BUSY) == 128 + signal.SIGTERM
        assert voice.stdout.read() == b""


class Microphone:
    """As the sound server knows it: who listens, but for the layout's own."""

    def __init__(self, devices: VirtualDevices) -> None:
        self._devices = devices

    def taken(self) -> bool:
        return "protocol-native" in self._devices.pactl("list", "short", "source-outputs")


@pytest.mark.needs_sound
def test_cancelling_and_the_death_of_the_client_free_the_microphone(
    devices: VirtualDevices, home: dict[str, str], tmp_path: Path
) -> None:
    """Twenty in a row, in all moments of opening it; then a call that listens, and `kill -9` of who asked."""
    microphone = Microphone(devices)
    with OpenAIServer(Habits()) as server, subprocess.Popen(["cat"], stdin=-1, stdout=-1) as client:
        (tmp_path / "config.toml").write_text(settings(server))
        env = home | devices.env | {"VOICE_CONFIG": str(tmp_path / "config.toml")}
        assert client.stdin is not None and client.stdout is not None

        def send(*lines: bytes) -> None:
            assert client.stdin is not None
            client.stdin.write(b"".join(lines))
            client.stdin.flush()

        def listens(number: int) -> bytes:
            call = {"name": "listen", "arguments": {}, "_meta": {"progressToken": number}}
            return line(id=number, method="tools/call", params=call)

        with program(env, "-o", str(tmp_path / "said.wav"), stdin=client.stdout) as voice:
            client.stdout.close()
            send(hello(), line(method="notifications/initialized"))
            for number in range(2, 22):
                send(listens(number))
                if number % 5 == 0:
                    until(microphone.taken, 30, "it listens")
                send(line(method="notifications/cancelled", params={"requestId": number}))
                if number % 5 == 0:
                    until(lambda: not microphone.taken(), BUSY * FREE_S, "the microphone is free")
            send(listens(30))
            until(microphone.taken, 30, "it listens again")
            client.kill()
            voice.wait(BUSY * EXIT_S)
            assert not microphone.taken()
            told = [json.loads(each) for each in voice.stdout]
    assert not {each.get("id") for each in told} & set(range(2, 22)), "who cancels gets no answer"
