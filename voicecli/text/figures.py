"""Figures as a person reads them: sizes, lengths of time, counts. Pure.

Belongs here: numbers to short words. Does not belong here: what they are figures of.
"""

from __future__ import annotations


def size(count: int) -> str:
    """`count` bytes: "512 bytes", "31 kB", "1.2 MB"."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= least:
            return f"{count / least:.{0 if count >= 10 * least else 1}f} {unit}"
    return counted(count, "byte")


def length(seconds: float) -> str:
    """A length of time: "0.7 s", "3:12 min", "1:02:03 h"."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} h" if hours else f"{minutes}:{rest:02} min"


def counted(count: int, thing: str, things: str = "") -> str:
    """ "1 entry", "2 entries"."""
    return f"{count:,} {thing if count == 1 else things or thing + 's'}"
