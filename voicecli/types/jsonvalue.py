"""What decoded JSON may be, and what can be written as JSON.

Belongs here: the alias, what a value is where it has the wanted type. Does not belong here: any one service's fields.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""A value of JSON. Strings are sequences too: ask for `str` before, and for `list` instead of Sequence."""


def text_in(value: object) -> str:
    """A value that is a string; "" for any other."""
    return value if isinstance(value, str) else ""


def laid_over(base: Mapping[str, object], over: Mapping[str, object], whole: Collection[str] = ()) -> dict[str, object]:
    """`base` with the entries of `over`: objects are joined, but for those named in `whole`; the rest is replaced."""
    found = dict(base)
    for name, value in over.items():
        below = found.get(name)
        if isinstance(below, Mapping) and isinstance(value, Mapping) and name not in whole:
            value = laid_over(below, value, whole)
        found[name] = value
    return found


def objects_in(value: object) -> list[Mapping[str, object]]:
    """The objects in a value that is a list; none of any other."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []
