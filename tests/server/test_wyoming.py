"""Home Assistant's protocol, asked by its own client: the recogniser and the voice of one server."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped, SynthesizeVoice

from tests import dtmf
from tests.fakes.server import Reply
from tests.server.conftest import Served, serving
from tests.usecases.here import Listener
from voicecli.config import load
from voicecli.server.pool import Pool
from voicecli.server.wyoming import door, listening
from voicecli.wiring.services import Services


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Served]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    with serving(tmp_path_factory.mktemp("wyoming"), "--wyoming", str(number)) as server:
        with server.client() as client:  # it is there as soon as HTTP is
            assert client.get("/health").status_code == 200
        yield number, server


def asked(port: int, *events: Any, until: Callable[[str], bool]) -> list[Event]:
    """What comes in answer, up to the last that is wanted."""

    async def act() -> list[Event]:
        found: list[Event] = []
        async with asyncio.timeout(60), AsyncTcpClient("127.0.0.1", port) as client:
            for each in events:
                await client.write_event(each.event())
            while not found or not until(found[-1].type):
                event = await client.read_event()
                assert event is not None, "the connection has ended"
                found.append(event)
        return found

    return asyncio.run(act())


def sound(events: list[Event]) -> str:
    pieces = [AudioChunk.from_event(each) for each in events if AudioChunk.is_type(each.type)]
    assert {(each.rate, each.width, each.channels) for each in pieces} == {(24_000, 2, 1)}
    return dtmf.decode(np.frombuffer(b"".join(each.audio for each in pieces), np.int16), 24_000)


def test_what_there_is(port: tuple[int, Served]) -> None:
    (found,) = asked(port[0], Describe(), until=Info.is_type)
    info = Info.from_event(found)
    assert info.asr[0].models[0].languages and "alloy" in [each.name for each in info.tts[0].voices]
    assert info.tts[0].supports_synthesize_streaming and info.asr[0].supports_transcript_streaming


@pytest.mark.parametrize("rate", [16_000, 22_050])
def test_speech_is_heard(port: tuple[int, Served], rate: int) -> None:
    pcm = dtmf.encode("189", rate).tobytes()
    chunks = [AudioChunk(rate, 2, 1, pcm[at : at + 2048]) for at in range(0, len(pcm), 2048)]
    begin = (Transcribe(language="en"), AudioStart(rate, 2, 1))
    found = asked(port[0], *begin, *chunks, AudioStop(), until=Transcript.is_type)
    assert Transcript.from_event(found[-1]).text.strip(" .") == "189"
    assert [each.type for each in found][:2] == ["transcript-start", "transcript-chunk"]


def test_a_text_is_spoken(port: tuple[int, Served]) -> None:
    found = asked(port[0], Synthesize("472", SynthesizeVoice("alloy")), until=AudioStop.is_type)
    assert (found[0].type, sound(found)) == ("audio-start", "472")


def test_a_text_is_spoken_while_it_comes(port: tuple[int, Served]) -> None:
    texts = ("One 4. Tw", "o 7. ", "Three 2.")
    chunks = [SynthesizeChunk(each) for each in texts]
    events = (SynthesizeStart(), *chunks, Synthesize("".join(texts)), SynthesizeStop())
    found = asked(port[0], *events, until=SynthesizeStopped.is_type)
    assert sound(found) == "472"


def test_what_fails_is_told_without_a_word_from_behind(port: tuple[int, Served]) -> None:
    number, server = port
    server.behind.on("/v1/audio/speech", Reply.json({"error": {"message": "sk-secret"}}, 400))
    try:
        found = asked(number, Synthesize("472"), until=Error.is_type)
    finally:
        server.behind.on("/v1/audio/speech")
    assert re.search("behind", Error.from_event(found[-1]).text) and "secret" not in str(found)


def test_a_server_without_a_recogniser_says_so(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('[use]\ntranscribe = "es"\n[backends.es]\nfamily = "espeak"\n')

    async def act() -> Event | None:
        pool, listener = Pool(Services(load({}, path=path), {}, Listener())), door(0)
        there = AsyncTcpClient("127.0.0.1", listener.getsockname()[1])
        async with pool.open(), listening(pool, listener), asyncio.timeout(60), there as client:
            for each in (Transcribe(language="en"), AudioStart(16_000, 2, 1), AudioStop()):
                await client.write_event(each.event())
            return await client.read_event()

    found = asyncio.run(act())
    assert found is not None and "not configured" in Error.from_event(found).text


@pytest.mark.parametrize(
    "sent",
    [
        b"[]\n",
        b'{"type": 1, "payload_length": "x"}\n',
        b'{"type": "audio-chunk", "payload_length": 99999999999}\n',
        b'{"type": "transcribe", "data": [1]}\n',
        b"x" * 200_000 + b"\n",
        b'{"type": "audio-start"}\n{"type": "audio-chunk", "data": {"rate": 0, "width": 9, "channels": 0}}\n',
    ],
)
def test_nonsense_ends_its_connection_alone(port: tuple[int, Served], sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port[0]), timeout=10) as door:
        door.sendall(sent)
        with suppress(ConnectionResetError):
            assert door.recv(100) == b""
    test_what_there_is(port)
