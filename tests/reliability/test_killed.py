"""SIGKILL at any moment: what the next run leaves is whole, and the same as if nothing had happened.

The moments are seeded, and spread over the time that an undisturbed run takes.
"""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile

from tests import dtmf
from tests.fakes.openai_server import Habits, OpenAIServer
from tests.test_talk_devices import settings

KILLS = 4
RECORDINGS = 6
TEXT = " ".join(f"The number {number} is {number * 12345}." for number in range(1, 25))


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer(Habits(hear_s=0.05, first_sound_s=0.02, tone_ms=30, gap_ms=30)) as it:
        yield it


@dataclass
class Runs:
    """One command line, always with the same home, each time in the folder it is given."""

    env: dict[str, str]
    line: tuple[str, ...]

    def _start(self, folder: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "voicecli", *self.line]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(command, cwd=folder, env=self.env, stdin=quiet, stdout=quiet, stderr=subprocess.PIPE)

    def whole(self, folder: Path) -> float:
        """Undisturbed; how long it took."""
        began = time.monotonic()
        with self._start(folder) as process:
            _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()
        return time.monotonic() - began

    def killed(self, folder: Path, after_s: float) -> bool:
        """Killed after so long; whether it was still running then."""
        with self._start(folder) as process:
            try:
                process.wait(after_s)
            except subprocess.TimeoutExpired:
                process.kill()
        return process.returncode == -signal.SIGKILL


def written(folder: Path) -> dict[str, str]:
    """Every file below `folder`, hidden ones too, by its content."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


LINES = {
    "transcribe": ("transcribe", "-r", "in", "-o", "out", "-f", "srt,json"),
    "speak wav": ("speak", TEXT, "-o", "out.wav", "--srt", "out.srt"),
    "speak mp3": ("speak", TEXT, "-o", "out.mp3", "--cache"),
}


def prepared(folder: Path) -> Path:
    (folder / "in").mkdir(parents=True)
    for number in range(RECORDINGS):
        soundfile.write(folder / "in" / f"{number}.wav", dtmf.encode(f"{number}4071"), 16_000)
    return folder


@pytest.mark.parametrize("name", LINES)
def test_a_rerun_makes_up_for_it(name: str, server: OpenAIServer, home: dict[str, str], tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(settings(server))
    runs = Runs(home | {"VOICE_CONFIG": str(config)}, LINES[name])
    undisturbed, disturbed = prepared(tmp_path / "whole"), prepared(tmp_path / "killed")
    took = runs.whole(undisturbed)
    rng, killed = random.Random(name), 0
    for _ in range(KILLS):
        # A start takes most of it: the moments lie where files are written.
        killed += runs.killed(disturbed, took * rng.uniform(0.4, 1.0))
    assert killed, "no run was caught"
    for path in (path for path in disturbed.rglob("out*") if path.is_file()):
        assert written(undisturbed).get(str(path.relative_to(disturbed))) == written(disturbed).get(
            str(path.relative_to(disturbed))
        ), "half a file under its name"
    runs.whole(disturbed)
    assert written(disturbed) == written(undisturbed)
