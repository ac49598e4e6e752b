"""The live screen of `voice talk`, and its keys: the meter, interim text, the reply as it is written, a line to type.

Belongs here: what a terminal shows and which key does what. Does not belong here: pipes and JSON
(audience.py), deciding anything about the conversation: keys call its methods, events fill the screen.

Finished lines are printed once and scroll away like any output; only a few lines at the bottom are redrawn.
prompt_toolkit puts the terminal back on every way out.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from prompt_toolkit.application import Application, run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.data_structures import Size
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import create_input
from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import BufferControl, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.layout.processors import BeforeInput
from prompt_toolkit.output import ColorDepth, DummyOutput, create_output
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import get_cwidth

from voicecli.dialogue import events as ev
from voicecli.terminal.audience import (
    lost_line,
    metrics_line,
    ready_line,
    reply_line,
    said_line,
    share_of_gap,
    tool_line,
)
from voicecli.terminal.console import Console
from voicecli.text.clean import clean

REDRAW_S = 0.1
METER = "▁▂▃▄▅▆▇█"
INDENT = len("voice: ")
_BREAKABLE = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]|[^\s\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]*\s*")
QUIETEST, LOUDEST = -60.0, -10.0
HELP = """While you talk, type a line and Enter to ask in writing.
Ctrl-C or /exit   leave
Ctrl-X or /stop   stop the reply
Ctrl-R or /again  send a lost turn again
Ctrl-O or /mute   close and open the microphone
Ctrl-T or /end    end your turn now (with --ptt: hold it, or press to begin and to end)"""

PHASES: Mapping[str, tuple[str, str]] = {
    "listening": ("class:quiet", "listening"),
    "hearing": ("class:hearing", "hearing"),
    "thinking": ("class:thinking", "thinking"),
    "working": ("class:thinking", "working"),
    "speaking": ("class:speaking", "speaking"),
    "muted": ("class:muted", "muted"),
    "waiting": ("class:muted", "waiting"),
}

STYLE = Style.from_dict(
    {
        "you": "bold ansicyan",
        "voice": "bold ansigreen",
        "aside": "ansibrightblack",
        "lost": "ansired",
        "quiet": "ansibrightblack",
        "hearing": "bold ansicyan",
        "thinking": "bold ansiyellow",
        "speaking": "bold ansigreen",
        "muted": "bold ansired",
        "interim": "italic ansibrightblack",
    }
)

STAGE_COLOURS = {
    "wait": "\x1b[90m",
    "recognition": "\x1b[36m",
    "first token": "\x1b[33m",
    "first piece": "\x1b[35m",
    "first audio": "\x1b[32m",
}
"""The bar of a turn: one colour a stage, on every background."""
BAR_CELLS = 30

ANSI = {"you": "\x1b[1;36m", "voice": "\x1b[1;32m", "aside": "\x1b[2m", "lost": "\x1b[31m", "": ""}

PRESS, RELEASE = Keys.F23, Keys.F24
"""Stand for Ctrl-T pressed and let go, where the terminal tells both (kitty's keyboard protocol)."""
KITTY_ON, KITTY_OFF = "\x1b[>3u", "\x1b[<u"


class Controls(Protocol):
    """What keys may ask of a conversation."""

    @property
    def muted(self) -> bool: ...
    def end(self) -> None: ...
    def again(self) -> None: ...
    def interrupt(self) -> None: ...
    def mute(self, muted: bool) -> None: ...
    def press(self) -> None: ...
    def release(self) -> None: ...
    def type(self, text: str) -> None: ...


def _teach_kitty() -> None:
    """Ctrl chords arrive as CSI u once a terminal reports releases; Ctrl-T's two halves get keys of their own."""
    for code in range(ord("a"), ord("z") + 1):
        key = Keys(f"c-{chr(code)}")
        for suffix in ("5u", "5:1u", "5:2u"):
            ANSI_SEQUENCES[f"\x1b[{code};{suffix}"] = key
        ANSI_SEQUENCES[f"\x1b[{code};5:3u"] = Keys.Ignore
    ANSI_SEQUENCES.update(
        {
            "\x1b[116;5u": PRESS,
            "\x1b[116;5:1u": PRESS,
            "\x1b[116;5:2u": Keys.Ignore,
            "\x1b[116;5:3u": RELEASE,
            # The key may be let go after Ctrl: its release then carries no modifier.
            "\x1b[116;1:3u": RELEASE,
            "\x1b[27u": Keys.Escape,
            "\x1b[27;1:3u": Keys.Ignore,
        }
    )
    for letter in "ABCDHF":
        ANSI_SEQUENCES[f"\x1b[1;1:3{letter}"] = Keys.Ignore


@dataclass(slots=True)
class _Shown:
    """What the redrawn lines show now."""

    phase: str = "waiting"
    """Nobody is invited to speak before the devices run."""
    level: float = -90.0
    speech: bool = False
    interim: str = ""
    reply: str = ""
    hint: str = ""


class Screen:
    """Show it events, `run` it beside the conversation. With `visible` false only the keys work (for --json)."""

    def __init__(self, console: Console, *, push_to_talk: bool, visible: bool = True) -> None:
        self._console, self._ptt, self._visible = console, push_to_talk, visible
        self._controls: Controls | None = None
        self._pressed = False
        self._shown = _Shown(hint="hold Ctrl-T to speak" if push_to_talk else "/help")
        self._drawn: _Shown | None = None
        self._lines: list[tuple[str, str]] = []
        self._wake = asyncio.Event()
        self._app = self._build()

    # -- events ------------------------------------------------------------------------------------

    def emit(self, event: ev.Event, turn: int) -> None:
        """Takes an event; drawn within a tenth of a second, printed lines at once."""
        shown = _SHOWS.get(type(event))
        if shown is not None:
            shown(self._shown, event)
        if self._visible:
            self._lines += [line for line in _PRINTS.get(type(event), _no_lines)(event) if line[1]]
        if self._lines:
            self._wake.set()

    def close(self) -> None:
        """Nothing to wait for: `run` prints what is left on its way out."""

    # -- running -------------------------------------------------------------------------------------

    async def run(self, controls: Controls) -> None:
        """Until cancelled, or the person leaves. The terminal is put back on every way out."""
        self._controls = controls
        self._kitty(KITTY_ON)
        try:
            async with asyncio.TaskGroup() as tasks:
                drawing = tasks.create_task(self._draw())
                await self._app.run_async(handle_sigint=False)
                drawing.cancel()
        finally:
            self._kitty(KITTY_OFF)
            self._print_lines()
        controls.end()

    def _kitty(self, sequence: str) -> None:
        if self._ptt and self._console.err_is_terminal:
            with suppress(OSError, ValueError):
                sys.stderr.write(sequence)
                sys.stderr.flush()

    async def _draw(self) -> None:
        """Prints finished lines at once, redraws the bottom at most ten times a second and only when it changed."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(REDRAW_S):
                    await self._wake.wait()
            self._wake.clear()
            if self._lines and self._app.is_running:
                await run_in_terminal(self._print_lines)
            now = _Shown(**{name: getattr(self._shown, name) for name in _Shown.__slots__})
            now.level = self._meter_step(now.level)
            if self._visible and now != self._drawn:
                self._drawn = now
                self._app.invalidate()

    def _print_lines(self) -> None:
        lines, self._lines = self._lines, []
        coloured, stream = self._console.colour(self._console.err), self._console.err or sys.stderr
        columns = self._app.output.get_size().columns
        for style, text in lines:
            if style == "bar":
                # Only colours tell its stages apart.
                stream.write(f"{text}\n" if coloured else "")
                continue
            before, after = (ANSI[style], "\x1b[0m") if coloured and ANSI[style] else ("", "")
            text = wrapped(text, columns)
            head, colon, rest = text.partition(":") if style in ("you", "voice") else (text, "", "")
            stream.write(f"{before}{head}{colon}{after}{rest}\n")
        stream.flush()

    # -- the layout --------------------------------------------------------------------------------------

    def _build(self) -> Application[None]:
        if self._ptt:
            _teach_kitty()
        typed = Buffer(history=InMemoryHistory(), multiline=False, accept_handler=self._typed)
        live = Window(FormattedTextControl(self._live), wrap_lines=True, dont_extend_height=True)
        line = Window(BufferControl(typed, input_processors=[BeforeInput("› ")]), height=1)
        status = Window(FormattedTextControl(self._status), height=1, dont_extend_height=True)
        output: Any = create_output(stdout=sys.stderr) if self._visible else DummyOutput()
        depth = None if self._console.colour(self._console.err) else ColorDepth.DEPTH_1_BIT
        return Application(
            Layout(HSplit([live, line, status]), focused_element=typed),
            key_bindings=self._keys(),
            style=STYLE,
            erase_when_done=True,
            input=create_input(always_prefer_tty=True),
            output=output,
            color_depth=depth,
        )

    def _live(self) -> StyleAndTextTuples:
        """Interim text, or the end of the reply that is being written."""
        if self._shown.interim:
            return [("class:interim", self._tail("you:  ", self._shown.interim) + "…")]
        if self._shown.reply:
            name, colon, rest = self._tail("voice:", self._shown.reply).partition(":")
            return [("class:voice", name + colon), ("", rest)]
        return []

    def _tail(self, name: str, text: str) -> str:
        """The end of a long text, broken at words: three lines of the terminal at most."""
        size: Size = self._app.output.get_size()
        room = max(20, 3 * size.columns - 12)
        text = " ".join(clean(text).split())
        if len(text) > room:
            first, space, rest = text[-room:].partition(" ")
            text = "…" + (rest if space and len(first) < 20 else text[-room:])
        return "\n".join(wrapped(f"{name} {text}", size.columns).split("\n")[:4])

    def _status(self) -> StyleAndTextTuples:
        style, name = PHASES[self._shown.phase]
        bar = "×" if self._shown.phase == "muted" else METER[int(self._meter_step(self._shown.level))]
        return [(style, f" {bar * 3} {name}"), ("class:quiet", f"   {self._shown.hint}")]

    @staticmethod
    def _meter_step(level: float) -> float:
        share = (level - QUIETEST) / (LOUDEST - QUIETEST)
        return float(round(max(0.0, min(1.0, share)) * (len(METER) - 1)))

    # -- keys and words ---------------------------------------------------------------------------------------

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        table: dict[Any, Callable[[], None]] = {
            "c-c": self._leave,
            "c-x": lambda: self._ask("interrupt"),
            "c-r": lambda: self._ask("again"),
            "c-o": self._toggle_mute,
            "c-t": self._toggle_talk,
            PRESS: lambda: self._ask("press") if self._ptt else self._ask("release"),
            RELEASE: lambda: self._ask("release") if self._ptt else None,
        }
        for key, act in table.items():
            # At once: Ctrl-X begins longer chords of the line, for which it would wait a second.
            keys.add(key, eager=True)(_bound(act))
        keys.add("c-d")(self._on_ctrl_d)
        if sys.platform != "win32":
            keys.add("c-z")(lambda event: event.app.suspend_to_background())
        return keys

    def _on_ctrl_d(self, event: KeyPressEvent) -> None:
        if not event.current_buffer.text:
            self._leave()

    def _leave(self) -> None:
        if self._app.is_running and not self._app.is_done:
            self._app.exit()

    def _ask(self, what: str) -> None:
        if self._controls is not None:
            getattr(self._controls, what)()

    def _toggle_mute(self) -> None:
        if self._controls is not None:
            self._controls.mute(not self._controls.muted)

    def _toggle_talk(self) -> None:
        """Ctrl-T where the terminal tells no releases: begin, then end. Without --ptt it ends the turn."""
        if not self._ptt:
            self._ask("release")
            return
        self._pressed = not self._pressed
        self._ask("press" if self._pressed else "release")

    def _typed(self, buffer: Buffer) -> bool:
        text = buffer.text.strip()
        if text.startswith("/") and self._controls is not None:
            self._word(text)
        elif text and self._controls is not None:
            self._controls.type(text)
        return False

    def _word(self, text: str) -> None:
        acts: dict[str, Callable[[], None]] = {
            "/exit": self._leave,
            "/quit": self._leave,
            "/stop": lambda: self._ask("interrupt"),
            "/again": lambda: self._ask("again"),
            "/mute": self._toggle_mute,
            "/end": lambda: self._ask("release"),
            "/help": lambda: self._lines.append(("aside", HELP)),
        }
        unknown = ("aside", f"no command is called {clean(text.split()[0])}; /help lists them")
        acts.get(text.split()[0].lower(), lambda: self._lines.append(unknown))()
        self._wake.set()


def wrapped(text: str, columns: int) -> str:
    """`text` broken at spaces (and between wide characters) to fit, with what follows a speaker's name indented."""
    return "\n".join(_wrapped_line(line, max(columns - 1, 20)) for line in text.split("\n"))


def _wrapped_line(line: str, columns: int) -> str:
    indent = " " * INDENT if line.startswith(("you:", "voice:", " ")) else ""
    rows, row, width = [], "", 0
    for part in _BREAKABLE.findall(line):
        size = get_cwidth(part.rstrip())
        if width + size > columns and row.strip():
            rows.append(row.rstrip())
            row, width, part = indent, len(indent), part.lstrip()
        row += part
        width += get_cwidth(part)
    return "\n".join([*rows, row.rstrip()])


def bar(event: ev.TurnMetrics) -> str:
    """The gap of a turn as a bar, a colour a stage; "" where nothing sounded."""
    if event.gap_ms is None:
        return ""
    cells = [f"{STAGE_COLOURS[name]}{'━' * count}" for name, count in share_of_gap(event, BAR_CELLS) if count]
    return " " * INDENT + "".join(cells) + "\x1b[0m"


def _bound(act: Callable[[], None]) -> Callable[[KeyPressEvent], None]:
    return lambda _event: act()


def _no_lines(_event: Any) -> list[tuple[str, str]]:
    return []


def _show_partial(shown: _Shown, event: ev.UserPartial) -> None:
    shown.interim = event.text


def _show_said(shown: _Shown, _event: ev.UserSaid) -> None:
    shown.interim, shown.reply = "", ""


def _show_delta(shown: _Shown, event: ev.AssistantDelta) -> None:
    if not event.reasoning:
        shown.reply += event.text


def _show_end(shown: _Shown, _event: Any) -> None:
    shown.interim, shown.reply = "", ""


def _show_phase(shown: _Shown, event: ev.PhaseChanged) -> None:
    shown.phase = event.phase


def _show_level(shown: _Shown, event: ev.Level) -> None:
    shown.level, shown.speech = event.dbfs, event.speech


_SHOWS: dict[type[Any], Callable[[_Shown, Any], None]] = {
    ev.UserPartial: _show_partial,
    ev.UserSaid: _show_said,
    ev.AssistantDelta: _show_delta,
    ev.AssistantSaid: _show_end,
    ev.TurnLost: _show_end,
    ev.TakenBack: _show_end,
    ev.PhaseChanged: _show_phase,
    ev.Level: _show_level,
}

_PRINTS: dict[type[Any], Callable[[Any], list[tuple[str, str]]]] = {
    ev.Ready: lambda e: [("aside", ready_line(e))],
    ev.UserSaid: lambda e: [("you", said_line(e))],
    ev.AssistantSaid: lambda e: [("voice", reply_line(e))] if e.text else [],
    ev.TurnMetrics: lambda e: [("bar", bar(e)), ("aside", metrics_line(e))],
    ev.TurnLost: lambda e: [("lost", lost_line(e))],
    ev.Notice: lambda e: [("aside", clean(e.text))],
    ev.TakenBack: lambda e: [("aside", "       (going on)")],
    ev.ToolUsed: lambda e: [("aside", " " * INDENT + line) for line in tool_line(e)],
}
