"""Proof without a key: every verb over every family, through the real command line, against strict local servers.

    make demo-services

The servers decode the digits that they are sent and answer an error to whatever the services' documents don't
allow; the runs are those of tests/families.py. A cell is the time of the whole program, from start to exit;
"refused" is what is right for what the family lacks. Exits with 1 when a cell is not right.

Belongs here: running the table and printing it. Does not belong here: what is run, and what is right.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests import families
from tests.families import COMMANDS, SERVED, Command, Served
from voicecli.types import Backend

KEPT = ("PATH", "SYSTEMROOT", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP")
HOMES = ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
AT_ONCE = 2
WIDTH = 16


@dataclass(frozen=True)
class Cell:
    """What came of one command line over one family; `fault` is "" when it is right."""

    family: str
    command: str
    shown: str
    fault: str


def main(rows: Collection[Served] = SERVED.values(), commands: Sequence[Command] = COMMANDS) -> int:
    """Runs the table, family by family, and prints it: a row for each command; 1 when a cell is not right."""
    table = []
    for row in rows:
        print(f"{row.family} …", file=sys.stderr, flush=True)
        table.append(list(cells_of(row, commands)))
    print(_line("", (row.family for row in rows)))
    for command, cells in zip(commands, zip(*table, strict=True), strict=True):
        print(_line(command.name, (cell.shown for cell in cells)))
    faults = [cell for cells in table for cell in cells if cell.fault]
    for each in faults:
        print(f"\n{each.family} {each.command}: {each.fault}", file=sys.stderr)
    count = len(rows) * len(commands)
    print(f"\n{count - len(faults)} of {count} cells are right: digits at both ends, no key, no network.")
    return min(1, len(faults))


def _line(head: str, cells: Iterable[str]) -> str:
    return "".join(f"{each:<{WIDTH}}" for each in (head, *cells)).rstrip()


def cells_of(row: Served, commands: Sequence[Command]) -> Iterator[Cell]:
    """The cells of one family, its server running meanwhile."""
    with row.serve() as running, ThreadPoolExecutor(AT_ONCE) as pool:
        backend = row.backend(running)
        yield from pool.map(lambda command: cell(row, backend, row.own.get(command.name, command)), commands)


def cell(row: Served, backend: Backend, command: Command) -> Cell:
    """One run, in a home of its own."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        families.recorded(work)
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        home = dict.fromkeys(HOMES, folder)
        began = time.monotonic()
        outcome = families.run(command.line, work, kept | home | families.configured(work, backend))
        took = time.monotonic() - began
        fault = families.fault(command, row, backend, outcome)
    refused = not row.can(command, backend)
    return Cell(row.family, command.name, "WRONG" if fault else "refused" if refused else f"{took:.1f} s", fault)


if __name__ == "__main__":
    sys.exit(main())
