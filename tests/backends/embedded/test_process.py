"""The recogniser's process as its owner sees it, with programs in its place that go wrong in their own ways."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from voicecli.backends.embedded.process import WORKER, Process
from voicecli.backends.embedded.wire import Kind, encode
from voicecli.errors import ServiceError

pytestmark = pytest.mark.anyio

SILENT = "import sys; sys.stdin.buffer.read()"


@asynccontextmanager
async def owned(*command: str, start_s: float = 20.0) -> AsyncIterator[Process]:
    process = Process(command, start_s)
    owner = asyncio.ensure_future(process.run())
    try:
        yield process
    finally:
        owner.cancel()
        await asyncio.wait([owner])
        assert owner.cancelled()


@pytest.mark.parametrize(
    ("program", "trouble"),
    [
        ("pass", "has ended"),
        ("raise SystemExit(3)", "exit code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal 9"),
        ("print('x' * 100)", "nonsense"),
        ("import os, sys; os.close(1); sys.stdin.buffer.read()", "has ended"),
        (SILENT, "did not start within 0.3 s"),
    ],
)
async def test_one_that_cannot_start_is_an_error_every_time(program: str, trouble: str) -> None:
    patience = 0.3 if program == SILENT else 20.0
    async with asyncio.timeout(10), owned(sys.executable, "-c", program, start_s=patience) as it:
        for _ in range(2):
            with pytest.raises(ServiceError, match=trouble) as caught:
                await it.send(Kind.WARM)
            assert "next utterance" in str(caught.value)
            assert it.pid is None


async def test_a_program_that_is_not_there_is_an_error() -> None:
    async with asyncio.timeout(5), owned("/nowhere/python") as it:
        with pytest.raises(ServiceError, match="No such file"):
            await it.send(Kind.WARM)


async def test_who_waits_for_an_answer_is_told_of_the_end() -> None:
    async with asyncio.timeout(20), owned(*WORKER) as it:
        number, answers = it.begin()
        await it.send(Kind.BEGIN, number, {})
        assert it.pid is not None
        os.kill(it.pid, signal.SIGKILL)
        assert isinstance(await answers.get(), ServiceError)


async def test_giving_up_an_utterance_after_the_end_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """The pipe is broken before anybody has noticed, and again when everybody has."""
    async with asyncio.timeout(20), owned(*WORKER) as it:
        numbers = [it.begin()[0] for _ in range(12)]
        await it.send(Kind.BEGIN, numbers[0], {})
        pid = it.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        for number in numbers[:6]:
            it.forget(number)
            await asyncio.sleep(0)
        number, answers = it.begin()
        assert isinstance(await answers.get(), ServiceError)
        for each in (number, *numbers[6:]):
            it.forget(each)
        await it.send(Kind.WARM)
        assert it.pid not in (None, pid)
    assert not [each for each in caplog.messages if "closed" in each or "exception" in each]


async def test_who_asks_while_it_ends_does_not_spoil_the_next_start(tmp_path: Path) -> None:
    """Its first life closes its output and stays; its second is a whole one."""
    flag, ready = tmp_path / "flag", encode(Kind.READY)
    program = (
        f"import os, sys, time, pathlib\nflag = pathlib.Path({str(flag)!r})\nfirst = not flag.exists()\n"
        f"flag.touch()\nos.write(1, {ready!r})\n"
        "if first:\n os.close(1)\n time.sleep(60)\n"
        "sys.stdin.buffer.read()"
    )
    async with asyncio.timeout(10), owned(sys.executable, "-c", program) as it:
        _, answers = it.begin()
        await it.send(Kind.WARM)
        with pytest.raises(ServiceError):
            while True:
                await it.send(Kind.WARM)
                await asyncio.sleep(0.01)
        assert isinstance(await answers.get(), ServiceError)
        await it.send(Kind.WARM)
        assert it.pid is not None


async def test_leaving_in_the_middle_of_work_takes_less_than_a_second() -> None:
    async with owned(*WORKER) as it:
        number, _ = it.begin()
        await it.send(Kind.BEGIN, number, {"whole": True})
        await it.send(Kind.AUDIO, number, bytes([7, 3, 9, 250]) * 16_000 * 30)
        await it.send(Kind.END, number)
        await asyncio.sleep(0.3)
        pid = it.pid
        assert pid is not None
        begin = time.monotonic()
    assert time.monotonic() - begin < 1
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
