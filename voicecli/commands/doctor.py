"""`voice doctor`: whether everything is there, reachable and understood, and what to do where it is not.

Belongs here: its exit code, and the report on a terminal. Does not belong here: finding the facts (usecases.examining),
what they mean and how they are told (usecases.checkup).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from voicecli.commands import session as common
from voicecli.text.width import wrapped
from voicecli.usecases import checkup

if TYPE_CHECKING:
    from voicecli.terminal.console import Console


def doctor(ctx: typer.Context) -> None:
    """Look at the installation, the configuration, every backend and the sound devices.

    Examples:
      voice doctor
      voice doctor -b work
      voice doctor --json | jq .problems

    With --backend only that one is looked at, and no sound device. The exit code is 0 when all is well, else
    that of the first problem: 2 configuration, 3 refused, 4 unreachable, 5 failed, 6 rate limited, 8 sound.
    """
    from voicecli.usecases.examining import examine
    from voicecli.wiring.services import Services

    session = common.session(ctx)

    def opened() -> Services:
        return Services(session.config(), session.env, session.console, session.backend)

    with session.console.progress("having a look"):
        path, masked = session.file, session.console.masked
        report = common.run(lambda: examine(str(path), path.exists(), session.env, opened, masked))
    if session.json:
        session.console.json_line(checkup.document(report))
    else:
        _tell(session.console, checkup.lines(report, session.console.say))
    if report.exit_code:
        raise typer.Exit(report.exit_code)


COLOURS = {checkup.WELL: "\x1b[32m", checkup.DOUBTFUL: "\x1b[33m", checkup.WRONG: "\x1b[31m"}


def _tell(console: Console, lines: Iterable[str]) -> None:
    """On a terminal the lines are broken to its width, and their marks coloured."""
    width = console.size()[0] - 1 if console.out_is_terminal else 0
    for line in lines:
        text = wrapped(line, width, "    ") if width else line
        mark = text[0] if text[:1] in COLOURS else ""
        console.styled([(mark, COLOURS.get(mark, "")), (text[len(mark) :] + "\n", "")])
