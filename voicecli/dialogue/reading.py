"""What the words tell of whether the person has finished.

Belongs here: word lists and sentence shapes of English and Chinese. Pure text.
Does not belong here: milliseconds (the endpointer has them), clocks.
"""

from __future__ import annotations

from enum import Enum


class Reading(Enum):
    """How a recognised text reads at its end."""

    COMPLETE = "complete"
    """A whole sentence or answer: the turn may end early."""
    PLAIN = "plain"
    """No telling: the usual wait."""
    DANGLING = "dangling"
    """Plainly goes on: the long wait."""


def read(text: str, *, trust_punctuation: bool = False, language: str | None = None) -> Reading:
    """How `text`, all that was heard of this turn, reads at its end.

    `trust_punctuation`: the recogniser sets full stops by sense, not at the end of every fragment.
    `language` (as `en` or `zh-CN`) is guessed from the script when it is None.
    """
    raise NotImplementedError
