"""The gap of a turn through `/v1/realtime` beside that of `voice talk`, on the same services, with the same people.

    python benchmarks/realtime_gap.py [--turns 15]

Both use a local server that takes 150 ms to recognise an upload, 200 ms to the first token, 15 ms a token and 150 ms to
the first sound, and hear the same digits over speech in the same order. `voice talk` has virtual sound devices: its gap
is on their recording, with the sound card's 40 ms. The session's client sends frames of 20 ms in real time; its gap is
from the moment of the person's last sample to the first audible one that has come. Prints both medians and what the
session takes longer; gates nothing. For figures the machine must be quiet.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import random
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from talk import HABITS, REPLY, Row, say_digits
from websockets.asyncio.client import ClientConnection, connect

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.people import says  # noqa: E402
from tests.server.conftest import serving  # noqa: E402
from tests.virtual import RATE, sounds, virtual_devices  # noqa: E402
from voicecli.audio.pcm import AUDIBLE, resample  # noqa: E402

HEARD_RATE = 24_000
FRAME = HEARD_RATE // 50


class Caller:
    """Who speaks into a session and listens; `gaps` in ms."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket, self.over = socket, asyncio.Event()
        self.waiting: list[bytes] = []
        self.spoke = 0.0
        self.gaps: list[float] = []

    async def microphone(self) -> None:
        """In real time, silence where nobody speaks, until cancelled."""
        begun, number = time.perf_counter(), 0
        while True:
            frame = self.waiting.pop(0) if self.waiting else bytes(2 * FRAME)
            number += 1
            await asyncio.sleep(begun + number * 0.02 - time.perf_counter())
            event = {"type": "input_audio_buffer.append", "audio": base64.b64encode(frame).decode()}
            await self.socket.send(json.dumps(event))

    async def listen(self) -> None:
        async for message in self.socket:
            event = json.loads(message)
            if event["type"] == "response.output_audio.delta" and self.spoke:
                samples = np.frombuffer(base64.b64decode(event["delta"]), np.int16).astype(np.int32)
                loud = np.flatnonzero(np.abs(samples) >= AUDIBLE)
                if loud.size:
                    self.gaps.append(1000 * (time.perf_counter() - self.spoke + int(loud[0]) / HEARD_RATE))
                    self.spoke = 0.0
            elif event["type"] == "response.done":
                self.over.set()

    async def turn(self, digits: str) -> None:
        """Says them, and waits for the end of the answer."""
        spoken = says(digits)
        last = sounds(spoken, quietest=1000)[-1][1] / RATE
        pcm = resample(spoken.tobytes(), RATE, HEARD_RATE)
        self.over.clear()
        self.waiting += [pcm[at : at + 2 * FRAME].ljust(2 * FRAME, b"\0") for at in range(0, len(pcm), 2 * FRAME)]
        # A frame is sent when its last sample was taken: the first of these was taken a frame before.
        self.spoke = time.perf_counter() + last
        await self.over.wait()
        await asyncio.sleep(0.45)


async def session(port: int, turns: int) -> list[float]:
    rng = random.Random(1)
    async with connect(f"ws://127.0.0.1:{port}/v1/realtime", proxy=None, compression=None) as socket:
        caller = Caller(socket)
        beside = [asyncio.create_task(each) for each in (caller.microphone(), caller.listen())]
        for _ in range(turns):
            await caller.turn("".join(rng.choices("0123456789", k=6)))
        for each in beside:
            each.cancel()
    return caller.gaps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=15)
    turns = parser.parse_args().turns
    with virtual_devices() as devices:
        recorded, told, _ = say_digits(devices, Row(), turns)
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as server:
        server.behind.habits = replace(HABITS, script=[REPLY] * turns * 4)
        served = asyncio.run(session(server.port, turns))
    middle = [statistics.median(each) for each in (recorded, told, served)]
    print(f"voice talk {middle[0]:.0f} ms on the recording ({len(recorded)} of {turns}), {middle[1]:.0f} told")
    print(f"/v1/realtime {middle[2]:.0f} ms ({len(served)} of {turns}): {middle[2] - middle[0]:+.0f} ms")


if __name__ == "__main__":
    main()
