"""An audience that keeps a spoken conversation.

Belongs here: when it is looked at, on which thread. Does not belong here: what is kept (usecases.chatting.keeping).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from voicecli.dialogue import events as ev
from voicecli.terminal.audience import Outlet
from voicecli.usecases.chatting.keeping import silent

if TYPE_CHECKING:
    from voicecli.dialogue.history import History
    from voicecli.types import ChatMessage
    from voicecli.usecases.chatting.keeping import Keeper

TOO_OFTEN = (ev.Level, ev.UserPartial, ev.AssistantDelta)
"""Events after which history is as it was."""


class KeptTalk:
    """An audience that keeps a spoken conversation as it goes on, on a thread of its own.

    What counts is the conversation's own history: after each event that may have changed it, it is looked
    at, so that a turn that is taken back, joined or cut off is kept as the model would be told of it.
    `tell` gets a word on trouble, on that thread.
    """

    def __init__(self, keeper: Keeper, history: History, tell: Callable[[str], object]) -> None:
        self._keeper, self._history = keeper, history
        self._interrupted = False
        self._last: tuple[ChatMessage, ...] = history.messages
        keeper.begin()
        if keeper.warn is not silent:
            keeper.warn = tell
        self.outlet: Outlet[Callable[[], object]] = Outlet(lambda job: job(), lambda: None)

    def emit(self, event: ev.Event, turn: int) -> None:
        if isinstance(event, TOO_OFTEN):
            return
        if isinstance(event, ev.AssistantSaid):
            self._interrupted = event.interrupted
        self._look()

    def close(self) -> None:
        """Everything is kept, or another process holds the file: within Outlet's time for leaving."""
        self._look()
        self.outlet.put(self._keeper.close)
        self.outlet.close()

    def _look(self) -> None:
        messages, interrupted = self._history.messages, self._interrupted
        if messages != self._last:
            self._last = messages
            self.outlet.put(lambda: self._keeper.sync(messages, interrupted=interrupted))
