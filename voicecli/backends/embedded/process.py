"""The recogniser's process as `voice` sees it: started when first needed, started again when it has died.

Belongs here: its life, and which answer belongs to whom. Does not belong here: what is asked, decoding.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from voicecli.backends.embedded import wire
from voicecli.backends.embedded.wire import Kind, Message
from voicecli.errors import ProtocolError, ServiceError

WHO = "embedded recogniser"
LEAVING_S = 0.5
"""How long the process may take to notice that it is not needed any more."""
START_S = 20.0
"""How long it may take to say that it is there: it does so before it loads anything heavy."""
WORKER = (sys.executable, "-m", "voicecli.backends.embedded.worker")
_ROOT = Path(__file__).parents[3]
"""Where the package lies: the process finds it there, and nothing that happens to lie where `voice` was called."""

Answers = asyncio.Queue[Message | ServiceError]


class Process:
    """`run` owns the process and lives beside its users; `send` starts it when it is not there."""

    def __init__(self, command: tuple[str, ...] = WORKER, start_s: float = START_S) -> None:
        self._command, self._start_s = command, start_s
        self._wanted, self._settled = asyncio.Event(), asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._answers: dict[int, Answers] = {}
        self._numbers = 0
        self._trouble = ""

    @property
    def pid(self) -> int | None:
        """Of the process while it runs."""
        return self._process.pid if self._process is not None else None

    async def run(self) -> None:
        """Until cancelled: one life of the process after the other, each begun by a wish."""
        while True:
            await self._wanted.wait()
            self._trouble = ""
            try:
                await self._live()
            except (OSError, ProtocolError, TimeoutError) as exc:
                self._trouble = str(exc)
            finally:
                await self._stop()
                self._wanted.clear()
            self._tell(self._gone())

    async def _live(self) -> None:
        """Ends when the process' output does."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=_ROOT,
        )
        self._process = process
        assert process.stdout is not None
        decoder = wire.Decoder()
        while data := await self._read(process.stdout):
            for message in decoder.feed(data):
                self._settled.set()
                if message.utterance in self._answers:
                    self._answers[message.utterance].put_nowait(message)

    async def _read(self, output: asyncio.StreamReader) -> bytes:
        """What comes next. TimeoutError: it says nothing at all after its start."""
        if self._settled.is_set():
            return await output.read(1 << 16)
        try:
            async with asyncio.timeout(self._start_s):
                return await output.read(1 << 16)
        except TimeoutError:
            raise TimeoutError(f"it did not start within {self._start_s:g} s") from None

    async def _stop(self) -> None:
        """Ends the process, at once where it does not end by itself; who waits for it to be ready goes on."""
        process, self._process = self._process, None
        try:
            if process is not None:
                await _end(process)
                self._trouble = self._trouble or _ending(process.returncode)
        finally:
            self._settled.set()

    async def send(self, kind: Kind, number: int = 0, payload: bytes | dict[str, Any] = b"") -> None:
        """Raises ServiceError when the process is gone, or says nothing within START_S of its start."""
        if not self._wanted.is_set():
            self._settled.clear()
            self._wanted.set()
        await self._settled.wait()
        process = self._process
        if process is None or process.stdin is None:
            raise self._gone()
        try:
            process.stdin.write(wire.encode(kind, number, payload))
            await process.stdin.drain()
        except (OSError, RuntimeError) as exc:
            raise self._gone() from exc

    def begin(self) -> tuple[int, Answers]:
        """A number for an utterance, and where its answers will be."""
        self._numbers += 1
        self._answers[self._numbers] = asyncio.Queue()
        return self._numbers, self._answers[self._numbers]

    def forget(self, number: int) -> None:
        """Whatever still comes for this utterance is dropped; the process is told, if it lives."""
        del self._answers[number]
        process = self._process
        if process is not None and process.stdin is not None and self._settled.is_set():
            with suppress(OSError, RuntimeError):
                process.stdin.write(wire.encode(Kind.ABANDON, number))

    def _tell(self, error: ServiceError) -> None:
        for answers in self._answers.values():
            answers.put_nowait(error)

    def _gone(self) -> ServiceError:
        what = f"its process has ended ({self._trouble})" if self._trouble else "its process has ended"
        return ServiceError(what, who=WHO, cure="Say it again: the next utterance starts it anew.")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Closed input tells it to end; it is killed if it works on."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(LEAVING_S):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _ending(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}" if code else ""
