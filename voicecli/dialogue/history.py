"""What was said in a conversation, as the next question to the model needs it.

Belongs here: the messages, their budget, what of a reply was heard. Pure text.
Does not belong here: keeping it on disk, the loop that decides when a turn counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from voicecli.types import ChatMessage

INTERRUPTED = "…"
"""How the text of a reply ends that was cut off: plain enough for a model to read, and not a word."""


def estimate_tokens(text: str) -> int:
    """About how many tokens a model makes of `text`."""
    raise NotImplementedError


def trim(messages: Sequence[ChatMessage], budget: int) -> tuple[ChatMessage, ...]:
    """The messages that fit in `budget` tokens: the oldest go first, system prompt and last question stay."""
    raise NotImplementedError


def join_utterances(parts: Iterable[str]) -> str:
    """One text of several: a space between words, nothing between Chinese or Japanese characters."""
    raise NotImplementedError


def cut_to_heard(pieces: Sequence[tuple[str, int]], sounded: int) -> str:
    """The text that was heard after `sounded` samples of `pieces`, each a text and its length in samples."""
    raise NotImplementedError


def mark_interrupted(heard: str) -> str:
    """`heard` with the mark of a reply that was cut off; empty stays empty."""
    raise NotImplementedError


class History:
    """The messages of one conversation. Two questions in a row become one message, so do two replies."""

    def __init__(self, system: str = "", budget: int | None = None, messages: Iterable[ChatMessage] = ()) -> None:
        raise NotImplementedError

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        """All messages, the system prompt first."""
        raise NotImplementedError

    def user(self, text: str) -> None:
        """The person said `text`; joined to the last message when that was the person's too."""
        raise NotImplementedError

    def assistant(self, text: str, *, interrupted: bool = False) -> None:
        """`text` is what was heard of the reply; empty text leaves no message."""
        raise NotImplementedError

    def take_back(self) -> str:
        """Removes the last question and its reply, for a person who goes on; returns the question."""
        raise NotImplementedError

    def request(self, question: str = "") -> tuple[ChatMessage, ...]:
        """The messages of a request, trimmed to the budget; `question` is asked without being kept."""
        raise NotImplementedError
