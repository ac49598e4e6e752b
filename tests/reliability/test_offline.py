"""With everything on this machine nothing is asked of a network: no name looked up, no connection tried.

Python tells of either before it happens; where this kernel lets anybody have a network of his own, the program has one
in which there is none, so that native libraries reach nothing either.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests import weights

GUARD = """
import os, socket, sys
ASKING = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")

def hear(event, args):
    elsewhere = event in ("socket.connect", "socket.sendto", "socket.sendmsg") and isinstance(args[1], tuple)
    if event in ASKING or elsewhere:
        with open(os.environ["ASKED"], "a") as file:
            file.write(f"{event} {args[1:] if elsewhere else args}\\n")

sys.addaudithook(hear)
"""


@cache
def alone() -> tuple[str, ...]:
    """What begins a program without a network, where that is allowed."""
    command = ("unshare", "--map-root-user", "--net")
    try:
        return command if subprocess.run([*command, "true"], capture_output=True).returncode == 0 else ()
    except OSError:
        return ()


def asked(home: dict[str, str], folder: Path, *words: str, code: int = 0) -> list[str]:
    """What the program asked of a network."""
    (folder / "sitecustomize.py").write_text(GUARD)
    told = folder / "asked"
    told.unlink(missing_ok=True)
    env = home | weights.ENV | {"PYTHONPATH": str(folder), "ASKED": str(told)}
    command = [*alone(), sys.executable, "-m", "voicecli", *words]
    run = subprocess.run(command, env=env, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    assert run.returncode == code, run.stderr
    return told.read_text().splitlines() if told.exists() else []


@pytest.mark.needs_models
def test_nothing_is_asked_of_a_network(home: dict[str, str], tmp_path: Path) -> None:
    for words in (
        ("speak", "What is twelve times seven?", "-o", "a.wav"),
        ("talk", "--input", "a.wav", "--output", "b.wav", "--fast"),
        ("doctor", "-b", "local"),
    ):
        assert asked(home, tmp_path, *words) == [], words
    assert (tmp_path / "b.wav").stat().st_size > 44


def test_the_guard_hears_of_a_service(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "voice.toml").write_text('[backends.work]\nfamily = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n')
    heard = asked(
        home | {"WORK_KEY": "k"}, tmp_path, "chat", "hi", "-b", "work", "-m", "m", "--config", "voice.toml", code=4
    )
    assert any("127.0.0.1" in each for each in heard)
