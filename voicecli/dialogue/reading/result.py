"""What a text can read like at its end.

Belongs here: the three readings. Does not belong here: what makes a text one of them.
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
