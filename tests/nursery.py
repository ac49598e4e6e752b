"""`voice` in a process of its own without what its start takes: forked from one that has imported everything.

A start is mostly imports, and hundreds of tests begin with one. What is run is the same: `python -m
voicecli` with its own descriptors, environment, folder, signals and end. What is not the same is that it begins
with modules imported, and that they are not taken apart at its end; what that could hide is shown where the program
is started afresh (tests/test_imports.py, the rows of openai in tests/test_families.py, tests/reliability).

Belongs here: the process that forks, and asking it. Does not belong here: what is run.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
INHERITED = (signal.SIGHUP, signal.SIGQUIT)
"""What `nohup` or a shell in the background has ignored; a person's program begins with neither."""
LARGEST = 60_000
"""Bytes of a request: what is larger starts afresh."""

PACKAGE = ROOT / "voicecli"
APART = ("server", "backends/local", "toolbox/servers", "__main__")
"""What few commands need, and takes long."""

IMPORTED = (
    *(
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted(PACKAGE.rglob("[a-z]*.py"))
        if not str(path.relative_to(PACKAGE)).startswith(APART)
    ),
    *("anyio._backends._asyncio", "httpcore", "socksio", "tomllib", "platformdirs", "rich.table", "soundfile", "soxr"),
    *("encodings.utf_8_sig", "encodings.utf_16_le", "resource", "sqlite3", "tomlkit", "webrtcvad"),
)
"""Nothing of it starts a thread, opens a device or looks at the environment when it is imported."""


def main() -> None:
    """Imports, then forks for each request; a child returns from the loop and is the program."""
    atexit.register(_end)  # the first of all, so that it is called last
    for name in IMPORTED:
        with suppress(ImportError):
            import_module(name)
    assert "sounddevice" not in sys.modules, "it opens the devices of this process"
    gc.freeze()  # or each child would look through all of it, and so copy it, to end
    asked = _served(socket.socket(fileno=int(sys.argv[1])))
    if asked is not None:
        sys.argv = [str(ROOT / "voicecli" / "__main__.py"), *asked]
        try:
            runpy.run_module("voicecli", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            ENDED.append(end.code or 0)
            raise


ENDED: list[object] = []
"""The exit code of a child that is about to end."""


def _end() -> None:
    """Ends a child before the interpreter takes every module apart: that was most of the time of a short run.

    Threads have ended and what was registered for the end was done. Streams that cannot be flushed are left to
    the interpreter, which has an exit code for that.
    """
    if ENDED and isinstance(ENDED[0], int):
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(ENDED[0])


def _served(door: socket.socket) -> list[str] | None:
    """None when nobody asks any more; in a child, the arguments that it is to run with."""
    while True:
        data, streams, _, _ = socket.recv_fds(door, LARGEST, 3)
        if not data:
            return None
        asked = json.loads(data)
        pid = os.fork()
        if not pid:
            return _born(asked, streams)
        for each in streams:
            os.close(each)
        door.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        door.send(str(os.waitstatus_to_exitcode(status)).encode())


def _born(asked: Mapping[str, Any], streams: Sequence[int]) -> list[str]:
    for wanted, each in enumerate(streams):
        os.dup2(each, wanted)
    os.closerange(3, 256)
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["env"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in INHERITED:
        signal.signal(number, signal.SIG_DFL)
    found: list[str] = asked["argv"]
    return found


def fresh(
    argv: Sequence[str], *, input: bytes, env: Mapping[str, str], cwd: Path, timeout: float
) -> subprocess.CompletedProcess[bytes]:
    """`python -m voicecli` begun anew. Without input there is no pipe: nobody gives any."""
    command = [sys.executable, "-m", "voicecli", *argv]
    given: dict[str, Any] = {"input": input} if input else {"stdin": subprocess.DEVNULL}
    return subprocess.run(command, capture_output=True, env=env, cwd=cwd, timeout=timeout, **given)


Start = Callable[..., "subprocess.CompletedProcess[bytes]"]


class Nursery:
    """The process that forks, started when it is first needed. One request at a time; others start afresh."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.door: socket.socket | None = None
        self.busy = threading.Lock()
        self.base = {"LANG": "C.UTF-8"}
        """As the `home` of tests has it, whatever we were started with."""

    def run(
        self, argv: Sequence[str], *, input: bytes, env: Mapping[str, str], cwd: Path, timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        """As `fresh`, and sooner."""
        request = json.dumps({"argv": argv, "env": dict(env), "cwd": str(cwd)}).encode()
        if self.fit(request, env) and self.busy.acquire(blocking=False):
            try:
                return self.asked(request, argv, input, timeout)
            finally:
                self.busy.release()
        return fresh(argv, input=input, env=env, cwd=cwd, timeout=timeout)

    def close(self) -> None:
        if self.process is not None and self.door is not None:
            self.door.close()
            self.process.communicate(timeout=10)

    def fit(self, request: bytes, env: Mapping[str, str]) -> bool:
        """Whether a forked process is as good: the interpreter itself was told nothing that it reads when it starts."""
        told = {name: value for name, value in env.items() if name.startswith(("PYTHON", "LC_", "LANG", "TYPER_"))}
        self.start(env)
        return sys.platform == "linux" and len(request) < LARGEST and told == self.base

    def start(self, env: Mapping[str, str]) -> None:
        if self.process is not None:
            return
        self.door, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        base = {"PATH": os.environ["PATH"], "OPENBLAS_NUM_THREADS": "1", **self.base}
        pipe = subprocess.PIPE
        command = [sys.executable, "-m", "tests.nursery", str(theirs.fileno())]
        with theirs:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=base, stdin=pipe, stdout=pipe, stderr=pipe, pass_fds=[theirs.fileno()]
            )

    def asked(
        self, request: bytes, argv: Sequence[str], input: bytes, timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        assert self.door is not None
        stdin, feed = os.pipe() if input else (os.open(os.devnull, os.O_RDONLY), None)
        out, stdout = os.pipe()
        err, stderr = os.pipe()
        socket.send_fds(self.door, [request], [stdin, stdout, stderr])
        for each in (stdin, stdout, stderr):
            os.close(each)
        found: dict[int, bytes] = {}
        work = [threading.Thread(target=_read, args=(each, found)) for each in (out, err)]
        if feed is not None:
            work.append(threading.Thread(target=_write, args=(feed, input)))
        for thread in work:
            thread.start()
        try:
            code = self.outcome(argv, timeout)
        finally:
            for thread in work:
                thread.join()
        return subprocess.CompletedProcess(argv, code, found[out], found[err])

    def outcome(self, argv: Sequence[str], timeout: float) -> int:
        assert self.door is not None
        self.door.settimeout(60)
        pid = int(self.door.recv(64))
        self.door.settimeout(timeout)
        try:
            return int(self.door.recv(64))
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            self.door.settimeout(60)
            self.door.recv(64)
            raise subprocess.TimeoutExpired(list(argv), timeout) from None


def _read(stream: int, found: dict[int, bytes]) -> None:
    with open(stream, "rb") as file:
        found[stream] = file.read()


def _write(stream: int, data: bytes) -> None:
    with suppress(BrokenPipeError), open(stream, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main()
