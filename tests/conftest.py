"""What all tests share: the asyncio backend, an environment of their own, and the `voice` program.

Belongs here: fixtures used in many files. Does not belong here: local servers (tests/fakes has them).
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from _pytest.runner import runtestprotocol

from tests import clock, virtual, weights
from tests.nursery import Nursery
from tests.server import chromium
from voicecli.backends.transport import retry

ROOT = Path(__file__).parents[1]
RECORDINGS = ROOT.parent / "shared" / "recordings"
"""Real speech and noise, not part of the project: what needs it has a counterpart that always runs."""

Voice = Callable[..., "subprocess.CompletedProcess[bytes]"]


FOLDERS = ("config", "state", "cache", "data")


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": clock.real}


@pytest.fixture(scope="session", autouse=True)
def nobodys_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing here reads or writes the settings of the person who runs the tests; what is asked again is soon asked."""
    folder = tmp_path_factory.mktemp("nobody")
    with pytest.MonkeyPatch.context() as patch:
        for name in FOLDERS:
            patch.setenv(f"XDG_{name.upper()}_HOME", str(folder / name))
        patch.setattr(retry, "PACE", retry.RetryPace(first_s=0.01, longest_s=0.02))
        yield


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of a person who has never used `voice`: empty folders, no keys, no terminal."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    kept["LANG"] = "C.UTF-8"
    folders = {"HOME": tmp_path / "home"} | {f"XDG_{name.upper()}_HOME": tmp_path / name for name in FOLDERS}
    for folder in folders.values():
        folder.mkdir()
    return kept | {name: str(folder) for name, folder in folders.items()}


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where processes of the program begin."""
    them = Nursery()
    yield them
    them.close()


@pytest.fixture
def voice(home: dict[str, str], tmp_path: Path, nursery: Nursery) -> Voice:
    """`voice("chat", "hello", input=b"", env={…})`: the program in a process of its own, in a fresh home."""
    work = tmp_path / "work"
    work.mkdir()

    def run(
        *args: str, input: bytes = b"", env: dict[str, str] | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[bytes]:
        return nursery.run(args, input=input, env=home | (env or {}), cwd=work, timeout=timeout)

    return run


@pytest.fixture(scope="module")
def devices() -> Iterator[virtual.VirtualDevices]:
    """Virtual sound devices, for tests that have them to themselves one after the other."""
    with virtual.virtual_devices() as them:
        yield them


# -- what this machine may lack ----------------------------------------------------------------------

REQUIRE_ALL = bool(os.environ.get("VOICE_TESTS_REQUIRE_ALL"))
"""Set by CI: a test that would be left out is a failure there."""


def _stop_ignoring() -> None:
    """Children begin with signals as a person's shell gives them, also where nohup or `&` had us ignore some.

    A handler of our own goes back to the default when a program is started; what is ignored would stay so.
    """
    for name in ("SIGHUP", "SIGINT", "SIGQUIT"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def _only_loopback(event: str, arguments: tuple[object, ...]) -> None:
    """Refuses every connection that would leave this machine: a test that needs one is wrong."""
    if event not in ("socket.connect", "socket.sendto") or not isinstance(arguments[1], tuple):
        return
    door, (host, *_) = arguments[0], arguments[1]
    datagram = isinstance(door, socket.socket) and door.type == socket.SOCK_DGRAM and event == "socket.connect"
    if not datagram and str(host) not in ("localhost", "::1", "") and not str(host).startswith(("127.", "::ffff:127.")):
        raise PermissionError(f"a test may not reach {host}")


def pytest_configure(config: pytest.Config) -> None:
    _stop_ignoring()
    sys.addaudithook(_only_loopback)
    # In CI the same examples every time: what is found by chance belongs to whoever searches.
    # No deadlines anywhere: how long an example takes says how busy the machine is.
    hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
    hypothesis.settings.register_profile("here", deadline=None)
    hypothesis.settings.load_profile("ci" if REQUIRE_ALL else "here")
    for mark, (what, _) in NEEDS.items():
        config.addinivalue_line("markers", f"{mark}: {what}")


NEEDS: dict[str, tuple[str, Callable[[], str | None]]] = {
    "needs_sound": ("virtual sound devices (PulseAudio and PortAudio)", virtual.available),
    "needs_browser": ("a browser (Chromium)", chromium.missing),
    "needs_models": ("real weights of local models (tests.weights)", weights.missing),
    "needs_judge": (
        "a better voice, and Whisper base as its judge (tests.weights)",
        lambda: weights.missing(weights.JUDGED, weights.JUDGED_FOLDER),
    ),
    "needs_posix": (
        "pseudo-terminals or file modes",
        lambda: None if os.name == "posix" else "this is no POSIX system",
    ),
}
"""What a test may need, by its mark: in words, and what is missing for it here."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what needs something that is not here, and says so in a line for each."""
    lines = []
    for mark, (what, missing) in NEEDS.items():
        wanting = [item for item in items if item.get_closest_marker(mark)]
        for path in {item.path for item in wanting}:
            assert mark in path.read_text("utf-8"), f"scripts/run_tests.py finds files by the name of a mark: {path}"
        if (reason := missing() if wanting else None) is None:
            continue
        if REQUIRE_ALL:
            raise pytest.UsageError(f"{what} are required here, but {reason}")
        config.hook.pytest_deselected(items=wanting)
        items[:] = [item for item in items if item not in wanting]
        lines.append(f"left out: {len(wanting)} tests that need {what}; {reason}")
    config.stash[LEFT_OUT] = "\n".join(lines)


LEFT_OUT = pytest.StashKey[str]()


TRIED_AGAIN = ("needs_sound", "needs_models", "needs_judge")
SOUNDED: list[str] = []
RETRIED: list[tuple[str, str]] = []
"""Tests of these marks that ran, and those of them that had to be tried again and why, once for each try."""
RETRIES_ALLOWED = 0.02
"""The share of such tests that may need another try: more means that something is wrong with us, or the machine."""
TOLD_OF_A_RETRY = 3000
"""Characters of what was wrong: whoever mends a test must know why it was tried again."""
RETRIES_OF_FEW = 3
"""Of few tests so many may, whatever their share: one sound server that stumbles disturbs its neighbours too."""


def pytest_collection() -> None:
    gc.disable()  # ten thousand tests are made, and stay


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Three tries for tests on virtual devices, and for those on real weights.

    A busy machine makes the sound server itself lose samples, and a local voice speaks with random noise.
    """
    if not any(map(item.get_closest_marker, TRIED_AGAIN)):
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    SOUNDED.append(item.nodeid)
    for left in (2, 1, 0):
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        failed = next((report for report in reports if report.failed), None)
        if not left or failed is None:
            break
        RETRIED.append((item.nodeid, failed.longreprtext[-TOLD_OF_A_RETRY:]))
        item._initrequest()  # type: ignore[attr-defined]
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_report_collectionfinish(config: pytest.Config) -> str:
    return config.stash.get(LEFT_OUT, "")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A worker tells what it tried and what it left out; whoever began the workers says so."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[LEFT_OUT] = output.get("left_out", "")
    SOUNDED.extend(output.get("sounded", ()))
    RETRIED.extend(map(tuple, output.get("retried", ())))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output |= {"sounded": SOUNDED, "retried": RETRIED, "left_out": session.config.stash.get(LEFT_OUT, "")}
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if REQUIRE_ALL and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line("tests were skipped, and none may be here", red=True)
    if reporter is not None and session.config.pluginmanager.has_plugin("dsession"):
        reporter.write_line(session.config.stash.get(LEFT_OUT, ""))
    if SOUNDED and reporter is not None:
        for test, why in RETRIED:
            reporter.write_line(f"tried again: {test}\n{why}")
        names = [test for test, _ in RETRIED]
        reporter.write_line(f"sound and real weights: {len(SOUNDED)} tests, {len(names)} tries repeated {names or ''}")
        if len(set(names)) > max(RETRIES_OF_FEW, RETRIES_ALLOWED * len(SOUNDED)):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            reporter.write_line("too many tests were tried again", red=True)
