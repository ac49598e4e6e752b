"""The live screen of `voice talk`: a few rows at the bottom that change, a line to type, lines that scroll away.

Belongs here: drawing and printing on the terminal. Does not belong here: what is said (talking.py), which key does what
(keys.py), pipes and JSON (audience.py), deciding anything about the conversation.

What is printed is printed once and scrolls away like any output; only the rows at the bottom are redrawn. While the
screen runs it owns the terminal: what anybody else writes there is printed above them. prompt_toolkit puts the terminal
back on every way out; what is open then is printed.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_input
from prompt_toolkit.layout import BufferControl, Dimension, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.layout.processors import BeforeInput
from prompt_toolkit.output import ColorDepth, DummyOutput, create_output
from prompt_toolkit.styles import Style

from voicecli.dialogue import events as ev
from voicecli.terminal.beckoning import EARLIER_TITLE, SAVED_TITLE, titled
from voicecli.terminal.console import Console
from voicecli.terminal.keys import KITTY_OFF, KITTY_ON, Choose, Keyboard
from voicecli.terminal.talking import TalkView
from voicecli.text.clean import clean

if TYPE_CHECKING:
    from voicecli.dialogue.keys import Keys

REDRAW_S = 0.1
TYPED_ROWS = 5
HINT = "hold Ctrl-T to speak"

STYLE = Style.from_dict(
    {
        "voice": "bold ansigreen",
        "quiet": "ansibrightblack",
        "hearing": "bold ansicyan",
        "thinking": "bold ansiyellow",
        "speaking": "bold ansigreen",
        "muted": "bold ansired",
        "interim": "italic ansibrightblack",
    }
)


class Screen:
    """Show it events, `run` it beside the conversation. With `visible` false only the keys work (for --json)."""

    def __init__(
        self, console: Console, choose: Choose, *, push_to_talk: bool, visible: bool = True, stages: bool = False
    ) -> None:
        self._console, self._ptt, self._visible = console, push_to_talk, visible
        self._hint = HINT if push_to_talk else "/help"
        self._view = TalkView(stages=stages, say=console.say)
        self._drawn: tuple[object, ...] = ()
        self._titled = ""
        self._news, self._wake = asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._keyboard = Keyboard(self._leave, self._tell, choose, push_to_talk=push_to_talk)
        self._app = self._build()

    # -- events ------------------------------------------------------------------------------------

    def emit(self, event: ev.Event, turn: int) -> None:
        """Takes an event; drawn within a tenth of a second, printed lines at once."""
        self._view.take(event, turn)
        if isinstance(event, ev.Ready):
            self._keyboard.ready()
        self._news.set()
        if self._view.printed:
            self._wake.set()

    def close(self) -> None:
        """The conversation is over: what is still open is printed."""
        self._view.leave()
        self._print_lines()

    def _tell(self, text: str) -> None:
        for line in text.split("\n"):
            self._view.tell(line)
        self._news.set()
        self._wake.set()

    # -- running -----------------------------------------------------------------------------------

    async def run(self, controls: Keys) -> None:
        """Until cancelled, or the person leaves. The terminal is put back on every way out."""
        self._keyboard.controls = controls
        self._send(KITTY_ON if self._ptt else "")
        if self._visible:
            self._console.rows.taken_by(self._from_elsewhere)
        try:
            async with asyncio.TaskGroup() as tasks:
                drawing = tasks.create_task(self._draw())
                await self._app.run_async(handle_sigint=False)
                drawing.cancel()
        finally:
            self._console.rows.taken_by(None)
            self._send((KITTY_OFF if self._ptt else "") + (EARLIER_TITLE if self._titled else ""))
            self._print_lines()
        controls.end()

    def _from_elsewhere(self, text: str) -> None:
        """What others write to the terminal, on any thread."""
        rows = text.rstrip("\n").split("\n")

        def take() -> None:
            self._view.printed.append(lambda columns: rows)
            self._news.set()
            self._wake.set()

        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(take)

    def _send(self, sequence: str) -> None:
        if sequence and self._console.err_is_terminal:
            with suppress(OSError, ValueError):
                sys.stderr.write(sequence)
                sys.stderr.flush()

    async def _draw(self) -> None:
        """Prints finished lines at once, redraws the bottom at most ten times a second and only when it changed."""
        while True:
            await self._news.wait()
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(REDRAW_S):
                    await self._wake.wait()
            self._wake.clear()
            if self._view.printed and self._app.is_running:
                # Not run_in_terminal: keys pressed while it gives the terminal away would be the terminal's own.
                self._app.renderer.erase()
                self._print_lines()
                self._app.invalidate()
            self._view.tick()
            self._title()
            now = (self._view.live(self._columns), self._view.status())
            if self._visible and now != self._drawn:
                self._drawn = now
                self._app.invalidate()

    def _title(self) -> None:
        """The window tells what is going on."""
        if self._visible and (title := f"voice · {self._view.doing}") != self._titled:
            self._send(titled(title) if self._titled else SAVED_TITLE + titled(title))
            self._titled = title

    def _print_lines(self) -> None:
        lines, self._view.printed = self._view.printed, []
        stream = self._console.err
        if stream is None or not self._visible:
            return
        coloured = self._console.colour(stream)
        rows = (row for line in lines for row in line(self._columns - 1))
        text = "".join(f"{row if coloured else clean(row)}\n" for row in rows)
        with suppress(OSError, ValueError):
            self._console.rows.write(stream, text, screen=True)

    @property
    def _columns(self) -> int:
        return self._console.size()[0]

    # -- the layout --------------------------------------------------------------------------------

    def _build(self) -> Application[None]:
        typed = Buffer(history=InMemoryHistory(), multiline=False, accept_handler=self._keyboard.typed)
        live = Window(FormattedTextControl(self._live), wrap_lines=True, dont_extend_height=True)
        line = Window(
            BufferControl(typed, input_processors=[BeforeInput("› ")]),
            height=Dimension(min=1, max=TYPED_ROWS),
            wrap_lines=True,
            dont_extend_height=True,
        )
        status = Window(FormattedTextControl(self._status), height=1, dont_extend_height=True)
        output: Any = create_output(stdout=sys.stderr) if self._visible else DummyOutput()
        depth = None if self._console.colour(self._console.err) else ColorDepth.DEPTH_1_BIT
        return Application(
            Layout(HSplit([live, line, status]), focused_element=typed),
            key_bindings=self._keyboard.bindings(),
            style=STYLE,
            erase_when_done=True,
            input=create_input(always_prefer_tty=True),
            output=output,
            color_depth=depth,
        )

    def _live(self) -> StyleAndTextTuples:
        """Interim text, or the end of the reply that is being written."""
        style, text = self._view.live(self._columns)
        if style or not text:
            return [(style, text)] if text else []
        name, colon, rest = text.partition(":")
        return [("class:voice", name + colon), ("", rest)]

    def _status(self) -> StyleAndTextTuples:
        return [self._view.status(), ("class:quiet", f"   {self._console.say(self._hint)}")]

    def _leave(self) -> None:
        if self._app.is_running and not self._app.is_done:
            self._app.exit()
