"""The fault table itself: nothing is left out of it, and the documentation tells its figures."""

from __future__ import annotations

from tests.families import COMMANDS
from tests.faults import figures
from tests.faults.table import CELLS, EVERY, EXCEPTIONS, FAULTS, FRAMES, KINDS, left_out, served
from tests.faults.test_faults import ALONE, LINES
from voicecli.backends.registry import FAMILIES


def test_every_verb_of_every_family_has_its_kinds_and_its_command() -> None:
    assert set(KINDS) == set(served())
    assert {verb for _, verb in served()} <= {name for each in COMMANDS for name in (each.verb, each.name)} | {
        *LINES,
        *ALONE,
    }


def test_no_combination_is_forgotten() -> None:
    assert len(CELLS) + sum(left_out().values()) == len(list(served())) * len(FAULTS)
    assert {cell.family for cell in CELLS} == {
        "mcp",
        *(name for name, family in FAMILIES.items() if not family.at_best.offline),
    }


def test_every_fault_can_be_made_where_it_is_said_to_be() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        assert fault.on <= EVERY | FRAMES and fault.on
        nowhere = fault.at is not None or fault.host != "127.0.0.1" or fault.scheme == "https"
        assert nowhere or bool(fault.spoil) == bool(fault.on - {"socket", "frames"}), fault
        assert nowhere or bool(fault.talk) == bool(fault.on & {"socket", "frames"}), fault


def test_every_exception_is_of_a_cell_that_there_is_and_says_why() -> None:
    cells = {(cell.family, cell.verb, cell.fault.name) for cell in CELLS}
    assert set(EXCEPTIONS) <= cells and all(each.why for each in EXCEPTIONS.values())


def test_the_page_tells_the_figures_of_now() -> None:
    page = figures.PAGE.read_text(encoding="utf-8")
    assert figures.written(page) == page, "run: python -m tests.faults.figures --write"
