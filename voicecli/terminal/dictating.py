"""Dictation on a terminal: sentences as they come, what may still change on a line of its own, and Ctrl-C.

Belongs here: what a person sees of it. Does not belong here: hearing (usecases.dictation), files.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicecli.text.clean import one_line
from voicecli.text.width import tail
from voicecli.types import Segment

if TYPE_CHECKING:
    from voicecli.terminal.console import Console


@dataclass(frozen=True, slots=True)
class Manner:
    """How sentences are shown: `live` as they come, on stdout (`json`: as JSON); `interim` texts there too."""

    live: bool = True
    json: bool = False
    interim: bool = False


@contextmanager
def shown(console: Console, manner: Manner) -> Iterator[Callable[[Segment, bool], None]]:
    """Finished sentences go to stdout; what is still being heard is a line of its own on a watched terminal."""

    def show(segment: Segment, final: bool) -> None:
        if console.animated and console.err and not final:
            console.rows.show(console.err, [tail(f"… {one_line(segment.text[-600:])}", console.size()[0] - 1)])
        if not final and (not manner.interim or (console.animated and console.out_is_terminal and not manner.json)):
            return
        console.rows.clear()
        if manner.json:
            console.json_line({"text": segment.text, "start": segment.start, "end": segment.end, "final": final})
        elif manner.live:
            console.result(segment.text)

    try:
        yield show
    finally:
        console.rows.clear()


@contextmanager
def interrupted() -> Iterator[asyncio.Event]:
    """Set by the first Ctrl-C, which ends the dictation as it should end; a second one breaks it off."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def end() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    with suppress(NotImplementedError):  # Windows: Ctrl-C breaks it off at once
        loop.add_signal_handler(signal.SIGINT, end)
    try:
        yield stop
    finally:
        with suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)
