"""The five states of a turn, and the one table of what leads from one to the next. Pure."""

from __future__ import annotations

from enum import Enum, auto


class TurnState(Enum):
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
        return self not in (TurnState.HEARING, TurnState.DRAFTED)


class Move(Enum):
    """What takes a turn from one state to another."""

    DRAFT = auto()
    WITHDRAW = auto()
    END = auto()
    REOPEN = auto()
    SOUND = auto()
    FINISH = auto()


MOVES: dict[tuple[TurnState, Move], TurnState] = {
    (TurnState.HEARING, Move.DRAFT): TurnState.DRAFTED,
    (TurnState.DRAFTED, Move.WITHDRAW): TurnState.HEARING,
    (TurnState.HEARING, Move.END): TurnState.OPEN,
    (TurnState.DRAFTED, Move.END): TurnState.OPEN,
    (TurnState.OPEN, Move.REOPEN): TurnState.HEARING,
    (TurnState.OPEN, Move.SOUND): TurnState.SOUNDING,
    (TurnState.HEARING, Move.FINISH): TurnState.DONE,
    (TurnState.DRAFTED, Move.FINISH): TurnState.DONE,
    (TurnState.OPEN, Move.FINISH): TurnState.DONE,
    (TurnState.SOUNDING, Move.FINISH): TurnState.DONE,
}
"""Every move that there is."""


class IllegalMoveError(Exception):
    """A bug: something was to happen to a turn that cannot happen to it now."""


def after(state: TurnState, move: Move) -> TurnState:
    """The state that `move` leads to."""
    if (state, move) not in MOVES:
        raise IllegalMoveError(f"a turn that is {state.name} has no {move.name}")
    return MOVES[state, move]
