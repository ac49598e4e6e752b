"""How soon a live recogniser's words are there: a minute of spoken digits at the pace of a microphone.

    .venv/bin/python benchmarks/live_recognition.py [SECONDS]

The local server is a process of its own, and decodes the tones that it is sent. Measured is the time from the
20 ms frame that ends a digit to the interim text that has it; from it is taken what the server took, from the
piece's arrival to its answer. What is left is the pieces (100 to 200 ms of sound each), the ways, and the
adapter. The other endings of a session are tried at ten times the pace: there only the text is judged.
Exits with 1 when a digit is wrong, lost or sent twice, or comes late.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests import dtmf
from tests.backends.qiniu.test_live import delays
from tests.fakes.qiniu_server import Manner, QiniuServer

DIGITS = "40719938256158302947"
BAR_S = 0.3
DIGIT_S = (dtmf.TONE_MS + dtmf.GAP_MS) / 1000
ENDINGS = {"flag": 1.0, "quiet": 10.0, "close": 10.0, "error": 10.0}
"""How a session ends, and the pace at which it is tried."""


# -- the service, in a process of its own ------------------------------------------------------------


class Timed(QiniuServer):
    """Notes for every answer how many digits it has, and how long it took."""

    def __init__(self, manner: Manner) -> None:
        super().__init__(manner)
        self.answers: list[tuple[int, float]] = []

    async def answer(self, socket: Any, heard: Any, digits: Any, number: int) -> None:
        await super().answer(socket, heard, digits, number)
        self.answers.append((len(heard.text), time.monotonic() - heard.came[-1]))


def serve(ending: Any) -> None:
    """Serves until stdin closes; prints its address, then what it was sent and how long its answers took."""
    with Timed(Manner(ending=ending, patience_s=30.0)) as server:
        print(server.base, flush=True)
        sys.stdin.read()
        (session,) = server.sessions
    facts = {"text": session.text, "bytes": len(session.pcm), "complaint": session.complaint, "answers": server.answers}
    print(json.dumps(facts), flush=True)


def one(ending: str, digits: str, pace: float) -> tuple[str, list[float], dict[str, Any]]:
    """The final text, each digit's delay without the server's own, and what the server tells."""
    command = [sys.executable, __file__, "--serve", ending]
    # One thread: a second one spins while it waits, and takes the time of whoever else runs.
    env = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True) as process:
        assert process.stdin and process.stdout
        server: Any = SimpleNamespace(base=process.stdout.readline().strip())
        text, waits = asyncio.run(delays(server, digits, pace))
        process.stdin.close()
        facts: dict[str, Any] = json.loads(process.stdout.read())
    spent = [next((took for count, took in facts["answers"] if count > n), 0.0) for n in range(len(waits))]
    return text, [wait - took for wait, took in zip(waits, spent, strict=True)], facts


def figures(waits: list[float]) -> tuple[float, float, float]:
    """The median, the 95th percentile and the most, in ms."""
    late = statistics.quantiles(waits, n=20)[18]
    return 1000 * statistics.median(waits), 1000 * late, 1000 * max(waits)


def measure(seconds: float) -> int:
    """Prints a line per ending; how many bars were missed."""
    count = round(seconds / DIGIT_S)
    digits = (DIGITS * (count // len(DIGITS) + 1))[:count]
    missed = 0
    for ending, pace in ENDINGS.items():
        text, waits, facts = one(ending, digits, pace)
        sent_s = facts["bytes"] / 32_000
        right = text == facts["text"] == digits and not facts["complaint"] and abs(sent_s - count * DIGIT_S) < 0.001
        late = sum(wait > BAR_S for wait in waits) if pace == 1.0 else 0
        missed += (not right) + (late > 0)
        shown = "; shown after: median {:.0f} ms, 95 % {:.0f} ms, most {:.0f} ms, late {}".format(*figures(waits), late)
        print(
            f"ends by {ending:5} pace ×{pace:<3g} {count} digits, {'all right' if right else 'WRONG'}, "
            f"{sent_s:.1f} s sent{shown if pace == 1.0 else ''}",
            flush=True,
        )
    return missed


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
        sys.exit(0)
    sys.exit(min(1, measure(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)))
