"""The session that answers now, and the one that takes its place when it hangs or dies.

Belongs here: beginning and ending sessions, one after the other, and what a person is told of each. Does not belong
here: what passes in one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from voicecli.agents.beginning import EarlierSession
from voicecli.agents.leave import visible
from voicecli.agents.process import AgentCommand
from voicecli.agents.session import AgentSession, opened
from voicecli.errors import ServiceError

RECALLED = 20
"""Messages of an earlier session that are shown where it goes on."""


class Sessions:
    """The session that there is now: another takes the place of one that hangs or died. `told` gets a line of each.

    Entering the block begins the first, and waits for nothing: `ready` does. `kept` gets each session's number.
    """

    def __init__(
        self,
        agent: AgentCommand,
        told: Callable[[str], None],
        earlier: EarlierSession | None = None,
        kept: Callable[[EarlierSession], None] | None = None,
    ) -> None:
        self.agent, self._told, self._earlier, self._kept = agent, told, earlier, kept
        self._leaving = self._began = False
        self._again = asyncio.Event()
        self._session: asyncio.Future[AgentSession] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Sessions:
        self._tasks = await asyncio.TaskGroup().__aenter__()
        self._keeping = self._tasks.create_task(self._keep())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._leaving = True
        self._again.set()
        if exc[0] is not None or not self._session.done():
            self._keeping.cancel()
        await self._tasks.__aexit__(None, None, None)
        if self._session.done():
            self._session.exception()  # whoever waited has been told; where nobody did, it is no matter

    async def ready(self) -> None:
        """The session is there. Raises what kept it from beginning."""
        await asyncio.shield(self._session)

    @property
    def session(self) -> AgentSession | None:
        """The session that is open now; None before one is."""
        there = self._session.done() and not self._session.cancelled() and self._session.exception() is None
        return self._session.result() if there else None

    async def free(self, restarting: Callable[[str], None]) -> AgentSession:
        """The session with no prompt open; another where the old one does not let go, or has died: `restarting`."""
        try:
            session = await asyncio.shield(self._session)
            await session.settled()
            return session
        except TimeoutError:
            restarting(f"{self.agent.name} does not stop: it is ended and started again.")
        except ServiceError as exc:
            restarting(f"{exc.message}. It is started again.")
        self._session = asyncio.get_running_loop().create_future()
        self._again.set()
        return await asyncio.shield(self._session)

    async def _keep(self) -> None:
        """One after the other, each ended before the next begins. A failure is told whoever waits for it."""
        while not self._leaving:
            wanted = self._session
            try:
                async with opened(self.agent, self._told, self._earlier) as session:
                    self._greet(session)
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

    def _greet(self, session: AgentSession) -> None:
        name, begun = self.agent.name, session.begun
        if self._earlier is not None and not begun.went_on:
            self._told(f"{name} cannot go on with the earlier session: this is a new one, and remembers nothing.")
        if not self._began:
            self._replay(session)
        self._began = True
        how = f"in its mode {begun.mode.name}" if begun.mode else "and names no mode that asks: it may act unasked"
        self._told(f"{name} goes on, {how}." if begun.went_on else f"{name} answers, {how}.")
        now = time.time()
        self._earlier = EarlierSession(begun.id, self._earlier.began if begun.went_on and self._earlier else now)
        if self._kept is not None:
            self._kept(self._earlier)

    def _replay(self, session: AgentSession) -> None:
        """What was said before, shown and never spoken; pieces of one message are joined."""
        joined: list[tuple[bool, str]] = []
        for each in session.replay:
            if joined and joined[-1][0] == each.person:
                joined[-1] = (each.person, joined[-1][1] + each.text)
            else:
                joined.append((each.person, each.text))
        session.replay.clear()
        for person, said in joined[-RECALLED:]:
            who = "you" if person else self.agent.name
            self._told(f"{who}: {visible(said).strip()}")
