"""`voice serve` with recognisers and voices in processes of Ray's: they are killed under load, they become more and
fewer, an archive is transcribed with them, and nothing of them is left. PYTEST_ADDOPTS=-rP shows the figures.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import select
import signal
import socket
import sys
import tempfile
import time
import wave
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests import weights
from tests.interop.tools import ROOT, TOOLS
from tests.server.conftest import Served, serving
from tests.waiting import eventually, until

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]
CONFIG = """
[use]
chat = "local"
speak = "local"
transcribe = "local"
[backends.local]
family = "local"
replicas = 2
[backends.one]
family = "local"
replicas = 1
[backends.grows]
family = "local"
most_replicas = 3
"""
CLIENT = """
[use]
transcribe = "archive"
[backends.archive]
family = "openai"
base_url = "{url}/v1"
"""
RECORDINGS = 64
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

    def replicas(self, kind: str) -> list[int]:
        return [pid for pid, name in below(self.server.process.pid).items() if f":{kind}" in name]

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.server.url, trust_env=False, timeout=60)

    async def hear(self, client: httpx.AsyncClient, model: str = "local") -> Asked:
        asked = {"files": {"file": ("a.wav", self.sound)}, "data": {"model": model}}
        return await self.post(client, "transcriptions", **asked)

    async def say(self, client: httpx.AsyncClient) -> Asked:
        return await self.post(client, "speech", json=SENTENCE)

    async def post(self, client: httpx.AsyncClient, path: str, **what: object) -> Asked:
        begun = time.monotonic()
        try:
            answer = await client.post(f"/v1/audio/{path}", **what)  # type: ignore[arg-type]
            return Asked(begun, time.monotonic(), answer.status_code, answer.content)
        except httpx.HTTPError as exc:
            return Asked(begun, time.monotonic(), 0, str(exc).encode())


def folders() -> set[Path]:
    """Ours, and Ray's own, which nobody wants."""
    return {each for name in ("voice-ray-*", "ray") for each in Path(tempfile.gettempdir()).glob(name)}


def started(home: Path, **env: str) -> AbstractContextManager[Served]:
    if why := weights.missing():
        pytest.fail(why)
    env = weights.ENV | {"PYTHONPATH": str(ROOT)} | env
    return serving(home, config=CONFIG, env=env, python=str(TOOLS / "ray" / "bin" / "python"))


@contextmanager
def served(home: Path, **env: str) -> Iterator[Running]:
    """Asked once for each, so that all is up."""
    with started(home, **env) as server, server.client(timeout=300) as client:
        sound = client.post("/v1/audio/speech", json=SENTENCE).content
        assert "morning" in client.post("/v1/audio/transcriptions", files={"file": ("a.wav", sound)}).text
        yield Running(server, sound, set(below(server.process.pid)))


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> float:
    """How long a process or the folder of a killed server is still there, in seconds."""
    before = folders()
    with served(tmp_path_factory.mktemp("killed")) as running:
        assert len(folders() - before) == 1
        running.server.process.kill()
        began = time.monotonic()
        until(lambda: not any(named(pid) for pid in running.pids) and folders() == before)
    return time.monotonic() - began


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, killed: float) -> Iterator[Running]:
    """At the end nothing of it may be left."""
    home, before = tmp_path_factory.mktemp("ray"), folders()
    with socket.create_server(("127.0.0.1", 0)) as reports:
        url = f"http://127.0.0.1:{reports.getsockname()[1]}"
        with served(home, RAY_USAGE_STATS_REPORT_URL=url, RAY_USAGE_STATS_REPORT_INTERVAL_S="1") as found:
            yield found
            pids, began = set(below(found.server.process.pid)), time.monotonic()
        log.warning("SIGTERM to the end of the server: %.1f s", time.monotonic() - began)
        assert not select.select([reports], [], [], 0)[0], "it reported what it is used for"
    until(lambda: not any(named(pid) for pid in pids))
    assert {each.name for each in home.iterdir()} <= {"config.toml", "log", "voicecli"}
    assert folders() == before


async def test_a_server_ends_while_ray_begins(tmp_path: Path) -> None:
    before = folders()
    async with asyncio.TaskGroup() as tasks:
        with started(tmp_path) as server:
            running = Running(server, b"", set())
            async with running.client() as client:
                asked = tasks.create_task(running.say(client))
                await eventually(lambda: "raylet/raylet" in "".join(below(server.process.pid).values()), 60)
                pids = set(below(server.process.pid))
                server.process.terminate()
                assert (await asked).status in (0, 500)
    until(lambda: not any(named(pid) for pid in pids) and folders() == before)


async def test_a_killed_server_takes_ray_with_it(killed: float) -> None:
    log.warning("nothing of a killed server is left after %.1f s", killed)


async def test_it_listens_here_alone(running: Running) -> None:
    """127.0.0.1, and the same as IPv6 has it."""
    found = doors(set(below(running.server.process.pid)))
    assert found and found <= {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


@pytest.mark.parametrize(("kind", "way"), [("local-EarsReplica", Running.hear), ("local-VoiceReplica", Running.say)])
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
            victim, killed = running.replicas(kind)[0], time.monotonic()
            os.kill(victim, signal.SIGKILL)
            known = len(found)
            await eventually(lambda: len(found) >= known + 18, 60)
            enough.set()
        later = await asyncio.gather(*(way(running, client) for _ in range(40)))
    within = max(each.ended - each.begun for each in found[:known]) + ASIDE_S
    caught = [each for each in found if each.begun < killed < each.ended]
    took = [each.ended - killed for each in sorted(caught, key=lambda each: each.begun)]
    assert len(caught) == 6 and max(took) < within
    log.warning(
        "%s: what was asked before its end, oldest first, was answered after %.2f %.2f %.2f %.2f %.2f %.2f s",
        kind,
        *took,
    )
    broken = [each for each in found if each.status != 200]
    assert len(broken) <= 2 and all(each in caught for each in broken), broken
    assert [each.status for each in later] == [200] * 40
    await eventually(lambda: len(running.replicas(kind)) == 2, 120)


async def test_there_are_more_replicas_while_there_is_more_to_do(running: Running) -> None:
    async def asked(client: httpx.AsyncClient) -> None:
        while not enough.is_set():
            assert (await running.hear(client, "grows")).status == 200

    def count() -> int:
        return len(running.replicas("grows-EarsReplica"))

    enough = asyncio.Event()
    async with running.client() as client:
        assert (await running.hear(client, "grows")).status == 200
        assert count() == 1
        async with asyncio.TaskGroup() as tasks:
            began = time.monotonic()
            for _ in range(8):
                tasks.create_task(asked(client))
            await eventually(lambda: count() == 3, 120)
            grew = time.monotonic() - began
            enough.set()
    began = time.monotonic()
    await eventually(lambda: count() == 1, 120)
    log.warning("from one to three in %.1f s of load, and back %.1f s after it", grew, time.monotonic() - began)


# -- an archive ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings, each of a number of its own."""
    folder = tmp_path_factory.mktemp("archive")
    for number in range(RECORDINGS):
        with wave.open(str(folder / f"{number + 1}.wav"), "wb") as out:
            out.setparams((1, 2, 16_000, 0, "NONE", ""))
            out.writeframes(weights.spoken(f"The number of this recording is {number + 1}.", 16_000).tobytes())
    return folder


async def transcribing(running: Running, archive: Path, out: Path, model: str) -> asyncio.subprocess.Process:
    """`voice transcribe -j 64`, begun."""
    home = out.parent
    (home / "client.toml").write_text(CLIENT.format(url=running.server.url))
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = ["-m", "voicecli", "--config", str(home / "client.toml"), "transcribe", "-r", str(archive)]
    wish = ["-o", f"{out}/", "-j", "64", "-m", model]
    return await asyncio.create_subprocess_exec(
        sys.executable, *command, *wish, env=env, stderr=asyncio.subprocess.PIPE
    )


def texts(out: Path) -> dict[str, str]:
    return {each.stem: each.read_text() for each in out.rglob("*.txt")}


def cpu(pid: int) -> int:
    """Ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def test_an_archive_is_shared_out(running: Running, archive: Path, tmp_path: Path) -> None:
    """Each recording's text is its own, and each of two replicas has a fair share of the work."""
    took, found = {"one": 0.0, "local": 0.0}, {}
    async with running.client() as client:
        assert (await running.hear(client, "one")).status == 200
    before = {pid: cpu(pid) for pid in running.replicas("local-EarsReplica")}
    for turn, model in enumerate(["one", "local", "local", "one"]):
        began, out = time.monotonic(), tmp_path / f"{turn}"
        process = await transcribing(running, archive, out, model)
        _, said = await process.communicate()
        assert process.returncode == 0, said.decode()
        took[model] += time.monotonic() - began
        found[turn] = texts(out)
    assert len(found[0]) == RECORDINGS == len(set(found[0].values()))
    assert found[0] == found[1] == found[2] == found[3]
    shares = [cpu(pid) - ticks for pid, ticks in before.items()]
    assert len(shares) == 2 and min(shares) > 0.5 * max(shares), shares
    log.warning("the archive, twice: by one %.1f s, by two %.1f s (ticks %s)", took["one"], took["local"], shares)


async def test_no_recording_is_lost_with_a_replica(running: Running, archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "texts"
    process = await transcribing(running, archive, out, "local")
    await eventually(lambda: len(texts(out)) >= RECORDINGS // 4, 60)
    os.kill(running.replicas("local-EarsReplica")[0], signal.SIGKILL)
    known = len(texts(out))
    _, said = await process.communicate()
    assert process.returncode == 0 and known < RECORDINGS, said.decode()
    assert len(set(texts(out).values())) == RECORDINGS
