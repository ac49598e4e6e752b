"""What all tests share: the asyncio backend, an environment of their own, and the `voice` program.

Belongs here: fixtures used in many files. Does not belong here: local servers (tests/fakes has them).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RECORDINGS = ROOT.parent / "shared" / "recordings"
"""Real speech and noise, not part of the project: what needs it has a counterpart that always runs."""

Voice = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"debug": True}


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of a person who has never used `voice`: empty folders, no keys, no terminal."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LANG", "LC_ALL") if name in os.environ}
    folders = {
        "HOME": tmp_path / "home",
        "XDG_CONFIG_HOME": tmp_path / "config",
        "XDG_STATE_HOME": tmp_path / "state",
        "XDG_CACHE_HOME": tmp_path / "cache",
        "XDG_DATA_HOME": tmp_path / "data",
    }
    for folder in folders.values():
        folder.mkdir()
    return kept | {name: str(folder) for name, folder in folders.items()}


@pytest.fixture
def voice(home: dict[str, str], tmp_path: Path) -> Voice:
    """`voice("chat", "hello", input=b"", env={…})`: the program in a process of its own, in a fresh home."""
    work = tmp_path / "work"
    work.mkdir()

    def run(
        *args: str, input: bytes = b"", env: dict[str, str] | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "voicecli", *args],
            input=input,
            capture_output=True,
            env=home | (env or {}),
            cwd=work,
            timeout=timeout,
        )

    return run
