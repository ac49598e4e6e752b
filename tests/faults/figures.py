"""The figures of the fault table, as docs/reliability.md tells them: python -m tests.faults.figures [--write]

Belongs here: counting, and the paragraph made of it. Does not belong here: the table (table.py).
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.faults.table import BESIDE, CELLS, EXCEPTIONS, FAULTS, left_out, served

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- faults: python -m tests.faults.figures --write -->\n", "<!-- end of faults -->"


def figures() -> str:
    """How many cells there are, of what, and why not more."""
    pairs, lacking = list(served()), left_out()
    families = {family for family, verb in pairs if (family, verb) not in BESIDE}
    told = (
        f"{len(CELLS):,} cells: {len(pairs) - len(BESIDE)} verbs of {len(families)} families (`--schema`, tools,",
        "`--translate` are some), the list and the calls of a server of tools (MCP), and what a person agreed to",
        f"in a chat, each under those of {len(FAULTS)} faults that can happen to it; {len(EXCEPTIONS)} come out",
        "otherwise than their fault does elsewhere, for a reason that stands in the table.",
        f"{sum(lacking.values()):,} combinations cannot happen:",
    )
    lines = [
        *told,
        "",
        *(f"- {reason}: {count}" for reason, count in sorted(lacking.items(), key=lambda each: -each[1])),
    ]
    return "\n".join(lines) + "\n"


def written(page: str) -> str:
    """`page` with the figures of now."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + figures() + END + rest.partition(END)[2]


def main(*flags: str) -> None:
    """Prints the figures, or writes them into the page."""
    if "--write" in flags:
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        sys.stdout.write(figures())


if __name__ == "__main__":
    main(*sys.argv[1:])
