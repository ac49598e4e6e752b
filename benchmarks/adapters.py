"""What an adapter costs: the first token's delay, memory while speech streams, live recognition in time.

    .venv/bin/python benchmarks/adapters.py [--runs 100] [--megabytes 100] [--seconds 60]

The services are local servers in a process of their own. Each first token carries the moment at which it was
written, so its delay is the whole way: the kernel, the switch between processes, the adapter. Beside it stands
the delay of a bare socket that reads the same bytes; the difference is the adapter's share, which is judged.
Speech is a hundred megabytes without end marks before the last; what is judged is how much this process grows
after the first megabyte. Exits with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import live_recognition

from tests.fakes.openai_server import encoded
from tests.fakes.qiniu_server import answer
from tests.fakes.server import FakeServer, Reply, Socket, Step
from voicecli.backends.registry import FAMILIES
from voicecli.backends.selfhosted.settings import SelfhostedSettings
from voicecli.types import Backend, ChatMessage, ChatOptions, SpeechRequest

TOKEN_BAR_S = 0.005
GROWTH_BAR_MIB = 8.0
PIECE = 65_536
PAUSE_S = 0.01
CHAT = {"openai": "/v1/chat/completions", "qiniu": "/v1/chat/completions", "selfhosted": "/api/chat/stream"}
"""Families whose chat streams, and where."""

SPEAKING = ("openai", "qiniu", "selfhosted", "gov")
PAGE = 4096


# -- the services, in a process of their own ---------------------------------------------------------


def serve(megabytes: int) -> None:
    """Serves until stdin closes; prints its address."""
    count = megabytes * 2**20 // PIECE
    with FakeServer() as server:
        server.on("/v1/chat/completions", lambda request: Reply.sse(lambda: _tokens(_as_event)))
        server.on("/api/chat/stream", lambda request: Reply(lambda: _tokens(_as_line), 200, {}))
        server.on("/v1/audio/speech", Reply(lambda: _sound(b"", count), 200, {"content-type": "audio/pcm"}))
        server.on("/synthesize", Reply(lambda: _sound(_wav(), count), 200, {"content-type": "audio/wav"}))
        server.on("/v1/tts", Reply(lambda: _sound(b"ID3\x04\0\0\0\0\0\0", count), 200, {"content-type": "audio/mpeg"}))
        server.on_socket("/v1/voice/tts", lambda socket: _speak(socket, count))
        print(server.url, flush=True)
        sys.stdin.read()


async def _tokens(shape: Any) -> AsyncIterator[Step]:
    """A pause, the first token with its moment, and the end."""
    yield PAUSE_S
    yield shape(str(time.monotonic()), None)
    yield PAUSE_S
    yield shape("", "stop")


def _as_event(text: str, reason: str | None) -> bytes:
    chunk = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]}
    return f"data: {json.dumps(chunk)}\n\n".encode() + (b"data: [DONE]\n\n" if reason else b"")


def _as_line(text: str, reason: str | None) -> bytes:
    return (json.dumps({"event": "done"} if reason else {"delta": text}) + "\n").encode()


async def _sound(head: bytes, count: int) -> AsyncIterator[Step]:
    if head:
        yield head
    for _ in range(count):
        yield bytes(PIECE)


def _wav() -> bytes:
    import numpy as np

    return encoded(np.zeros(0, np.int16), "wav")


async def _speak(socket: Socket, count: int) -> None:
    await socket.receive()
    for number in range(1, count + 1):
        await socket.send(answer(bytes(PIECE), -number if number == count else number))
    async for _ in socket:
        pass


@contextmanager
def services(megabytes: int) -> Iterator[str]:
    command = [sys.executable, __file__, "--serve", "--megabytes", str(megabytes)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin and process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def backend(family: str, url: str) -> Backend:
    if family == "selfhosted":
        return SelfhostedSettings("work", family, chat_url=url, tts_url=url, chat_model="m", speak_model="m", voice="v")
    kind = FAMILIES[family].settings
    return kind("work", family, base_url=f"{url}/v1", chat_model="m", speak_model="m", voice="v")


# -- the first token ---------------------------------------------------------------------------------


async def first_token(family: str, url: str, runs: int) -> list[float]:
    """Seconds from the server's write of the first token to the caller, for each run."""
    waits = []
    opening: Any = FAMILIES[family].at_best.chat
    async with opening(backend(family, url)) as model:
        for _ in range(runs):
            async with model.chat([ChatMessage("user", "Go")], ChatOptions()) as deltas:
                async for delta in deltas:
                    if delta.text:
                        waits.append(time.monotonic() - float(delta.text))
    return waits


async def bare_socket(path: str, url: str, runs: int) -> list[float]:
    """The same, for the bytes alone: no HTTP, no adapter."""
    host, port = url.removeprefix("http://").split(":")
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}"
    waits = []
    for _ in range(runs):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head.encode())
        await reader.readuntil(b"\r\n\r\n")
        piece = await reader.read(PIECE)
        now = time.monotonic()
        text = piece.decode().partition('"content": "' if "v1" in path else '"delta": "')[2].partition('"')[0]
        waits.append(now - float(text))
        writer.close()
        await writer.wait_closed()
    return waits


def ms(waits: list[float]) -> tuple[float, float]:
    """The median and the 95th percentile, in ms."""
    return 1000 * statistics.median(waits), 1000 * statistics.quantiles(waits, n=20)[18]


def tokens(url: str, runs: int) -> int:
    missed = 0
    print(f"first token, {runs} runs: ms from the server's write to the caller (median, 95 %)")
    print(f"{'family':<12}{'adapter':>16}{'bare socket':>16}{'adapter alone':>16}")
    for family, path in CHAT.items():
        asyncio.run(first_token(family, url, 10))
        whole = ms(asyncio.run(first_token(family, url, runs)))
        bare = ms(asyncio.run(bare_socket(path, url, runs)))
        share = (whole[0] - bare[0], whole[1] - bare[1])
        missed += share[1] > 1000 * TOKEN_BAR_S
        cells = "".join(f"{f'{a:.2f}, {b:.2f}':>16}" for a, b in (whole, bare, share))
        print(f"{family:<12}{cells}", flush=True)
    return missed


# -- memory while speech streams ---------------------------------------------------------------------


def rss_mib() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20


async def streamed(family: str, url: str) -> tuple[float, float, float]:
    """MiB that came, MiB that the process grew by after the first, seconds."""
    size, least, most, began = 0, 0.0, 0.0, time.monotonic()
    opening: Any = FAMILIES[family].at_best.speak
    async with opening(backend(family, url)) as voice, voice.speak(SpeechRequest("Go")) as chunks:
        async for chunk in chunks:
            if size // 2**20 != (size + len(chunk.data)) // 2**20:
                now = rss_mib()
                least, most = least or now, max(most, now)
            size += len(chunk.data)
    return size / 2**20, most - least, time.monotonic() - began


def memory(url: str, megabytes: int) -> int:
    missed = 0
    print(f"\nspeech of {megabytes} MiB: how much the process grows after the first")
    print(f"{'family':<12}{'came':>12}{'grew':>12}{'MiB/s':>12}")
    for family in SPEAKING:
        came, grew, seconds = asyncio.run(streamed(family, url))
        missed += grew > GROWTH_BAR_MIB or came < megabytes
        print(f"{family:<12}{came:>8.0f} MiB{grew:>8.1f} MiB{came / seconds:>12.0f}", flush=True)
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60.0, help="of live recognition; 0 leaves it out")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.megabytes)
        return 0
    with services(args.megabytes) as url:
        missed = tokens(url, args.runs) + memory(url, args.megabytes)
    if args.seconds:
        print(f"\nlive recognition over Qiniu's WebSocket, {args.seconds:g} s of digits")
        missed += live_recognition.measure(args.seconds)
    print(f"\n{missed or 'no'} bar{'s' if missed > 1 else ''} missed")
    return min(1, missed)


if __name__ == "__main__":
    sys.exit(main())
