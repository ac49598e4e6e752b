"""`voice talk --wake`: the ears of a conversation behind a wake phrase, and the tone when it wakes.

Belongs here: whose recogniser may hear a room all day, the tone. Does not belong here: when it wakes (dialogue.waking).
"""

from __future__ import annotations

from asyncio import TaskGroup
from collections.abc import Callable
from dataclasses import replace

from voicecli.dialogue.events import Event, Level, Notice, PhaseChanged, Ready
from voicecli.dialogue.hearing import Hearing, OnPartial
from voicecli.dialogue.waking import Sleep, WakingEars
from voicecli.errors import UsageError
from voicecli.wiring.adapters import Adapters


def behind(sleep: Sleep, opened: Adapters | None) -> Adapters:
    """`opened`, whose ears pass on only what follows the wake phrase.

    Raises UsageError where all that is said in the room would go to a service.
    """
    if opened is None or not opened.ears_family.offline:
        raise UsageError(
            "all that is said in the room would go to a service",
            who="--wake",
            cure='Let this machine hear: [use] transcribe = "local".',
        )
    hearing = opened.hearing

    def waking(tasks: TaskGroup, on_partial: OnPartial) -> Hearing:
        def ours(text: str) -> None:
            on_partial(sleep.ours(text))

        return WakingEars(hearing(tasks, ours), sleep)

    return replace(opened, hearing=waking)


def minded(emit: Callable[[Event, int], None], sleep: Sleep) -> Callable[[Event, int], None]:
    """`emit`, which also tells the person when it sleeps, and `sleep` when the conversation is idle.

    Asleep, the level meter is not shown.
    """

    def both(event: Event, turn: int) -> None:
        if isinstance(event, Level) and not sleep.awake:
            return
        emit(event, turn)
        if isinstance(event, Ready):
            emit(Notice(f"asleep until somebody says “{sleep.phrase}”"), turn)
        if isinstance(event, PhaseChanged):
            sleep.mind(idle=event.phase == "listening")

    return both
