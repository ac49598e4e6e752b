"""One of two workers of `uvicorn --workers 2` is killed while all talk: who notices, for how long, who comes in then.

    python benchmarks/workers.py [--sessions 20] [--requests 10] [--anew 40]

Sessions send 50 frames a second and ask for something with every fifth; requests are chats whose model takes three
seconds. Ends with 1 where a session of the other worker misses an answer, one of the killed worker's takes longer
than a second to end, a request that was cut off fails when it is asked again, or a new session does not open.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.fakes.openai_server import Habits, OpenAIServer  # noqa: E402
from tests.server.conftest import CONFIG, keep_key  # noqa: E402

KEY = {"Authorization": "Bearer sesame-1234"}
APPEND = json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(bytes(960)).decode()})
AFTER_S = 3.0
"""How long the others are watched after one worker is gone."""


@contextlib.contextmanager
def workers(folder: Path, behind: OpenAIServer) -> Iterator[str]:
    """Two of them; where they are asked."""
    keep_key(folder)
    (folder / "voicecli" / "config.toml").write_text(CONFIG.format(base=behind.base_url))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--factory", "voicecli.server:create_app", "--workers", "2"]
    command += ["--port", str(port), "--log-level", "error", "--no-access-log"]
    home = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=home)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


async def ready(address: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(f"http://{address}/health")).is_success:
                    return
            await asyncio.sleep(0.2)


def owners(address: str) -> dict[int, int]:
    """Of each open connection of the clients' the process that serves it: from the clients' port."""
    port, found, sockets = int(address.rpartition(":")[2]), dict[int, int](), dict[str, int]()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        here, there, state, inode = (line.split()[each] for each in (1, 2, 3, 9))
        if state == "01" and int(here.rpartition(":")[2], 16) == port:
            sockets[f"socket:[{inode}]"] = int(there.rpartition(":")[2], 16)
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for each in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if (client := sockets.get(str(each.readlink()))) is not None:
                        found[client] = int(process.name)
    return found


class Session:
    """A client that talks until it is told to stop, or its connection ends."""

    def __init__(self) -> None:
        self.port = 0
        self.asked = self.answered = 0
        self.ended: float | None = None

    async def run(self, address: str, opened: asyncio.Semaphore, over: asyncio.Event) -> None:
        async with opening(address) as connection:
            self.port = connection.local_address[1]
            opened.release()
            reading = asyncio.create_task(self._read(connection))
            with contextlib.suppress(ConnectionClosed):
                while not over.is_set():
                    await self._talk(connection)
                await asyncio.sleep(2)  # for the last answers
            if over.is_set():
                reading.cancel()
            await asyncio.wait([reading])

    async def _talk(self, connection: ClientConnection) -> None:
        for _ in range(5):
            await connection.send(APPEND)
            await asyncio.sleep(0.02)
        await connection.send('{"type": "response.wrong"}')
        self.asked += 1

    async def _read(self, connection: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in connection:
                self.answered += json.loads(message)["type"] == "error"
        self.ended = time.monotonic()


def opening(address: str) -> connect:
    return connect(f"ws://{address}/v1/realtime", additional_headers=KEY, proxy=None, compression=None)


async def chat(client: httpx.AsyncClient) -> str:
    """Asked, and asked again where the connection broke."""
    body = {"model": "default", "messages": [{"role": "user", "content": "472"}]}
    for number in range(2):
        try:
            answer = await client.post("/v1/chat/completions", json=body, headers=KEY)
        except httpx.TransportError:
            continue
        if answer.is_success and answer.json()["choices"][0]["message"]["content"] == "583.":
            return ("at once", "when asked again")[number]
    return "never"


async def anew(address: str, count: int) -> int:
    async def one() -> bool:
        try:
            async with asyncio.timeout(10), opening(address) as connection:
                return bool(json.loads(await connection.recv())["type"] == "session.created")
        except (OSError, TimeoutError, ConnectionClosed):
            return False

    return sum([await one() for _ in range(count)])


async def measured(address: str, options: argparse.Namespace) -> bool:
    await ready(address)
    sessions, opened, over = [Session() for _ in range(options.sessions)], asyncio.Semaphore(0), asyncio.Event()
    async with (
        httpx.AsyncClient(base_url=f"http://{address}", trust_env=False, timeout=30) as client,
        asyncio.TaskGroup() as tasks,
    ):
        for each in sessions:
            tasks.create_task(each.run(address, opened, over))
            await opened.acquire()  # one after the other: of many at once one worker takes all
        whose = owners(address)
        chats = [tasks.create_task(chat(client)) for _ in range(options.requests)]
        await asyncio.sleep(1.5)  # all are under way
        victim = max(set(whose.values()), key=list(whose.values()).count)
        killed = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        came = await anew(address, options.anew)
        await asyncio.sleep(AFTER_S)
        over.set()
        said = [await each for each in chats]
    cut = [each for each in sessions if whose[each.port] == victim]
    others = [each for each in sessions if each not in cut]
    longest = max((each.ended or float("inf")) - killed for each in cut)
    missed = sum(each.asked - each.answered for each in others)
    print(
        f"{len(cut)} sessions of the killed worker ended within {1000 * longest:.0f} ms; {len(others)} of the other "
        f"went on, {sum(each.answered for each in others)} questions answered and {missed} missed; {came} of "
        f"{options.anew} new ones opened; {options.requests} requests: "
        + ", ".join(f"{said.count(how)} answered {how}" for how in sorted(set(said)))
    )
    ended = sum(each.ended is not None for each in others)
    return longest <= 1 and bool(others) and not missed and not ended and came == options.anew and "never" not in said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--requests", type=int, default=10)
    parser.add_argument("--anew", type=int, default=40)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        OpenAIServer(Habits(first_token_s=3.0)) as behind,
        workers(Path(folder), behind) as address,
    ):
        sys.exit(not asyncio.run(measured(address, options)))


if __name__ == "__main__":
    main()
