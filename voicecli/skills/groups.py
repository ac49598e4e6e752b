"""What models are told of the skills: each kind as a tool that is asked in words which one of its skills understands.

It stands apart from the skills, because every conversation loads it, and few use one. Belongs here: names, meanings,
examples. Does not belong here: which skills they are (skills.GROUPED), anything that takes time to load.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Group:
    """Skills of one kind. `rings`: only of use where somebody waits for timers."""

    name: str
    meaning: str
    examples: tuple[str, ...]
    rings: bool = False


GROUPS: tuple[Group, ...] = (
    Group(
        "clock",
        "Tell the local time, the date or the day of the week.",
        ("what time is it", "what is the date tomorrow", "what year is it"),
    ),
    Group(
        "timer",
        "Set a timer that rings, cancel all timers, or tell how much time is left.",
        ("set a timer for 10 minutes", "how much time is left", "cancel the timer"),
        rings=True,
    ),
    Group(
        "convert",
        "Convert between units of length, weight, temperature, volume, time, speed, area and energy.",
        ("5 miles to kilometers", "100 degrees fahrenheit in celsius"),
    ),
    Group(
        "calculate",
        "Work out a sum, exactly.",
        ("12.5 * (3 + 4)", "25 percent of 80", "square root of 2"),
    ),
)
