"""Servers that run on this very machine: each family knocks at its usual ports, and asks who answers what it has.

Belongs here: asking all at once. Does not belong here: where to knock (the families), choosing among them (wiring),
writing a configuration (config). Nothing is asked but loopback, and only when a person wants it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace

from voicecli.backends.family import Looking, Server
from voicecli.backends.knocking import ANSWER_S, KNOCK_S
from voicecli.backends.registry import FAMILIES
from voicecli.errors import VoiceError


def everywhere(ports: tuple[int, ...] = ()) -> list[Looking]:
    """Where every family looks, at `ports` besides its usual ones."""
    return [looking for family in FAMILIES.values() for looking in family.nearby(ports)]


async def look(places: Iterable[Looking]) -> list[Server]:
    """Who answers, all asked at once, in the order of `places`. Never raises for one that does not."""
    found: dict[int, Server] = {}

    async def one(order: int, looking: Looking) -> None:
        with suppress(VoiceError, TimeoutError):
            async with asyncio.timeout(KNOCK_S + ANSWER_S):
                if server := await looking():
                    found[order] = server

    async with asyncio.TaskGroup() as tasks:
        for order, looking in enumerate(places):
            tasks.create_task(one(order, looking))
    return _named_apart([found[order] for order in sorted(found)])


def _named_apart(servers: list[Server]) -> list[Server]:
    """No two of a name: the second gets its number."""
    seen: dict[str, int] = {}
    apart = []
    for each in servers:
        seen[each.name] = count = seen.get(each.name, 0) + 1
        apart.append(each if count == 1 else replace(each, name=f"{each.name}{count}"))
    return apart
