"""What `voice serve` bears on one core: sessions that speak or are silent, first bytes, what many of them leave.

    python benchmarks/serve.py [--vad silero|webrtc] [--sessions 50] [--seconds 10] [--rounds 1] [--only NAME ...]

The server is a process pinned to the first core, its clients and the service behind it (a local server of digits) to
the last. Clients send frames of 20 ms in real time, 50 a second, as events with base64. A round trip is that of a
client's event that is answered at once (an item asked for), sent among the frames. CPU is counted until the server
rests: what waits in it has not been paid for. Of several rounds the best round trips are told at the end: one that is
disturbed says nothing of the server. Prints a table; gates nothing. For the round trips the machine must be quiet:

    python benchmarks/serve.py --rounds 3 --only speaking silent mixed
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from idle import cpu_s, resident_kib  # noqa: E402

from tests import dtmf  # noqa: E402
from tests.people import speech  # noqa: E402
from tests.server.conftest import CONFIG, Served, serving  # noqa: E402

RATE, FRAME = 24_000, 480
NEVER_ENDS = {"type": "server_vad", "create_response": False, "silence_duration_ms": 10_000}


Sound = np.ndarray[Any, np.dtype[np.int16]]
TRIPS: list[float] = []
"""In ms, what 95 % of the round trips of each round took at most."""


def fan(seconds: float) -> Sound:
    """Noise that webrtcvad takes for speech and Silero does not: both judge every frame, and a reply goes on."""
    noise = np.random.default_rng(1).normal(0, 1, round(seconds * RATE))
    return np.round(600 * np.convolve(noise, np.exp(-np.arange(300) / 60), "same")).astype(np.int16)


def silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * RATE), np.int16)


@dataclass
class Tally:
    """Round trips in ms, frames sent, events that came, those of sound; `over` when the server rests.

    `replies`: whether answers are asked for. `done` counts the sessions whose last question was answered.
    """

    replies: bool
    done: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    over: asyncio.Event = field(default_factory=asyncio.Event)
    trips: list[float] = field(default_factory=list)
    sent: int = 0
    came: int = 0
    sounding: int = 0


async def session(server: Served, sound: Sound, seconds: float, tally: Tally, start: asyncio.Event) -> None:
    """Speaks in real time, and asks for something every fifth frame."""
    async with connect(
        f"ws://127.0.0.1:{server.port}/v1/realtime", proxy=None, compression=None, ping_interval=None
    ) as socket:
        hears = {"audio": {"input": {"turn_detection": NEVER_ENDS}}}
        await socket.send(json.dumps({"type": "session.update", "session": hears}))
        asked: dict[str, float] = {}
        sounds, last = asyncio.Event(), f"e{(round(seconds * 50) - 1) // 5 * 5}"
        reading = asyncio.create_task(_read(socket, asked, last, tally, sounds))
        await start.wait()
        if tally.replies:
            await _ask(socket, seconds)
            await sounds.wait()
        frames = [base64.b64encode(sound[at : at + FRAME].tobytes()).decode() for at in range(0, len(sound), FRAME)]
        begun = time.perf_counter()
        for number in range(round(seconds * 50)):
            await asyncio.sleep(begun + number * 0.02 - time.perf_counter())
            event = json.dumps({"type": "input_audio_buffer.append", "audio": frames[number % len(frames)]})
            await socket.send(event)
            tally.sent += 1
            if number % 5 == 0:
                asked[f"e{number}"] = time.perf_counter()
                await socket.send(json.dumps({"type": "response.wrong", "event_id": f"e{number}"}))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(60):
                await reading
        tally.done.release()
        await tally.over.wait()


async def _ask(socket: ClientConnection, seconds: float) -> None:
    """For an answer that sounds as long: a digit takes 140 ms."""
    content = [{"type": "input_text", "text": "7" * round(seconds / 0.14)}]
    item = {"type": "message", "role": "user", "content": content}
    await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
    await socket.send(json.dumps({"type": "response.create"}))


async def _read(
    socket: ClientConnection, asked: dict[str, float], last: str, tally: Tally, sounds: asyncio.Event
) -> None:
    async for message in socket:
        event = json.loads(message)
        tally.came += 1
        if event["type"] == "response.output_audio.delta":
            tally.sounding += 1
            sounds.set()
        if event["type"] == "error" and (sent := asked.pop(event["error"]["event_id"], None)) is not None:
            tally.trips.append(1000 * (time.perf_counter() - sent))
            if event["error"]["event_id"] == last:
                return


async def load(server: Served, options: argparse.Namespace, *crowds: tuple[Sound, int], replies: bool = False) -> str:
    """So many sessions at once of each sound. Nobody's turn ends: what is measured is hearing, and an answer."""
    tally, start, before = Tally(replies), asyncio.Event(), resident_kib(server.process.pid)
    count = sum(each for _, each in crowds)
    async with asyncio.TaskGroup() as tasks:
        for sound, each in crowds:
            for _ in range(each):
                tasks.create_task(session(server, sound, options.seconds, tally, start))
        await rested(server)
        held, cpu, began = resident_kib(server.process.pid), cpu_s(server.process.pid), time.perf_counter()
        start.set()
        for _ in range(count):
            await tally.done.acquire()
        await rested(server)
        tally.over.set()
        used, took = cpu_s(server.process.pid) - cpu, time.perf_counter() - began
    messages, trips = tally.sent * 1.2, sorted(tally.trips)  # five frames and a question
    TRIPS.append(trips[int(len(trips) * 0.95)])
    return (
        f"{count} sessions: round trip median {statistics.median(trips):.1f} ms, "
        f"95 % {TRIPS[-1]:.1f} ms; {1e6 * used / messages:.0f} us of CPU a message that came, "
        f"{tally.came / messages:.2f} that went ({tally.sounding} of sound), "
        f"{used / options.seconds / count * 1000:.1f} ms a session and second in {took:.0f} s; "
        f"{(held - before) / count:.0f} KiB a session; {len(tally.trips)} of {tally.sent // 5} answered; "
        f"load average {os.getloadavg()[0]:.0f}"
    )


async def rested(server: Served) -> None:
    """Until it takes no more than what it takes to wait: a tenth of its core."""
    busy = True
    while busy:
        before = cpu_s(server.process.pid), time.perf_counter()
        await asyncio.sleep(0.5)
        busy = cpu_s(server.process.pid) - before[0] > 0.1 * (time.perf_counter() - before[1])


def descriptors(server: Served) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


async def first_byte(server: Served, _options: argparse.Namespace) -> str:
    """Speech as a WAV, asked of the service behind and of the server, in turns."""
    import httpx

    body = {"input": "472", "model": "digits-speak", "voice": "alloy", "response_format": "wav"}
    took: dict[str, list[float]] = {"behind": [], "served": []}
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        for _ in range(41):
            for name, base in (("behind", server.behind.base_url), ("served", f"{server.url}/v1")):
                began = time.perf_counter()
                async with client.stream("POST", f"{base}/audio/speech", json=body) as answer:
                    await anext(answer.aiter_raw())
                    took[name].append(1000 * (time.perf_counter() - began))
    middle = {name: statistics.median(each[1:]) for name, each in took.items()}
    return (
        f"first byte of speech: behind {middle['behind']:.1f} ms, served {middle['served']:.1f} ms, "
        f"above it {middle['served'] - middle['behind']:.1f} ms (medians of 40)"
    )


async def broken_off(server: Served, _options: argparse.Namespace) -> str:
    """A thousand sessions, opened, spoken to and broken off without a word, fifty at a time."""
    sound = base64.b64encode(dtmf.encode("189", RATE).tobytes()).decode()

    async def one() -> None:
        with contextlib.suppress(OSError):
            async with connect(f"ws://127.0.0.1:{server.port}/v1/realtime", proxy=None, compression=None) as socket:
                await socket.recv()
                await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": sound}))
                socket.transport.abort()

    figures: list[tuple[int, int]] = []
    for _ in range(3):
        for _ in range(20 if figures else 4):
            await asyncio.gather(*(one() for _ in range(50)))
        await asyncio.sleep(2)
        figures.append((resident_kib(server.process.pid), descriptors(server)))
    shown = ", ".join(f"{kib // 1024} MiB and {count} descriptors" for kib, count in figures)
    return f"after 200, 1,200 and 2,200 sessions that were broken off: {shown}"


Measure = Callable[[Served, argparse.Namespace], Coroutine[Any, Any, str]]
MEASURES: dict[str, Measure] = {
    "speaking": lambda server, options: load(server, options, (speech(rate=RATE), options.sessions)),
    "noise": lambda server, options: load(server, options, (fan(4), options.sessions), replies=True),
    "silent": lambda server, options: load(server, options, (silence(1), 3 * options.sessions)),
    "mixed": lambda server, options: load(
        server, options, (speech(rate=RATE), options.sessions), (silence(1), 3 * options.sessions)
    ),
    "first": first_byte,
    "broken": broken_off,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vad", default="silero")
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=list(MEASURES), choices=list(MEASURES))
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), config=CONFIG + f"[talk]\nvad = '{options.vad}'\n") as server,
    ):
        for thread in Path(f"/proc/{server.process.pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {cores[0]})
        os.sched_setaffinity(0, {cores[-1]})
        asyncio.run(load(server, argparse.Namespace(seconds=2), (silence(1), 1), replies=True))  # what loads once
        for name in options.only:
            TRIPS.clear()
            for _ in range(options.rounds):
                print(f"[{options.vad}] {name}: {asyncio.run(MEASURES[name](server, options))}", flush=True)
            if len(TRIPS) > 1:
                print(f"[{options.vad}] {name}, best of {len(TRIPS)}: 95 % {min(TRIPS):.1f} ms", flush=True)


if __name__ == "__main__":
    main()
