"""How a conversation stands, for those who wait for it: a tape that may go on, a loudspeaker that may rest, a screen.

Belongs here: questions to the floor and the ears. Does not belong here: acting on the answers.
"""

from __future__ import annotations

from voicecli.audio.endpointer import State as Speech
from voicecli.dialogue.ears import EarGate
from voicecli.dialogue.events import Phase
from voicecli.dialogue.floor import Floor
from voicecli.dialogue.parts import Parts, Rules
from voicecli.dialogue.states import TurnState


class Standing:
    """Asked on the event loop, at any time."""

    def __init__(self, floor: Floor, parts: Parts, rules: Rules) -> None:
        self.ears = EarGate()
        self._turns, self._endpointer = floor.turns, floor.endpointer
        self._parts, self._rules = parts, rules

    @property
    def deaf(self) -> bool:
        """Whether the ears are closed."""
        turn, now = self._turns.last, self._parts.clock()
        lane = turn.lane if turn is not None else None
        self.ears.mind(
            now,
            sounding=turn is not None and turn.state is TurnState.SOUNDING,
            idle=self._tool_works and lane is not None and lane.waiting,
            drained=lane.drained if lane is not None else None,
        )
        duplex = self._rules.push_to_talk or (self._rules.barge_in and self._parts.separable())
        return self.ears.closed(now, duplex=duplex, spoken_over=self._turns.challenge is not None)

    @property
    def holding(self) -> bool:
        """Whether a recorded input must wait: a turn has ended and its reply is not over."""
        turn = self._turns.busy
        return (turn is not None and turn.state.ended) or (not self.ears.muted and self.deaf)

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
            return "muted" if self.ears.muted else "listening"
        if self._tool_works and turn.state.ended:
            return "working"
        if turn.state is TurnState.SOUNDING:
            return "speaking"
        return "thinking" if turn.state.ended else "hearing"
