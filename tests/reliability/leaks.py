"""Looking for secrets: what they are, what they might be disguised as, and where they were found.

Belongs here: the marked secrets, the search, and a run of the program inside this process whose every word and
file is searched. Does not belong here: what is run (test_secrets.py, test_secrets_families.py).
"""

from __future__ import annotations

import base64
import logging
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO, TextIOWrapper
from pathlib import Path
from urllib.parse import quote

import pytest

from voicecli import cli

MARK = "MARKED-7f3a9c-never-to-be-seen"
HEADER = "HEADED-2b8e41-never-to-be-seen"
PASSWORD = "PASSED-9d0c77-never-to-be-seen"

Done = subprocess.CompletedProcess[bytes]
Inside = Callable[..., Done]


def forms(secret: str) -> set[bytes]:
    """What it might be disguised as."""
    raw = secret.encode()
    return {raw, base64.b64encode(raw)[:-4], quote(secret).encode(), raw.hex().encode(), raw[:16], raw[-22:]}


WANTED = {form for secret in (MARK, HEADER, PASSWORD) for form in forms(secret)}


def found_in(data: bytes) -> bool:
    return any(form in data for form in WANTED)


def traces(folder: Path, done: Done, *but: Path) -> list[str]:
    """Where any of the secrets is found: in what a run said, and in every file below `folder` but those."""
    places = {"stdout": done.stdout, "stderr": done.stderr}
    for path in folder.rglob("*"):
        if path.is_file() and path not in but:
            places[str(path.relative_to(folder))] = path.read_bytes()
    return [place for place, data in places.items() if found_in(data)]


@contextmanager
def inside(
    home: dict[str, str], folder: Path, capture: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Inside]:
    """`run("chat", "hello", input=b"", env={…})`: the program in this process; temporary files go beside `folder`."""
    folder.mkdir(exist_ok=True)
    scratch = folder.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    logger = logging.getLogger("voicecli")

    def run(*args: str, input: bytes = b"", env: dict[str, str] | None = None) -> Done:
        before, level = list(logger.handlers), logger.level
        capture.readouterr()
        with TextIOWrapper(BytesIO(input), encoding="utf-8") as given, monkeypatch.context() as patched:
            patched.setattr("sys.stdin", given)
            code = cli.run(args, home | (env or {}))
        # --verbose listens for as long as a process lives.
        logger.handlers[:] = before
        logger.setLevel(level)
        return Done(args, code, *capture.readouterr())

    yield run
