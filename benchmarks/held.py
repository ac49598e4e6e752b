"""What a large history and a very long recording cost: 50,000 conversations, and hours of silence and of clicks.

    .venv/bin/python benchmarks/held.py [--conversations 50000] [--hours 20]

Each line is a command of its own: seconds, MiB at most, exit code. A person has neither; an audit asked.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile as sf

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fakes.openai_server import OpenAIServer
from voicecli.storage.conversations import Store

RATE = 16_000
CONFIG = """
[use]
chat = "work"
transcribe = "work"
[backends.work]
family = "openai"
base_url = "{base}"
chat_model = "digits-chat"
transcribe_model = "digits-hear"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--conversations", type=int, default=50_000)
    parser.add_argument("--hours", type=float, default=20.0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, OpenAIServer() as server:
        home = Path(folder)
        (home / "config.toml").write_text(CONFIG.format(base=server.base_url), encoding="utf-8")
        fill(home / "voicecli" / "history.db", asked.conversations)
        (home / "here").mkdir()
        for name, click in (("silence", 0), ("clicks", 20_000)):
            record(home / "here" / f"{name}.flac", asked.hours, click)
        for command in COMMANDS:
            tell(home, command)


COMMANDS = (
    ["history", "list"],
    ["history", "search", "boat"],
    ["history", "show", "1"],
    ["chat", "189"],
    ["history", "rm", "--all", "--yes"],
    ["transcribe", "silence.flac"],
    ["transcribe", "clicks.flac"],
)


def fill(path: Path, count: int) -> None:
    """A history of so many conversations of two messages."""
    path.parent.mkdir(parents=True)
    with Store.open(path) as store, store.db as db:
        numbers = range(1, count + 1)
        db.executemany(
            "INSERT INTO conversations(id, kind, system, backend, model, began, changed)"
            " VALUES(?, 'chat', '', '', '', ?, ?)",
            ((number, number, number) for number in numbers),
        )
        db.executemany(
            "INSERT INTO messages(conversation, role, content, interrupted, at) VALUES(?, ?, ?, 0, ?)",
            (
                (number, role, f"{words} {number} of the red boat on lake {number * 7919 % 1000}", number)
                for number in numbers
                for role, words in (("user", "What is number"), ("assistant", "This is number"))
            ),
        )


def record(path: Path, hours: float, click: int) -> None:
    """A FLAC of hours: digital silence, or a click a second."""
    block = np.zeros(RATE * 60, np.int16)
    block[::RATE] = click
    with sf.SoundFile(path, "w", RATE, 1) as file:
        for _ in range(round(hours * 60)):
            file.write(block)


def tell(home: Path, command: list[str]) -> None:
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "VOICE_CONFIG": str(home / "config.toml")}
    env |= {f"XDG_{name}_HOME": str(home) for name in ("CONFIG", "STATE", "CACHE", "DATA")}
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "voicecli", *command],
        env=env,
        cwd=home / "here",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    took, mib = time.monotonic() - began, usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20)
    print(f"voice {' '.join(command):28} {took:7.2f} s {mib:6.0f} MiB  exit {process.returncode}")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()
