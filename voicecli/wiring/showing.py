"""Pictures that a person shows in a conversation.

Belongs here: with which turn a picture goes, and who is told of it. Does not belong here: reading files, how a service
is sent a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from voicecli.dialogue.events import AssistantSaid, Event, UserSaid
from voicecli.types import Picture


@dataclass(slots=True)
class Showing:
    """`pictures` go with what the person says next, until an answer to that was heard.

    `take` is told of every change, and raises UsageError where none is taken.
    """

    take: Callable[[Sequence[Picture]], object]
    pictures: tuple[Picture, ...] = ()
    _answered: int = 0
    _since: int = 0

    def show(self, picture: Picture) -> None:
        """Raises UsageError."""
        pictures = (*self.pictures, picture)
        self.take(pictures)
        self.pictures, self._since = pictures, self._answered

    def emit(self, event: Event, turn: int) -> None:
        """What happens in the conversation: a reply to words that came before the pictures does not use them up."""
        if isinstance(event, UserSaid):
            self._answered = turn
        elif isinstance(event, AssistantSaid) and self.pictures and self._since < turn == self._answered:
            self.pictures = ()
            self.take(())
