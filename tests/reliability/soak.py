"""A long conversation with services that fail at random: what became of every turn, and of memory and open files.

`voice talk --fast` runs as a process; a person says a number in each turn (tests/people.py), and the server answers,
refuses, breaks off, sends nonsense or is silent, as the seed says; now and then a service is down for several turns.

Belongs here: the person, the moods of the server, the account of the turns. Does not belong here: what is asserted
(test_soak.py), how it is shown (benchmarks/soak.py).
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.fakes.openai_server import OpenAIServer, next_digits
from tests.fakes.server import Act, Reply, Request
from tests.people import says
from tests.test_talk_devices import settings

RATE = 16_000
QUIET = bytes(2 * RATE)
DIGITS = 4

MOODS: dict[str, Reply] = {
    "refused": Reply.json({"error": {"message": "overloaded"}}, 503),
    "limited": Reply.json({"error": {"message": "slowly"}}, 429, retry_after="0"),
    "failed": Reply.json({"error": {"message": "cannot do it"}}, 400),
    "reset": Reply([Act.RESET], raw=True),
    "cut": Reply([b'{"text": "12', Act.CUT], 200, {"content-type": "application/json"}),
    "nonsense": Reply(b"<html>\x1b[31mlogin</html>", 200, {"content-type": "text/html"}),
    "empty": Reply(b"", 200, {"content-type": "application/json"}),
    "silent": Reply([Act.STALL]),
}
"""What a server does in place of an answer."""
OFTEN = tuple(name for name in MOODS if name != "silent")
MOODY, DOWN = 0.06, 0.01
"""How many of the requests meet a mood, and begin a time in which a verb is down."""
DOWN_FOR = (4, 25)
"""Requests that a verb is down for."""
TIMEOUT_S = 1.0


class Moody(OpenAIServer):
    """Answers as a strict server does, or as its mood is."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.rng = random.Random(seed)
        self.moods: Counter[str] = Counter()
        self.down: dict[str, tuple[int, str]] = {}

    async def app_handler(self, request: Request) -> Reply:
        mood = self.mood(request.path)
        if not mood:
            return await super().app_handler(request)
        self.moods[mood] += 1
        return MOODS[mood]

    def mood(self, verb: str) -> str:
        left, mood = self.down.pop(verb, (0, ""))
        if left:
            self.down[verb] = (left - 1, mood)
            return mood
        dice = self.rng.random()
        if dice < DOWN:
            self.down[verb] = (self.rng.randint(*DOWN_FOR), self.rng.choice(OFTEN))
        return self.rng.choice((*OFTEN * 3, "silent")) if dice < DOWN + MOODY else ""


@dataclass
class Account:
    """What became of a conversation. `holes` are turns of which nothing was heard again: there must be none."""

    turns: int
    answered: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    holes: list[str] = field(default_factory=list)
    moods: Counter[str] = field(default_factory=Counter)
    code: int = 0
    error: str = ""
    seconds: float = 0.0
    memory: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    kept: int = 0

    def grown(self, values: list[Any]) -> float:
        """How much more the last quarter took than the second, at the median."""
        quarter = max(1, len(values) // 4)
        return float(np.median(values[-quarter:]) - np.median(values[quarter : 2 * quarter]))


def number(turn: int) -> str:
    """What is said in a turn: no two in a row are alike."""
    return f"{turn:0{DIGITS}d}"


def hold(turns: int, seed: int, env: dict[str, str], folder: Path) -> Account:
    """The whole conversation. `env` is the home of a person who has never used voice."""
    account = Account(turns)
    with Moody(seed) as server:
        config = folder / "config.toml"
        config.write_text(settings(server) + f"timeout_s = {TIMEOUT_S}\n")
        line = ("talk", "--fast", "--input", "-", "--output", "/dev/null", "--json", "--save", str(folder / "kept"))
        process = subprocess.Popen(
            [sys.executable, "-m", "voicecli", *line],
            env=env | {"VOICE_CONFIG": str(config)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        began = time.monotonic()
        speaking = threading.Thread(target=_speak, args=(process, turns))
        complaining = threading.Thread(target=_read_errors, args=(process, account))
        for thread in (speaking, complaining):
            thread.start()
        events = list(_events(process, account))
        account.code = process.wait()
        for thread in (speaking, complaining):
            thread.join()
        account.seconds = time.monotonic() - began
        account.moods = server.moods
    for stream in (process.stdin, process.stdout, process.stderr):
        assert stream is not None
        stream.close()
    _settle(account, events)
    account.kept = len(list((folder / "kept").rglob("lost-*.wav")))
    return account


def _speak(process: subprocess.Popen[bytes], turns: int) -> None:
    assert process.stdin is not None
    try:
        process.stdin.write(QUIET)
        for turn in range(turns):
            process.stdin.write(says(number(turn), RATE).tobytes() + QUIET + QUIET)
        process.stdin.close()
    except BrokenPipeError:
        pass  # it has ended: its code tells


def _read_errors(process: subprocess.Popen[bytes], account: Account) -> None:
    assert process.stderr is not None
    account.error = process.stderr.read().decode("utf-8", "replace")[-4000:]


def _events(process: subprocess.Popen[bytes], account: Account) -> Iterator[dict[str, Any]]:
    """The events, and after each turn what the process takes."""
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] in ("turn_metrics", "turn_lost"):
            _measure(process.pid, account)
        yield event


def _measure(pid: int, account: Account) -> None:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        account.files.append(len(list(Path(f"/proc/{pid}/fd").iterdir())))
    except OSError:
        return
    account.memory.append(pages * 4096 / 1e6)


def _settle(account: Account, events: list[dict[str, Any]]) -> None:
    """Turns are said in order: each is answered with its own number, or is one of those lost between two answers."""
    said: dict[int, str] = {}
    outcome: dict[int, str] = {}
    for event in events:
        turn = event.get("turn", 0)
        if event["event"] == "user_said":
            said[turn] = event["text"]
        elif event["event"] == "assistant_said":
            whole = "".join(each for each in event["text"] if each.isdigit()) == next_digits(said.get(turn, ""))[:-1]
            outcome.setdefault(turn, "answered" if whole else "broken")
        elif event["event"] == "turn_lost":
            outcome[turn] = "lost"
            account.lost[str(event["code"])] += 1
    at = 0
    for turn in sorted(outcome):
        text = said.get(turn, "")
        if text and text != number(at):
            account.holes.append(f"turn {turn}: heard {text}, expected {number(at)}")
            at = int(text) if text.isdigit() else at
        at += 1
    if at != account.turns:
        account.holes.append(f"{at} of {account.turns} turns had an outcome")
    account.answered = sum(each == "answered" for each in outcome.values())
    account.broken = sum(each == "broken" for each in outcome.values())
