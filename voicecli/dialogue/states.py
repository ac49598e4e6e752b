"""The five states of a turn, and the one table of what leads from one to the next. Pure."""

from __future__ import annotations

from enum import Enum, auto


class State(Enum):
    """Where a turn is."""

    HEARING = auto()
    """The person speaks, or may go on."""
    DRAFTED = auto()
    """The same, and an answer is in the making of which nobody hears yet."""
    OPEN = auto()
    """The turn has ended: what comes of the answer is told."""
    SOUNDING = auto()
    """The reply is heard."""
    DONE = auto()

    @property
    def ended(self) -> bool:
        """Whether the person is done."""
        return self not in (State.HEARING, State.DRAFTED)


class Move(Enum):
    """What takes a turn from one state to another."""

    DRAFT = auto()
    WITHDRAW = auto()
    END = auto()
    REOPEN = auto()
    SOUND = auto()
    FINISH = auto()


MOVES: dict[tuple[State, Move], State] = {
    (State.HEARING, Move.DRAFT): State.DRAFTED,
    (State.DRAFTED, Move.WITHDRAW): State.HEARING,
    (State.HEARING, Move.END): State.OPEN,
    (State.DRAFTED, Move.END): State.OPEN,
    (State.OPEN, Move.REOPEN): State.HEARING,
    (State.OPEN, Move.SOUND): State.SOUNDING,
    (State.HEARING, Move.FINISH): State.DONE,
    (State.DRAFTED, Move.FINISH): State.DONE,
    (State.OPEN, Move.FINISH): State.DONE,
    (State.SOUNDING, Move.FINISH): State.DONE,
}
"""Every move that there is."""


class IllegalMoveError(Exception):
    """A bug: something was to happen to a turn that cannot happen to it now."""


def after(state: State, move: Move) -> State:
    """The state that `move` leads to."""
    if (state, move) not in MOVES:
        raise IllegalMoveError(f"a turn that is {state.name} has no {move.name}")
    return MOVES[state, move]
