"""Which turn has the floor, and who challenges it.

Belongs here: turns made, one after the other, and what came of them; tasks beside the microphone. Does not belong here:
why a turn begins or ends (dialogue.floor), what becomes of one (dialogue.turn).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial

from voicecli.dialogue.challenge import Challenge
from voicecli.dialogue.history import History
from voicecli.dialogue.manners import SpokenWish, wish_of
from voicecli.dialogue.parts import Parts
from voicecli.dialogue.states import TurnState
from voicecli.dialogue.turn import Turn
from voicecli.errors import VoiceError


class Turns:
    """`last` is the newest turn, `challenge` speech over its reply; `losses` and `answered` tell what came of all."""

    tasks: asyncio.TaskGroup | None = None
    """Owns every task of the conversation, while that runs."""

    def __init__(
        self, parts: Parts, history: History, obey: Callable[[SpokenWish], None], *, understands: bool
    ) -> None:
        """`obey` is called with each spoken wish that ends a turn. With `understands` such wishes are recognised."""
        self.last: Turn | None = None
        self.challenge: Challenge | None = None
        self.losses: list[VoiceError] = []
        self.answered = 0
        self._parts, self._history, self._obey = parts, history, obey
        self._wish = partial(wish_of, paces=parts.pace is not None) if understands else lambda _text: None
        self._beside: set[asyncio.Task[None]] = set()

    @property
    def number(self) -> int:
        """The newest turn's; 0 before there is one."""
        return self.last.number if self.last is not None else 0

    @property
    def busy(self) -> Turn | None:
        """The turn that is not over; None: nothing goes on."""
        return self.last if self.last is not None and self.last.state is not TurnState.DONE else None

    @property
    def speaking(self) -> Turn | None:
        """The turn that the next frame of speech belongs to; None: no turn takes speech now."""
        if self.challenge is not None:
            return self.challenge.candidate
        return self.busy if self.busy is not None and not self.busy.state.ended else None

    def new(self) -> Turn:
        """Begins a turn, which has the floor."""
        return self._take_floor(self._made())

    def begun(self) -> Turn:
        """Somebody speaks: the turn that this belongs to. Over a reply it is a challenge of that."""
        turn = self.busy or self.new()
        if turn.state is TurnState.SOUNDING:
            self.challenge = Challenge(turn, self._made(candidate=True))
            return self.challenge.candidate
        return turn

    def _made(self, *, candidate: bool = False) -> Turn:
        assert self.tasks is not None, "nobody speaks before the conversation runs"
        late = self.last.late if self.last is not None else 0
        made = partial(Turn, self._parts, self._history, self.tasks, self.number + 1)
        return made(candidate=candidate, late=late, wish=self._wish, warm=self.warm)

    def let_go_on(self) -> None:
        """A false alarm: the reply goes on from where it was."""
        challenge, self.challenge = self.challenge, None
        if challenge is not None:
            challenge.fail()

    def commit(self, challenge: Challenge) -> Turn:
        """The interruption stands: the reply stops, the candidate has the floor."""
        self.challenge = None
        challenge.win(self._parts.clock())
        return self._take_floor(challenge.candidate)

    def _take_floor(self, turn: Turn) -> Turn:
        assert self.tasks is not None, "nobody speaks before the conversation runs"
        self.last = turn
        self.tasks.create_task(self._see_through(turn))
        return turn

    async def _see_through(self, turn: Turn) -> None:
        outcome = await turn.over
        self.answered += outcome.answered
        if outcome.wish is not None:
            self._obey(outcome.wish)
        if (loss := outcome.loss) is not None:
            # The frames that it went through hold the sound of the turn.
            loss.__cause__ = loss.__context__ = None
            self.losses.append(loss.with_traceback(None))

    def beside(self, work: Coroutine[object, object, None]) -> None:
        """Work that nobody waits for when the conversation ends."""
        assert self.tasks is not None, "nobody speaks before the conversation runs"
        task = self.tasks.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    def warm(self) -> None:
        """Opens the connections that are closed: they are needed as soon as the person stops."""
        self.beside(self._parts.responder.warm())

    def stop(self) -> None:
        """Ends the work beside the turns: the conversation ends."""
        for task in list(self._beside):
            task.cancel()
        self.tasks = None
