"""The session that answers now, and the one that takes its place when it hangs or dies.

Belongs here: beginning and ending sessions, one after the other. Does not belong here: what passes in one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from voicecli.agents.session import AgentCommand, AgentSession, opened
from voicecli.agents.updates import Mode
from voicecli.errors import ServiceError


class Sessions:
    """The session that there is now: another takes the place of one that hangs or died. `told` gets a line of each."""

    def __init__(self, agent: AgentCommand, told: Callable[[str], None]) -> None:
        self.agent, self._told = agent, told
        self._leaving = False
        self._again = asyncio.Event()
        self._session: asyncio.Future[AgentSession] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Sessions:
        self._tasks = await asyncio.TaskGroup().__aenter__()
        self._keeping = self._tasks.create_task(self._keep())
        try:
            await asyncio.shield(self._session)
        except BaseException as exc:
            await self.__aexit__(type(exc), exc, exc.__traceback__)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leaving = True
        self._again.set()
        if exc is not None:
            self._keeping.cancel()
        await self._tasks.__aexit__(None, None, None)

    @property
    def session(self) -> AgentSession | None:
        """The one that there is now."""
        there = self._session.done() and not self._session.cancelled() and self._session.exception() is None
        return self._session.result() if there else None

    async def free(self) -> AgentSession:
        """The session with no prompt open; a new one where the old one does not let go, or has died."""
        try:
            session = await asyncio.shield(self._session)
            await session.settled()
            return session
        except TimeoutError:
            self._told(f"{self.agent.name} does not stop: it is ended and started again, and remembers nothing.")
        except ServiceError as exc:
            self._told(f"{exc.message}. It is started again, and remembers nothing.")
        self._session = asyncio.get_running_loop().create_future()
        self._again.set()
        return await asyncio.shield(self._session)

    async def _keep(self) -> None:
        """One after the other, each ended before the next begins. A failure is told whoever waits for it."""
        while not self._leaving:
            wanted = self._session
            try:
                async with opened(self.agent) as (session, mode):
                    self._greet(mode)
                    wanted.set_result(session)
                    await self._next()
            except Exception as exc:
                if wanted.done():
                    raise
                wanted.set_exception(exc)
                await self._next()

    async def _next(self) -> None:
        await self._again.wait()
        self._again.clear()

    def _greet(self, mode: Mode | None) -> None:
        name = self.agent.name
        if mode is not None:
            self._told(f"{name} answers, in its mode {mode.name}.")
        else:
            self._told(f"{name} names no mode that asks: it may change files and run commands unasked.")
