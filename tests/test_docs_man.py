"""Manual pages: roff that shows every word of the help texts. That they are not stale is tests/test_docs.py's."""

from __future__ import annotations

import re

import pytest

from scripts import make_docs, roff
from voicecli import cli
from voicecli.verbs import COMMANDS

REQUESTS = {".TH", ".SH", ".SS", ".PP", ".RS", ".RE", ".nf", ".fi", ".TP"}


def test_text_is_shown_as_it_is() -> None:
    assert roff.escaped("'a\\b --c") == "\\&'a\\eb \\-\\-c"
    assert list(roff.prose("One.\n\nSo:\n  voice x\n")) == [
        *(".PP", "One.", ".PP", "So:", ".RS 4", ".nf", "voice x", ".fi", ".RE")
    ]
    assert list(roff.section("EMPTY", [])) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_has_every_flag_and_no_request_of_chance(name: str) -> None:
    page = make_docs.manuals()[f"voice-{name}.1"]
    assert {line.split()[0] for line in page.splitlines() if line[:1] in ".'"} <= REQUESTS
    shown = re.sub(r"\\f[BR]|\\&", "", page).replace("\\-", "-")
    command = cli.load(name)
    for each in [command, *getattr(command, "commands", {}).values()]:
        assert (each.help or "").split("\n")[0].split(".")[0] in " ".join(shown.split("\n"))
        assert all(opt in shown for param in make_docs.own(each)[1] for opt in param.opts)
