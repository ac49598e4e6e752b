"""The promises of a service that hears and speaks.

Belongs here: protocols. Does not belong here: implementations, and the promises of any other service (ports).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from voicecli.ports.streams import Opened, Stream
from voicecli.types import ChatMessage, Picture, TalkOptions
from voicecli.types.turns import Answer, AnswerWanted, Heard


class SpokenExchange(Protocol):
    """One turn of a conversation with a service that hears and speaks. Only `words` and `answer` wait."""

    def hear(self, pcm: bytes) -> None:
        """The next sound of the person's, s16le 16 kHz mono."""
        ...

    def pause(self) -> None:
        """The person is silent for the moment."""
        ...

    async def words(self) -> Heard:
        """What was said so far, as the service understood it; "" where it tells nothing within a few seconds."""
        ...

    def answer(self, asked: AnswerWanted) -> Stream[Answer]:
        """The answer. Left before its end it is withdrawn, except for what `heard_until` said was heard of it."""
        ...

    def heard_until(self, samples: int) -> None:
        """The person heard `samples` of the answers of this turn. 0: the whole turn is void, its question too."""
        ...

    def abandon(self) -> None:
        """The turn is over. The service forgets one that was not answered."""
        ...


class Colloquy(Protocol):
    """A conversation with such a service, over as many connections as it takes."""

    @property
    def withdraws(self) -> bool:
        """Whether an answer that is withdrawn leaves no trace in what the service remembers."""
        ...

    def show(self, pictures: Sequence[Picture]) -> None:
        """Pictures that go with what is said next, each once; () for none. Raises UsageError where none is taken."""
        ...

    async def warm(self) -> None:
        """Opens the connection, or replaces one that will end soon. Never raises for an unreachable service."""
        ...

    def begin(self, on_partial: Callable[[str], None]) -> SpokenExchange:
        """A new turn. `on_partial` is told what is understood while the person speaks."""
        ...


class Converser(Protocol):
    """Hears and speaks in one: speech to speech."""

    def converse(
        self, options: TalkOptions, rate: int, history: Callable[[], Sequence[ChatMessage]]
    ) -> Opened[Colloquy]:
        """Its sound comes at `rate`. `history` is what was said so far: a new connection is told of it."""
        ...
