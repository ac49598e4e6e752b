"""`voice serve` in a process of its own, in front of a strict service that hears, answers and speaks digits."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.fakes.openai_pictures import OpenAIPictures as OpenAIServer
from tests.waiting import until

CONFIG = """
[use]
chat = "work"
speak = "work"
transcribe = "work"
[backends.work]
family = "openai"
base_url = "{base}"
chat_model = "digits-chat"
speak_model = "digits-speak"
transcribe_model = "digits-hear"
"""


@dataclass(frozen=True)
class Served:
    """A running server: where it is asked, what stands behind it, and its process."""

    url: str
    behind: OpenAIServer
    process: subprocess.Popen[bytes]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def client(self, **options: object) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, **({"timeout": 60} | options))  # type: ignore[arg-type]


@contextmanager
def serving(
    folder: Path, *flags: str, config: str = CONFIG, env: dict[str, str] | None = None, python: str = sys.executable
) -> Iterator[Served]:
    """Started, until it listens; ended by SIGTERM."""
    with OpenAIServer() as behind:
        path = folder / "config.toml"
        path.write_text(config.format(base=behind.base_url), encoding="utf-8")
        home = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        home |= {f"XDG_{name}_HOME": str(folder) for name in ("STATE", "CACHE", "DATA")}
        command = [python, "-m", "voicecli", "--config", str(path), "serve", "--port", "0", *flags]
        log = folder / "log"
        with log.open("wb") as told, subprocess.Popen(command, env=home | (env or {}), stderr=told) as process:
            try:
                yield Served(_address(process, log).replace("0.0.0.0", "127.0.0.1"), behind, process)
            finally:
                process.terminate()
                process.wait(timeout=60)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where it listens, as soon as it says so."""

    def told() -> re.Match[str] | None:
        assert process.poll() is None, log.read_text()
        return re.search(r"listening on (http://\S+)\n", log.read_text())

    return until(told)[1]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served")) as server:
        yield server


def keep_key(folder: Path) -> None:
    """A server with this folder for its home wants the key sesame-1234."""
    keys = folder / "voicecli" / "keys.json"
    keys.parent.mkdir()
    keys.write_text('{"serve": "sesame-1234"}', encoding="utf-8")
    keys.chmod(0o600)


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    """A client of that server."""
    with served.client() as client:
        yield client
