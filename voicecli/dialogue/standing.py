"""How a conversation stands, for those who wait for it: a tape that may go on, a loudspeaker that may rest, a screen.

Belongs here: questions to the floor, and whether the ears are closed: muted, or half-duplex while (and shortly after) a
reply sounds. Does not belong here: acting on the answers, whether somebody speaks (audio.endpointer).
"""

from __future__ import annotations

from voicecli.audio.endpointer import State as Speech
from voicecli.dialogue.events import Phase
from voicecli.dialogue.floor import Floor
from voicecli.dialogue.parts import Parts, Rules
from voicecli.dialogue.states import TurnState

OPEN_AGAIN_S = 0.3
"""Half-duplex: how long after the last sound the ears stay closed (a room's echo)."""
REST_S = 0.8
"""Half-duplex: after so much silence while a tool works the ears open. A device may still play what it holds."""


class Standing:
    """Asked on the event loop, at any time; whether the ears are `deaf`, with every frame. `muted`: closed by hand."""

    def __init__(self, floor: Floor, parts: Parts, rules: Rules) -> None:
        self.muted = False
        self._turns, self._endpointer = floor.turns, floor.endpointer
        self._parts, self._rules = parts, rules
        self._deaf_until = float("-inf")
        self._silent_since: float | None = None

    @property
    def deaf(self) -> bool:
        """Whether the ears are closed: muted, or half-duplex while (and shortly after) a reply sounds."""
        turn, now = self._turns.last, self._parts.clock()
        lane = turn.lane if turn is not None else None
        if lane is not None and lane.drained is not None:
            self._deaf_until = lane.drained + OPEN_AGAIN_S
        if not (self._tool_works and lane is not None and lane.waiting):
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = now
        duplex = self._rules.push_to_talk or (self._rules.barge_in and self._parts.separable())
        if self.muted or duplex:
            return self.muted
        sounding = turn is not None and turn.state is TurnState.SOUNDING
        return (sounding and not self._rests(now)) or now < self._deaf_until

    def _rests(self, now: float) -> bool:
        """Whether the ears are open in a reply's silence: somebody speaks in it, or a tool has worked for a while."""
        waits = self._silent_since is not None and now - self._silent_since > REST_S
        return waits or self._turns.challenge is not None

    @property
    def holding(self) -> bool:
        """Whether a recorded input must wait: a turn has ended and its reply is not over."""
        turn = self._turns.busy
        return (turn is not None and turn.state.ended) or (not self.muted and self.deaf)

    @property
    def working(self) -> bool:
        """Whether services work on an answer that does not sound yet."""
        turn = self._turns.busy
        return turn is not None and turn.state is not TurnState.SOUNDING and turn.attempt is not None

    @property
    def settled(self) -> bool:
        """Whether nothing goes on: nobody speaks, no turn is open."""
        return self._turns.busy is None and self._endpointer.state is Speech.IDLE

    @property
    def starving(self) -> bool:
        """Whether time would pass for nothing: a reply waits for its next piece, or is just being closed."""
        turn = self._turns.busy
        sounding = turn is not None and turn.state is TurnState.SOUNDING
        return sounding and turn is not None and turn.lane is not None and turn.lane.waiting

    @property
    def backlog_s(self) -> float:
        """Seconds of speech that the recogniser has not taken yet."""
        challenge = self._turns.challenge
        turn = challenge.candidate if challenge is not None else self._turns.busy
        return turn.answerer.backlog_s if turn is not None else 0.0

    @property
    def _tool_works(self) -> bool:
        turn = self._turns.busy
        return turn is not None and turn.attempt is not None and turn.attempt.working

    @property
    def phase(self) -> Phase:
        """What the assistant does now, for a screen."""
        if self._parts.away():
            return "waiting"
        turn = self._turns.busy
        if self._endpointer.state is Speech.SPEAKING:
            return "hearing"
        if turn is None:
            return "muted" if self.muted else "listening"
        if self._tool_works and turn.state.ended:
            return "working"
        if turn.state is TurnState.SOUNDING:
            return "speaking"
        return "thinking" if turn.state.ended else "hearing"
