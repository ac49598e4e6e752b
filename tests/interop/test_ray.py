"""`voice serve` with recognisers and voices in processes of Ray's: one is killed under load, nothing is left."""

from __future__ import annotations

import asyncio
import os
import re
import select
import signal
import socket
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests import weights
from tests.interop.tools import ROOT, TOOLS
from tests.server.conftest import Served, serving
from tests.waiting import eventually, until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]
CONFIG = """
[use]
chat = "local"
speak = "local"
transcribe = "local"
[backends.local]
family = "local"
replicas = 2
"""
SENTENCE = {"input": "Good morning.", "response_format": "wav"}
ASIDE_S = 3.0
"""What an answer may take longer while a process dies, on a machine that has other work."""


def below(pid: int) -> dict[int, str]:
    """The processes that came of one, with their names."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, new = {pid}, {pid}
    while new := {child for child, parent in parents.items() if parent in new}:
        found |= new
    return {each: named(each) for each in found}


def named(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def doors(pids: set[int]) -> set[str]:
    """The addresses, in hex as the kernel writes them, on which these processes listen."""
    inodes = set()
    for fd in (fd for pid in pids for fd in Path(f"/proc/{pid}/fd").glob("*")):
        try:
            inodes |= set(re.findall(r"socket:\[(\d+)\]", str(fd.readlink())))
        except OSError:
            continue
    rows = [line.split() for kind in ("tcp", "tcp6") for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]]
    return {row[1].partition(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}


@dataclass
class Asked:
    """One request: when it began and ended, and how."""

    begun: float
    ended: float
    status: int
    body: bytes


@dataclass
class Running:
    """A server whose replicas are up, and the sound that it is asked about."""

    server: Served
    sound: bytes
    pids: set[int]

    def replica(self, kind: str) -> int:
        return next(pid for pid, name in below(self.server.process.pid).items() if kind in name)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.server.url, trust_env=False, timeout=60)

    async def hear(self, client: httpx.AsyncClient) -> Asked:
        return await self.post(client, "transcriptions", files={"file": ("a.wav", self.sound)})

    async def say(self, client: httpx.AsyncClient) -> Asked:
        return await self.post(client, "speech", json=SENTENCE)

    async def post(self, client: httpx.AsyncClient, path: str, **what: object) -> Asked:
        begun = time.monotonic()
        try:
            answer = await client.post(f"/v1/audio/{path}", **what)  # type: ignore[arg-type]
            return Asked(begun, time.monotonic(), answer.status_code, answer.content)
        except httpx.HTTPError as exc:
            return Asked(begun, time.monotonic(), 0, str(exc).encode())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Asked once for each, so that all is up; at the end nothing of it may be left."""
    if why := weights.missing():
        pytest.fail(why)
    home, before = tmp_path_factory.mktemp("ray"), set(Path(tempfile.gettempdir()).glob("voice-ray-*"))
    with socket.create_server(("127.0.0.1", 0)) as reports:
        env = weights.ENV | {
            "PYTHONPATH": str(ROOT),
            "RAY_USAGE_STATS_REPORT_URL": f"http://127.0.0.1:{reports.getsockname()[1]}",
            "RAY_USAGE_STATS_REPORT_INTERVAL_S": "1",
        }
        python = str(TOOLS / "ray" / "bin" / "python")
        with serving(home, config=CONFIG, env=env, python=python) as server, server.client(timeout=300) as client:
            sound = client.post("/v1/audio/speech", json=SENTENCE).content
            assert "morning" in client.post("/v1/audio/transcriptions", files={"file": ("a.wav", sound)}).text
            yield Running(server, sound, set(below(server.process.pid)))
            pids = set(below(server.process.pid))
        assert not select.select([reports], [], [], 0)[0], "it reported what it is used for"
    until(lambda: not any(named(pid) for pid in pids))
    assert {each.name for each in home.iterdir()} <= {"config.toml", "log", "voicecli"}
    assert set(Path(tempfile.gettempdir()).glob("voice-ray-*")) == before


async def test_it_listens_here_alone(running: Running) -> None:
    """127.0.0.1, and the same as IPv6 has it."""
    found = doors(set(below(running.server.process.pid)))
    assert found and found <= {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


@pytest.mark.parametrize(("kind", "way"), [("EarsReplica", Running.hear), ("VoiceReplica", Running.say)])
async def test_a_replica_dies_under_load(
    running: Running, kind: str, way: Callable[[Running, httpx.AsyncClient], Awaitable[Asked]]
) -> None:
    """What it worked on is asked of the other, or ends at once; nobody else notices; new ones are answered."""
    found: list[Asked] = []
    enough = asyncio.Event()

    async def keep_asking(client: httpx.AsyncClient) -> None:
        while not enough.is_set():
            found.append(await way(running, client))

    async with running.client() as client:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(6):
                tasks.create_task(keep_asking(client))
            await eventually(lambda: len(found) >= 12, 60)
            victim, killed = running.replica(kind), time.monotonic()
            os.kill(victim, signal.SIGKILL)
            known = len(found)
            await eventually(lambda: len(found) >= known + 18, 60)
            enough.set()
        later = await asyncio.gather(*(way(running, client) for _ in range(40)))
    within = max(each.ended - each.begun for each in found[:known]) + ASIDE_S
    caught = [each for each in found if each.begun < killed < each.ended]
    assert len(caught) == 6 and max(each.ended - killed for each in caught) < within
    broken = [each for each in found if each.status != 200]
    assert len(broken) <= 2 and all(each in caught for each in broken), broken
    assert [each.status for each in later] == [200] * 40
    await eventually(lambda: sum(kind in name for name in below(running.server.process.pid).values()) == 2, 120)
