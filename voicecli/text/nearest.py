"""What somebody may have meant: the nearest of the names that there are.

Pure. Belongs here: the one way to guess a misspelt name. Does not belong here: what is said besides.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 80
"""Letters of a name that are compared."""


def nearest(name: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """The one of `known` that is most like `name`, whatever its case; "" for none. `likeness` is from 0 to 1."""
    return next(iter(near(name, known, 1, likeness)), "")


def near(name: str, known: Iterable[str], most: int, likeness: float = 0.6) -> list[str]:
    """Up to `most` of `known` that are like `name`, the nearest first."""
    by_form = {each.lower(): each for each in known}
    return [by_form[each] for each in get_close_matches(name.lower()[:LONGEST], by_form, most, likeness)]


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "", likeness: float = 0.6) -> str:
    """`Did you mean 'NAME'?`, or `otherwise` where nothing is near."""
    near = nearest(name, known, likeness)
    return f"Did you mean '{near}'?" if near else otherwise
