"""Starting the tools: each a process below .venv-interop, on a port of its own, stopped when the test is done.

Belongs here: processes, ports, waiting until they answer. Does not belong here: what is asked of them.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from tests.waiting import until

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".venv-interop"
STARTS_WITHIN_S = 120.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(command: list[str], url: str, log: Path, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """The program until the block is left. It is there when `url` answers anything at all; yields `url`'s origin."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=log.parent,
            env=environment() | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
        try:
            _answers(process, url, log)
            yield "/".join(url.split("/")[:3])
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()


def environment() -> dict[str, str]:
    """Ours, without what would send a request elsewhere or change what a tool does."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _answers(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    def answers() -> bool:
        assert process.poll() is None, f"ended with {process.returncode}: {log.read_text()[-2000:]}"
        with suppress(httpx.HTTPError):
            httpx.get(url, trust_env=False, timeout=2)
            return True
        return False

    until(answers, STARTS_WITHIN_S, f"{url} answers ({log})")
