"""Ten thousand short notes, English and Chinese: reading them all, reading them again, and finding the right one.

    .venv/bin/python benchmarks/notes.py [NOTES] [WIDTH]

A strict local server embeds (WIDTH numbers a vector, 1,536 unless told) and counts what it is sent; it runs in a
process of its own. Each note tells one thing that no other tells, and each question asks for one of them. Reading is
done by a process of its own too, whose peak memory is compared with that of one that has imported the same and reads
ten notes. What a question takes besides the services is told with all vectors in memory, and for the first question.
Exits with 1 when a bar of ours is not met: the second run sends something, or a question takes 50 ms and more.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import re
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from tests.fakes.forms import Refused
from tests.fakes.server import FakeServer, Reply, Request
from voicecli.backends.selfhosted.settings import SelfhostedSettings
from voicecli.backends.selfhosted.vectors import MODEL

QUESTIONS = 200
LIMIT_MS = 50.0
PEOPLE = "Anna Boris Chiara David Elena Felix Greta Hugo Irina Jonas".split()
THINGS = "boiler bicycle passport kettle piano garden printer ladder suitcase radio".split()
东西 = "锅炉 自行车 护照 水壶 钢琴 花园 打印机 梯子 箱子 收音机".split()


def written(folder: Path, count: int) -> None:
    """The notes: every third in Chinese."""
    for at in range(count):
        who, what, which = PEOPLE[at % 10], THINGS[at // 10 % 10], f"{at:05d}"
        text = f"# {what} {which}\n\n{who} keeps the {what} number {which} in the cellar.\nAsk before the summer.\n"
        if at % 3 == 0:
            what = 东西[at // 10 % 10]
            text = f"# {what}{which}\n\n{who}把第{which}号{what}放在地下室里。\n夏天之前要问一下。\n"
        path = folder / f"{at // 100:03d}" / f"{which}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def vector(text: str, width: int) -> list[float]:
    """Words and pairs of characters, each with a direction of its own: what shares them is near."""
    found = np.zeros(width)
    words = re.findall(r"\d+|[^\W\d]+", text.casefold())
    for part in [*words, *words, *(text[at : at + 2] for at in range(len(text) - 1))]:
        found[crc32(part.encode()) % width] += 1
        found[crc32(part.encode()[::-1]) % width] -= 0.5
    return [round(float(each), 6) for each in found / (np.linalg.norm(found) or 1)]


def serve(width: int, told: Any) -> None:
    """A process: the server, until it is told to end. It tells how many texts it was sent, when it is asked."""
    sent = {"requests": 0, "texts": 0}

    def embed(request: Request) -> Reply:
        texts = request.json()["texts"]
        if request.method != "POST" or not texts or not all(isinstance(each, str) and each.strip() for each in texts):
            raise Refused("not texts")
        sent["requests"] += 1
        sent["texts"] += len(texts)
        return Reply.json({"embeddings": [vector(each, width) for each in texts]})

    with FakeServer() as server:
        server.on(f"/{MODEL}", embed)
        told.send(server.url)
        while told.recv():
            told.send(dict(sent))


class Server:
    """The server's process."""

    def __init__(self, width: int) -> None:
        self._told, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=serve, args=(width, theirs), daemon=True)
        self._process.start()
        self.url: str = self._told.recv()

    def sent(self) -> dict[str, int]:
        self._told.send(True)
        found: dict[str, int] = self._told.recv()
        return found

    def close(self) -> None:
        self._told.send(False)
        self._process.join()


@asynccontextmanager
async def opened(url: str) -> Any:
    from voicecli.backends.selfhosted.vectors import open_meaning

    async with open_meaning(SelfhostedSettings("lab", "selfhosted", embedding_url=url)) as meaning:
        yield meaning


def read(url: str, folder: Path, kept: Path, told: Any) -> None:
    """A process: brings what is kept up to date; tells seconds, peak memory in MiB, and how many notes it sent."""
    from voicecli.notes.folder import roots
    from voicecli.notes.index import Index
    from voicecli.notes.store import NoteStore, VectorMaker
    from voicecli.text.decoding import as_text

    began = time.perf_counter()
    with NoteStore.open(kept, VectorMaker("lab", "", "")) as store:
        done = asyncio.run(Index(store, roots([folder]), as_text, lambda: opened(url)).refresh())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told.send((time.perf_counter() - began, peak, done.embedded))


class Timed:
    """An embedder whose own time is taken off."""

    def __init__(self, inner: Any) -> None:
        self._inner, self.took = inner, 0.0

    async def embed(self, texts: Sequence[str], options: Any) -> Any:
        began = time.perf_counter()
        try:
            return await self._inner.embed(texts, options)
        finally:
            self.took += time.perf_counter() - began


def find(url: str, folder: Path, kept: Path, count: int, told: Any) -> None:
    """A process: asks; tells ms of the first question and of the others, how many found their note, peak memory."""
    from voicecli.notes.finding import Finder
    from voicecli.notes.folder import roots
    from voicecli.notes.store import NoteStore, VectorMaker

    async def ask() -> tuple[float, list[float], int]:
        with NoteStore.open(kept, VectorMaker("lab", "", "")) as store:
            async with opened(url) as meaning:
                timed, took, right = Timed(meaning), [], 0
                finder = Finder(store, roots([folder]), timed, budget=2000)
                for at in range(0, count, max(1, count // QUESTIONS)):
                    asked = f"Where is the {THINGS[at // 10 % 10]} {at:05d}?"
                    if at % 3 == 0:
                        asked = f"第{at:05d}号{东西[at // 10 % 10]}在哪里？"
                    began, before = time.perf_counter(), timed.took
                    found = await finder.find(asked)
                    took.append(1000 * (time.perf_counter() - began - (timed.took - before)))
                    right += any(f"{at:05d}" in each.file for each in found)
                return took[0], took[1:], right

    first, others, right = asyncio.run(ask())
    told.send((first, others, right, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def apart(work: Any, *args: Any) -> Any:
    """What `work` tells, in a fresh process."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=work, args=(*args, theirs))
    process.start()
    found = ours.recv()
    process.join()
    return found


def main() -> int:
    """Prints the figures."""
    multiprocessing.set_start_method("spawn")
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    width = int(sys.argv[2]) if len(sys.argv) > 2 else 1536
    server = Server(width)
    with tempfile.TemporaryDirectory() as name:
        few, many, kept = Path(name) / "few", Path(name) / "many", Path(name) / "notes.db"
        written(few, 10)
        written(many, count)
        _, start, _ = apart(read, server.url, few, Path(name) / "few.db")
        seconds, peak, embedded = apart(read, server.url, many, kept)
        before = server.sent()
        again, second_peak, _ = apart(read, server.url, many, kept)
        more = server.sent()["requests"] - before["requests"]
        first, took, right, asking = apart(find, server.url, many, kept, count)
        size = kept.stat().st_size / 1e6
    server.close()
    asked = len(took) + 1
    median, worst = statistics.median(took), sorted(took)[int(0.95 * len(took))]
    rows = {
        f"{embedded:,} notes read and kept": f"{seconds:.1f} s, {before['requests']} requests in all",
        "peak memory above ten notes": f"{peak - start:.0f} MiB (of {peak:.0f})",
        "read again, nothing changed": f"{again:.2f} s, {more} requests, {second_peak:.0f} MiB",
        "on disk": f"{size:.0f} MB",
        "a question besides the service": f"{median:.1f} ms (95%: {worst:.1f} ms)",
        "the first question, with reading the vectors": f"{first:.0f} ms",
        "memory of the process that asks": f"{asking:.0f} MiB",
        "the note that was asked for is among those given": f"{right} of {asked}",
    }
    for what, figure in rows.items():
        print(f"{what:<50} {figure}")
    print(json.dumps({"notes": count, "width": width, "median_ms": round(median, 2), "requests_again": more}))
    return int(more > 0 or median >= LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
