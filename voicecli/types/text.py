"""Texts and their meaning: what a model that compares them is asked, and answers.

Belongs here: small immutable types without behaviour beyond arithmetic on themselves. Does not belong here: I/O,
clocks.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EmbedOptions:
    """What a caller may ask of a model that turns texts into vectors. None: do not send the field."""

    model: str | None = None


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate and how well it fits; `index` is its place among those that were sent, `score` None where untold."""

    index: int
    text: str
    score: float | None = None
