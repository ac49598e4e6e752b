"""SIGKILL at any moment: what the next run leaves is whole, and the same as if nothing had happened.

The moments are seeded, and spread over the time that an undisturbed run takes.
"""

from __future__ import annotations

import hashlib
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile

from tests import dtmf
from tests.fakes.openai_server import Habits, OpenAIServer
from tests.serving import serving
from tests.test_talk_devices import settings
from voicecli.storage.cache import PieceCache, clear
from voicecli.storage.conversations import Store
from voicecli.usecases.speaking.keeping import read_sound

KILLS = 3
RECORDINGS = 6
TEXT = " ".join(f"The number {number} is {number * 12345}." for number in range(1, 25))


server = serving(lambda: OpenAIServer(Habits(hear_s=0.05, first_sound_s=0.02, tone_ms=30, gap_ms=30)))


@dataclass
class Runs:
    """One command line, always with the same home, each time in the folder it is given."""

    env: dict[str, str]
    line: tuple[str, ...]

    def start(self, folder: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "voicecli", *self.line]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(command, cwd=folder, env=self.env, stdin=quiet, stdout=quiet, stderr=subprocess.PIPE)

    def whole(self, folder: Path) -> float:
        """Undisturbed; how long it took."""
        began = time.monotonic()
        with self.start(folder) as process:
            _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()
        return time.monotonic() - began

    def killed(self, folder: Path, after_s: float) -> bool:
        """Killed after so long; whether it was still running then."""
        with self.start(folder) as process:
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


# -- what processes share --------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from voicecli.storage.cache import PieceCache
from voicecli.usecases.speaking.keeping import write_sound
from voicecli.storage.conversations import Conversation, Message, Store
from voicecli.types import PcmFormat, Transcript
folder, who = Path(sys.argv[1]), sys.argv[2]
pieces, talk, turn = PieceCache(folder / "cache"), Conversation("chat", who), 0
with Store.open(folder / "history.db") as store:
    while not (folder / "enough").exists():
        entry = str(turn % 7)
        pieces.put(entry * 64, Transcript(entry * 300_000))
        write_sound(folder / "cache" / "speech" / (entry * 2) / entry, PcmFormat(), entry.encode() * 300_000)
        words = f"{turn} " + "word " * 4_000
        talk, _ = store.write(talk, [Message("user", words), Message("assistant", words)])
        turn += 1
        print(turn, flush=True)
"""
"""Keeps a turn in the history and two entries in the caches, until it is enough; says so after each."""


def writer(folder: Path, who: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(folder), who], stdout=subprocess.PIPE)


def damage(folder: Path) -> list[str]:
    """What is wrong with the caches and the history."""
    found = []
    pieces = PieceCache(folder / "cache")
    for entry in "0123456":
        kept, spoken = pieces.get(entry * 64), read_sound(folder / "cache" / "speech" / (entry * 2) / entry)
        if kept is None or kept.text != entry * 300_000:
            found.append(f"transcript {entry}")
        if spoken is None or spoken[1] != entry.encode() * 300_000:
            found.append(f"speech {entry}")
    db = sqlite3.connect(folder / "history.db")
    found += [each for (each,) in db.execute("PRAGMA integrity_check") if each != "ok"]
    db.close()
    return found


def turns_of(folder: Path, who: str) -> int:
    """How many whole turns of a conversation are kept, in order."""
    with Store.open(folder / "history.db", reading=True) as store:
        talk = store.named(who)
        said = store.messages(talk.id) if talk else []
    assert [(each.role, int(each.content.split()[0])) for each in said] == [
        (role, turn) for turn in range(len(said) // 2) for role in ("user", "assistant")
    ]
    return len(said) // 2


def test_one_of_two_that_write_the_history_and_the_caches_is_killed(tmp_path: Path) -> None:
    """The other notices nothing; what was said to be kept is, what is there is whole, and nothing is locked."""
    rng, told = random.Random(7), {}
    with writer(tmp_path, "survives") as survivor:
        for number in range(KILLS):
            who = f"killed {number}"
            with writer(tmp_path, who) as victim:
                assert victim.stdout is not None
                said = [victim.stdout.readline() for _ in range(rng.randint(1, 6))]
                victim.kill()
                told[who] = len(said) + len(victim.stdout.read().splitlines())
        (tmp_path / "enough").touch()
        kept = len(survivor.communicate(timeout=60)[0].splitlines())
    assert survivor.returncode == 0 and kept and turns_of(tmp_path, "survives") == kept
    for who, turns in told.items():
        assert turns <= turns_of(tmp_path, who) <= turns + 1
    assert damage(tmp_path) == []
    clear(tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
