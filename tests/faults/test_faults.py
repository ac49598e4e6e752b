"""Every family and verb under every fault, through the real command line. The rows are table.py's.

Each cell: the exit code, a message that a person understands (who, what, the cure), no key, nothing half written,
no task and no connection left, within its deadline.
"""

from __future__ import annotations

import asyncio
import math
import os
import re
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests import dtmf, families
from tests.contracts import listen
from tests.fakes.talking_server import TalkingServer
from tests.families import COMMANDS, SERVED, Command
from tests.faults import beside, inject
from tests.faults.observed import Seen
from tests.faults.table import BESIDE, CELLS, HTTP, KINDS, SOCKET, WAITED_FOR, Cell, Fault, served
from tests.waiting import until
from voicecli import cli
from voicecli.backends.openai.talking.session import SpeechToSpeech
from voicecli.backends.qiniu import recognition as qiniu_session
from voicecli.backends.qiniu.recognition import Recognition as QiniuSession
from voicecli.backends.registry import FAMILIES
from voicecli.backends.transport import retry
from voicecli.backends.transport.retry import RULES
from voicecli.commands.session import run
from voicecli.terminal.console import Console
from voicecli.types import MIC, Backend, Secret, TalkOptions
from voicecli.types.turns import AnswerWanted

DEADLINE_S = 20.0
"""A cell that takes longer has no deadline."""

PATIENT = {"timeout_s": 40.0, "connect_timeout_s": 30.0}
"""No answer may be late because this machine is busy …"""

IMPATIENT = {"timeout_s": 0.12, "connect_timeout_s": 0.12}
"""… but for faults that are waited for in vain: there is none that could be late."""

DRIPPED_ON = {"timeout_s": 0.25, "connect_timeout_s": 0.25}
"""The next drop must not be late; it is the total deadline that ends it."""

IN_A_QUEUE = {"timeout_s": 0.9, "connect_timeout_s": 0.9}
"""Of the second try of such a cell: what came late came from a busy machine, if it is right now."""

PATIENCE, PATIENCE_WITH_DRIPS = 20.0, 1.6
"""Total deadlines, in times timeout_s."""

DUMB_S = 0.3
"""How long a live recogniser may be quiet after the last frame, where a fault makes it quiet …"""

SOUND_S = len(dtmf.encode(families.DIGITS)) / 16_000
"""… or go on, beyond the length of the sound."""

LINES: dict[str, tuple[str, ...]] = {
    "transcribe": ("transcribe", "digits.wav", "-o", "heard.txt"),
    "translate": ("transcribe", "digits.wav", "--translate", "-o", "heard.txt"),
    "schema": ("chat", "--private", "--schema", "schema.json", "After 1 2 3?"),
    "tools": ("chat", "--private", "--tool", "calculate", "After 1 2 3?"),
    "health": ("doctor", "--backend", families.NAME),
    **dict.fromkeys(("list", "call", "agreed"), ("chat", "--private", "--yes", "Draw 1 2 3.")),
}
"""What is run in place of a command of tests/families.py: what can write writes, so that half of it would show."""


CLOSING = "async_generator_athrow"
"""The loop itself closes generators of libraries that were left in the middle."""


def command_for(verb: str) -> Command:
    return next(each for each in COMMANDS if verb in (each.verb, each.name))


async def _recognise(backend: Backend) -> None:
    async with FAMILIES[backend.family].at_best.transcribe_live(backend) as ears, listen(ears) as texts:  # type: ignore[misc]
        async for _ in texts:
            pass


async def _converse(backend: Backend) -> None:
    async with SpeechToSpeech(backend).converse(TalkOptions(), MIC.rate, list) as service:
        turn = service.begin(lambda _text: None)
        turn.hear(dtmf.encode(families.DIGITS).tobytes())
        turn.pause()
        async with turn.answer(AnswerWanted()) as pieces:
            async for _ in pieces:
                pass
        turn.abandon()


ALONE = {"transcribe_live": _recognise, "converse": _converse}
"""What is asked without a command: a conversation would make of a loss what its own tests say."""


def alone(work: Callable[[Backend], Awaitable[None]], backend: Backend, env: dict[str, str]) -> int:
    """What an adapter alone comes to."""
    try:
        run(lambda: work(backend))
    except BaseException as exc:
        return cli.settle(exc, Console(env))
    return 0


@dataclass
class Ran:
    """One run of the program: its outcome, how long it took, what is in the folder that was not, tasks left."""

    code: int
    told: str
    seconds: float
    written: set[str]
    tasks: list[str]


@dataclass
class Bench:
    """Where cells are run: a folder with the inputs, and the streams."""

    folder: Path
    env: dict[str, str]
    capture: pytest.CaptureFixture[str]
    tasks: list[str]
    monkeypatch: pytest.MonkeyPatch
    written: set[str] = field(default_factory=set)

    def hasten(self, fault: Fault, busy: bool) -> dict[str, float]:
        """Makes deadlines short, shorter where they are waited for; the backend's."""
        waited, dripped = fault.name in WAITED_FOR, fault.name.startswith(("drip", "babble"))
        patience = PATIENCE_WITH_DRIPS if dripped else PATIENCE
        ending = {verb: rule for verb, rule in RULES.items() if rule.patience < math.inf}
        short = dict(RULES) | {
            verb: replace(rule, patience=min(rule.patience, patience)) for verb, rule in ending.items()
        }
        self.monkeypatch.setattr(retry, "RULES", dict(RULES) | short)
        if waited:
            self.monkeypatch.setitem(QiniuSession.__init__.__kwdefaults__ or {}, "quiet_s", DUMB_S)
            self.monkeypatch.setattr(qiniu_session, "LONGEST_END_S", DUMB_S - SOUND_S)
        return PATIENT if not waited else IN_A_QUEUE if busy else DRIPPED_ON if dripped else IMPATIENT

    def clear(self) -> None:
        """Nothing of a run is left: what was recognised would answer for a service that fails."""
        for each in Path(self.env["XDG_CACHE_HOME"]).iterdir():
            shutil.rmtree(each)
        for name in self.written:
            (self.folder / name).unlink()
        self.written.clear()

    def run(self, verb: str, backend: Backend, running: Any) -> Ran:
        beside_it = isinstance(running, beside.Beside)
        given = (backend, running) if beside_it else (backend,)
        env = self.env | (beside if beside_it else families).configured(self.folder, *given)
        before = {each.name for each in self.folder.iterdir()}
        self.tasks.clear()
        self.capture.readouterr()
        began = time.monotonic()
        if (work := ALONE.get(verb)) is not None:
            code = alone(work, backend, env)
        else:
            code = cli.run(LINES.get(verb) or command_for(verb).line, env)
        seconds = time.monotonic() - began
        out, err = self.capture.readouterr()
        self.written = {each.name for each in self.folder.iterdir()} - before
        # `doctor` tells the cure in a line of its own.
        told = re.sub(r"\n\S+\tcure\t", ". ", out + err)
        return Ran(code, told, seconds, set(self.written), list(self.tasks))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    families.recorded(folder)
    return folder


@pytest.fixture
def bench(
    inputs: Path, tmp_path: Path, home: dict[str, str], capfd: pytest.CaptureFixture[str], monkeypatch: Any
) -> Iterator[Bench]:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "nothing").touch()
    shutil.copytree(inputs, folder, dirs_exist_ok=True, copy_function=os.link)
    monkeypatch.chdir(folder)
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdin", (folder / "nothing").open())
    left: list[str] = []
    cancel_all: Any = vars(asyncio.runners)["_cancel_all_tasks"]

    def noting(loop: asyncio.AbstractEventLoop) -> None:
        left.extend(name for each in asyncio.all_tasks(loop) if CLOSING not in (name := repr(each.get_coro())))
        cancel_all(loop)

    monkeypatch.setattr(asyncio.runners, "_cancel_all_tasks", noting)
    yield Bench(folder, home, capfd, left, monkeypatch)
    sys.stdin.close()


class Servers:
    """The families' servers: started once, and anew after a cell that failed."""

    def __init__(self) -> None:
        self.stacks: dict[str, ExitStack] = {}
        self.running: dict[str, Any] = {}

    def __getitem__(self, family: str) -> Any:
        if family not in self.running:
            stack = self.stacks[family] = ExitStack()
            serve = SERVED[family].serve if family in SERVED else ELSEWHERE[family]
            self.running[family] = stack.enter_context(serve())
        return self.running[family]

    @contextmanager
    def lent(self, family: str) -> Iterator[Any]:
        """The servers of a family; afterwards nothing is laid over them, and nobody is connected."""
        running = self[family]
        try:
            yield running
            gone(running)
            for server in inject.servers_of(running):
                server.mangle = server.mangle_talk = None
                assert not server.failures, server.failures
        except BaseException:
            self.close(family)
            raise

    def close(self, family: str) -> None:
        self.running.pop(family, None)
        with suppress(Exception):  # what is wrong has been said
            self.stacks.pop(family, ExitStack()).close()


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    them = Servers()
    yield them
    for family in (*SERVED, *ELSEWHERE):
        them.close(family)


MESSAGES: dict[tuple[str, str], int] = {}
"""How many messages an undisturbed verb is sent over a WebSocket: a fault is laid at one of them."""


ONLY = {"call": b'"tools/call"'}
"""What is in the requests that are answered wrongly, where it is not all of them."""


def lender(family: str, verb: str) -> str:
    """Whose servers a cell needs."""
    return "beside" if (family, verb) in BESIDE else "talking" if verb == "converse" else family


ELSEWHERE: dict[str, Callable[[], Any]] = {"beside": beside.served, "talking": TalkingServer}
"""Servers of no family alone."""


def backend_of(family: str, running: Any, **patience: Any) -> Backend:
    if isinstance(running, beside.Beside):
        return beside.backend(running, family, **patience)
    if isinstance(running, TalkingServer):
        return Backend(families.NAME, family, talk_url=running.talk_url, key=Secret("sk-spoken"), **patience)
    return SERVED[family].backend(running, **patience)


def undisturbed(bench: Bench, servers: Servers, family: str, verb: str) -> Seen:
    seen = Seen()
    with servers.lent(lender(family, verb)) as running:
        for server in inject.servers_of(running):
            seen.watch(server)
        ran = bench.run(verb, backend_of(family, running), running)
    assert ran.code == 0, ran.told
    bench.clear()
    MESSAGES[family, verb] = seen.messages
    return seen


@pytest.mark.parametrize(("family", "verb"), list(served()))
def test_the_kinds_of_answers_are_those_of_the_table(bench: Bench, servers: Servers, family: str, verb: str) -> None:
    assert undisturbed(bench, servers, family, verb).kinds == set(KINDS.get((family, verb), ()))


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_fault_costs_what_it_must_and_no_more(bench: Bench, servers: Servers, cell: Cell) -> None:
    if KINDS[cell.family, cell.verb] & SOCKET and (cell.family, cell.verb) not in MESSAGES:
        undisturbed(bench, servers, cell.family, cell.verb)
    try:
        suffer(bench, servers, cell)
    except AssertionError:
        if cell.fault.name not in WAITED_FOR:
            raise
        bench.clear()
        suffer(bench, servers, cell, busy=True)


def suffer(bench: Bench, servers: Servers, cell: Cell, busy: bool = False) -> None:
    with servers.lent(lender(cell.family, cell.verb)) as running, ExitStack() as stack:
        backend = laid(cell, running, stack, bench.hasten(cell.fault, busy))
        ran = bench.run(cell.verb, backend, running)
        expected = cell.expected
        key = backend.key.reveal() if backend.key else "\0"
        assert ran.code in expected.codes, ran.told
        words = expected.words.replace(r"\. ", r"\.?\s+")  # the doctor has the cure on a line of its own
        assert re.search(words, ran.told, re.DOTALL), ran.told
        assert key not in ran.told and "Traceback" not in ran.told and "\x1b" not in ran.told
        assert ran.code in (0, 10) or backend.name in ran.told or families.NAME in ran.told
        assert not ran.code or not ran.written, ran.written
        assert not ran.tasks and ran.seconds < DEADLINE_S, (ran.tasks, ran.seconds)


def laid(cell: Cell, running: Any, stack: ExitStack, patience: dict[str, float]) -> Backend:
    """Lays the fault over the family's servers; the backend to ask."""
    fault, kinds = cell.fault, KINDS[cell.family, cell.verb]
    for server in inject.servers_of(running):
        server.mangle = inject.spoiling(fault.spoil, ONLY.get(cell.verb, b"")) if fault.spoil and kinds & HTTP else None
        server.mangle_talk = fault.talk(MESSAGES.get((cell.family, cell.verb), 0)) if fault.talk else None
    backend = backend_of(cell.family, running, **patience)
    if fault.spoil or fault.talk:
        return backend
    port = stack.enter_context(fault.at()) if fault.at else 0
    return inject.moved(backend, fault.scheme, fault.host, port)


def gone(running: Any) -> None:
    """Every connection is closed."""
    until(lambda: not any(each.open_connections for each in inject.servers_of(running)), what="no connection is left")
