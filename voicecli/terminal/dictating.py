"""Dictation on a terminal: sentences as they come, one line that changes, and how it is ended.

Belongs here: what a person sees of it, where the sentences go. Does not belong here: hearing
(usecases.dictation), files, which process records (storage.recorder).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicecli.terminal.progress import clock
from voicecli.terminal.talking import METER, METER_CELLS, meter_step
from voicecli.text.clean import one_line
from voicecli.text.width import tail
from voicecli.types import Segment

if TYPE_CHECKING:
    from voicecli.terminal.console import Console
    from voicecli.terminal.results import Commanded
    from voicecli.terminal.transcripts import Results
    from voicecli.usecases.transcribing.batch import Wish

DRAW_S = 0.1


@dataclass(frozen=True, slots=True)
class Manner:
    """How sentences are shown: `live` as they come, on stdout (`json`: as JSON); `interim` texts there too.

    `typed` is given each sentence besides, to be typed into a window.
    """

    live: bool = True
    json: bool = False
    interim: bool = False
    typed: Callable[[str], object] | None = None


class Shown:
    """Shows sentences of a dictation, and what is being heard on one line: `● 0:12 ▂▃▅▂ how many feet are in fi`."""

    def __init__(self, console: Console, manner: Manner) -> None:
        self._console, self._manner = console, manner
        self._began = self._drawn = time.monotonic()
        self._levels: deque[int] = deque([0] * METER_CELLS, METER_CELLS)
        self._heard = ""

    def __call__(self, segment: Segment, final: bool) -> None:
        """A sentence, or what is understood of it so far."""
        console, manner = self._console, self._manner
        self._heard = "" if final else segment.text
        self._draw()
        if not final and (not manner.interim or (console.animated and console.out_is_terminal and not manner.json)):
            return
        if manner.json:
            console.json_line({"text": segment.text, "start": segment.start, "end": segment.end, "final": final})
        elif manner.live:
            console.result(segment.text)
        if final and manner.typed:
            manner.typed(f"{segment.text} ")

    def level(self, dbfs: float) -> None:
        """How loud it is now."""
        if (now := time.monotonic()) - self._drawn >= DRAW_S:
            self._drawn = now
            self._levels.append(meter_step(dbfs))
            self._draw()

    def _draw(self) -> None:
        if self._console.animated and self._console.err:
            head = f"● {clock(time.monotonic() - self._began)} {''.join(METER[each] for each in self._levels)} "
            room = self._console.size()[0] - 1 - len(head)
            self._console.rows.show(self._console.err, [head + tail(one_line(self._heard[-600:]), max(8, room))])


@contextmanager
def shown(console: Console, manner: Manner) -> Iterator[Shown]:
    """Finished sentences go to stdout; what is still being heard is a line of its own on a watched terminal."""
    try:
        yield Shown(console, manner)
    finally:
        console.rows.clear()


Run = Callable[[Callable[[], Awaitable[None]]], None]


def take_down(
    here: Commanded,
    run: Run,
    results: Results,
    wish: Wish,
    output: str | None,
    manner: Manner,
    stop_after: float | None,
    tidy: Callable[[str], str] = str,
) -> None:
    """Sentences on stdout as they are finished; in a file, or as anything but text and JSON, at the end.

    However it ends, what was understood until then is written. `manner` holds where stdout is given them live.
    """
    from dataclasses import replace

    from voicecli.usecases.dictation import Said, dictate
    from voicecli.usecases.transcribing.batch import options_of
    from voicecli.usecases.transcribing.plan import Inputs, Source, plan

    console = here.console
    (job,) = plan(Inputs((Source("microphone"),), False), output, wish.formats)
    live = wish.formats in (("text",), ("json",)) and not any(job.targets.values())
    manner = replace(manner, live=live, json=live and "json" in wish.formats)
    can, _ = here.choose("transcribe_live")
    options = options_of(can, wish, "transcribe_live")
    here.check("transcribe_live", options)
    said, services = Said(), here.services()
    ends = "Enter ends it" if console.in_is_terminal else "Ctrl-C ends it"
    try:
        with shown(console, manner) as heard:
            told = (heard, lambda exc: console.error(str(exc)), stop_after, ends, tidy, heard.level)
            run(lambda: dictate(services, options, said, ended, *told))
    finally:
        if said.segments:
            results.give(job, said.transcript, shown=live)
            results.put_on_clipboard([job.source.name])
    said.judge()


@contextmanager
def ended() -> Iterator[asyncio.Event]:
    """Set by Enter or the first Ctrl-C, which end the dictation as it should end; a second one breaks it off."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    terminal = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None

    def end() -> None:
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    def typed() -> None:
        if b"\n" in (pressed := os.read(terminal or 0, 4096)) or not pressed:
            loop.remove_reader(terminal or 0)
            stop.set()

    with suppress(NotImplementedError):  # Windows: Ctrl-C breaks it off at once
        loop.add_signal_handler(signal.SIGINT, end)
        if terminal is not None:
            loop.add_reader(terminal, typed)
    try:
        yield stop
    finally:
        with suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)
            if terminal is not None:
                loop.remove_reader(terminal)
