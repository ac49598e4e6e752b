"""How long a person waits at a terminal: for the first word of an answer once it was sent, and for the prompt of talk.

    .venv/bin/python benchmarks/first_word.py [RUNS]

A local service notes when it sends the first word; a pseudo-terminal notes when that word is written to it. The prompt
of `voice talk` is timed from the start of its process, with the processor's time that it took until then (Linux): where
more programs want to run than there are processors, that is judged, and it is said. Exits with 1 when a bar is missed.
"""

from __future__ import annotations

import os
import pty
import statistics
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fakes.server import FakeServer, Reply, Request
from tests.test_cli_chat import PATH, STOP, event

WORD = "Margaret"
BARS = {"chat: the first word, after it was sent": 50.0, "talk: the prompt, after the command": 300.0}


def shown(command: list[str], env: dict[str, str], what: str) -> tuple[float, float]:
    """When `what` was written to the terminal (monotonic, s), and the program's processor time until then (ms).

    The program is ended then.
    """
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (30, 100))
    with subprocess.Popen(
        [sys.executable, "-m", "voicecli", *command], stdin=theirs, stdout=theirs, stderr=theirs, env=env
    ) as process:
        os.close(theirs)
        text = b""
        while what.encode() not in text:
            text += os.read(ours, 65536)
        at, spent = time.monotonic(), processor_ms(process.pid)
        process.kill()
    os.close(ours)
    return at, spent


def processor_ms(process: int) -> float:
    """What the threads of a process have had of the processors; 0 where nobody tells."""
    told = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(each.read_text().split()[0]) for each in told) / 1e6


def first_word(env: dict[str, str], server: FakeServer) -> tuple[float, float]:
    """Milliseconds from the service's first word to the terminal's; of the processor nothing is known."""
    sent: list[float] = []

    async def answer(request: Request) -> Reply:
        sent.append(time.monotonic())
        return Reply.sse([event(f"{WORD} says"), event(" more"), STOP])

    server.on(PATH, answer)
    at, _ = shown(["chat", "--private", "Who?"], env, WORD)
    return 1000 * (at - sent[0]), 0.0


def prompt(env: dict[str, str], server: FakeServer) -> tuple[float, float]:
    """Milliseconds from the command to its prompt, and those of the processor."""
    began = time.monotonic()
    at, spent = shown(["talk", "--private"], env, "› ")
    return 1000 * (at - began), spent


def main() -> int:
    """Prints the figures."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    measures: list[Callable[[dict[str, str], FakeServer], tuple[float, float]]] = [first_word, prompt]
    busy, missed = os.getloadavg()[0] > (os.cpu_count() or 1), 0
    if busy:
        print(f"a busy machine: {os.getloadavg()[0]:.1f} programs want to run on {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as name, FakeServer() as server:
        file = Path(name) / "voice.toml"
        file.write_text(
            f'[use]\nchat = "w"\n[backends.w]\nfamily = "openai"\nbase_url = "{server.url}/v1"\nchat_model = "m"\n'
        )
        kept = {each: os.environ[each] for each in ("PATH", "LANG") if each in os.environ}
        env = kept | {"HOME": name, "VOICE_CONFIG": str(file), "TERM": "xterm-256color"}
        for (what, bar), measure in zip(BARS.items(), measures, strict=True):
            took, spent = zip(*(measure(env, server) for _ in range(runs)), strict=True)
            judged = min(spent) if busy and min(spent) else min(took)
            missed += judged > bar
            also = f"; of the processor {min(spent):.0f} ms at least" if min(spent) else ""
            middle = statistics.median(took)
            print(f"{what}: {min(took):.0f} ms at least, a median of {middle:.0f} ms{also} (bar: {bar:.0f} ms)")
    return min(1, missed)


if __name__ == "__main__":
    sys.exit(main())
