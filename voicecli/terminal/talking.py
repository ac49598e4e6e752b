"""What the screen of `voice talk` says: lines that are printed once, and the few at the bottom that change.

Belongs here: what events make of both, as data. Does not belong here: keys, drawing (screen.py), lines for pipes
(audience.py).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from voicecli.dialogue import events as ev
from voicecli.terminal.audience import lost_line, metrics_line, ready_line, said_line, share_of_gap, tool_line
from voicecli.terminal.console import BOLD, DIM, PLAIN, RED
from voicecli.terminal.markdown import render
from voicecli.terminal.styled import Styled
from voicecli.text.blocks import Blocks
from voicecli.text.clean import clean, one_line
from voicecli.text.width import cells, headed, tail, wrapped

YOU, VOICE = f"{BOLD}\x1b[36m", f"{BOLD}\x1b[32m"
INDENT = len("voice: ")
METER = "▁▂▃▄▅▆▇█"
METER_CELLS = 8
QUIETEST, LOUDEST = -60.0, -10.0
BAR_CELLS = 30
INTERRUPTED = "interrupted"
LIVE_ROWS = 4

PHASES: Mapping[str, tuple[str, str]] = {
    "starting": ("class:quiet", "starting …"),
    "listening": ("class:quiet", "listening"),
    "hearing": ("class:hearing", "hearing"),
    "thinking": ("class:thinking", "thinking"),
    "working": ("class:thinking", "working"),
    "speaking": ("class:speaking", "speaking"),
    "muted": ("class:muted", "muted"),
    "waiting": ("class:muted", "waiting"),
    "asking": ("class:muted", "waiting for your yes"),
}
STAGE_COLOURS = {
    "wait": "\x1b[90m",
    "recognition": "\x1b[36m",
    "first token": "\x1b[33m",
    "first piece": "\x1b[35m",
    "first audio": "\x1b[32m",
}
"""The bar of a turn: one colour a stage, on every background."""


Rows = Callable[[int], list[str]]
"""What is printed, for a number of columns."""


@dataclass
class TalkView:
    """Takes events; `printed` are lines that wait to be printed, the rest is what the bottom shows now.

    `stages`: each turn's times are told one by one. Otherwise one time stands behind the answer.
    """

    stages: bool = False
    say: Callable[[str], str] = str
    printed: list[Rows] = field(default_factory=list)
    phase: str = "starting"
    asking: bool = False
    interim: str = ""
    reply: str = ""
    level: float = QUIETEST
    levels: deque[int] = field(default_factory=lambda: deque([0] * METER_CELLS, METER_CELLS))
    _after: list[str] = field(default_factory=list)
    _some: bool = False

    def take(self, event: ev.Event, turn: int = 0) -> None:
        """What the event changes. What is noticed in a turn, as an agent's steps, stands below what was said."""
        if isinstance(event, ev.Notice):
            self.tell(clean(event.text), indent=INDENT if turn else 0)
        elif (takes := _TAKES.get(type(event))) is not None:
            takes(self, event)

    def leave(self) -> None:
        """The conversation is over: a reply that nobody told the end of is printed as far as it was written."""
        if self.reply.strip():
            self.said("", interrupted=True)

    def tell(self, text: str, style: str = DIM, *, indent: int = 0) -> None:
        """Prints a line of ours; what is wrapped of it stands two cells further in."""
        if text:
            line = Styled()
            line.add(" " * indent + self.say(text), style)
            self.printed.append(lambda columns: line.rows(columns, " " * (indent + 2)))

    def tick(self) -> None:
        """A tenth of a second has passed: the meter moves on."""
        self.levels.append(meter_step(self.level))

    # -- what is printed ---------------------------------------------------------------------------

    def heard(self, event: ev.UserSaid) -> None:
        """What the person said, with air above it."""
        if self._some:
            self.printed.append(lambda columns: [""])
        self._some, self.asking = True, False
        self.interim = self.reply = ""
        self._speech(said_line(event), YOU)

    def said(self, text: str, *, interrupted: bool) -> None:
        """The reply: what sounded, dim what did not, and how long it took to come."""
        full, self.reply, self.interim = clean(self.reply).strip(), "", ""
        if not text and not full:
            return
        after = self._after = []
        if not interrupted:
            self.printed.append(lambda columns: reply_rows(clean(text), "".join(after), columns))
            return
        rest = unspoken(full, text)
        line = _spoken("voice: ", clean(text), VOICE)
        line.add((" " if text and rest[:1].isalnum() else "") + rest, DIM)
        line.add(f" — {self.say(INTERRUPTED)}", DIM)
        self.printed.append(lambda columns: line.rows(columns, " " * INDENT))

    def timed(self, event: ev.TurnMetrics) -> None:
        """How long the turn took: at the end of the reply that was just said, or told with its stages."""
        if event.gap_ms is not None and not self.stages:
            self._after.append(f"  {event.gap_ms / 1000:.1f} s")
        if self.stages:
            self.printed.append(lambda columns: [bar(event)])
            self.tell(metrics_line(event))

    def lost(self, event: ev.TurnLost) -> None:
        """A turn that failed; what was written of its answer is shown all the same."""
        full, self.reply, self.interim = clean(self.reply).strip(), "", ""
        if full:
            self._speech(f"voice: {full}", VOICE)
        self.tell(lost_line(event), RED)

    def tool(self, event: ev.ToolUsed) -> None:
        """A tool at work, or leave that is asked for."""
        self.asking = event.state == "asked"
        self.tell(tool_line(event), indent=INDENT)

    def _named(self, who: str) -> str:
        """Whose words follow, as wide as everybody's name."""
        name = headed(self.say(who))
        return name + " " * (INDENT - cells(name))

    def _speech(self, text: str, style: str) -> None:
        head, _, rest = text.partition(":")
        line = _spoken(self._named(head), rest.lstrip(" "), style)
        self.printed.append(lambda columns: line.rows(columns, " " * INDENT))

    # -- what the bottom shows -----------------------------------------------------------------------

    def live(self, columns: int) -> tuple[str, str]:
        """("class:…", text) of what is being heard, or of the reply that is being written; its end, a few rows."""
        if self.interim:
            return "class:interim", _ending(self._named("you"), self.interim + "…", columns)
        return "", _ending("voice: ", self.reply, columns) if self.reply.strip() else ""

    @property
    def _shown_phase(self) -> str:
        return "asking" if self.asking and self.phase in ("listening", "speaking") else self.phase

    @property
    def doing(self) -> str:
        """What is going on, in a word or two."""
        return PHASES[self._shown_phase][1]

    def status(self) -> tuple[str, str]:
        """("class:…", text): the meter, and what is going on."""
        style, told = PHASES[self._shown_phase]
        meter = "×" * METER_CELLS if self.phase == "muted" else "".join(METER[each] for each in self.levels)
        return style, f" {meter} {self.say(told)}"


def _ending(name: str, text: str, columns: int) -> str:
    """The end of a long text, a few rows of it."""
    room = max(20, (LIVE_ROWS - 1) * (columns - INDENT - 2))
    return wrapped(name + tail(one_line(text), room), max(20, columns - 1), " " * INDENT)


def meter_step(dbfs: float) -> int:
    """Which step of the meter a level is."""
    share = (dbfs - QUIETEST) / (LOUDEST - QUIETEST)
    return round(max(0.0, min(1.0, share)) * (len(METER) - 1))


def _spoken(name: str, text: str, style: str) -> Styled:
    line = Styled()
    line.add(name, style)
    line.add(text)
    return line


def reply_rows(text: str, after: str, columns: int) -> list[str]:
    """A whole reply as Markdown beside its speaker's name, `after` dim behind it where there is room."""
    blocks = Blocks()
    rows: list[str] = []
    for block in [*blocks.feed(text), *blocks.flush()]:
        rows += [""] if rows else []
        rows += render(block, max(8, columns - INDENT), coloured=True).rstrip("\n").split("\n")
    named = [f"{VOICE}voice:{PLAIN} " if not at else " " * INDENT for at in range(len(rows))]
    lines = [f"{name}{row}" if row else "" for name, row in zip(named, rows, strict=True)] or [f"{VOICE}voice:{PLAIN}"]
    if after and cells(clean(lines[-1])) + cells(after) > columns:
        lines.append(" " * INDENT)
    lines[-1] += f"{DIM}{after}{PLAIN}" if after else ""
    return lines


def unspoken(full: str, heard: str) -> str:
    """What of a reply follows what was heard of it; by its letters, since a voice is given no marks.

    A mark that ends what was heard is not told twice.
    """
    letters = [each for each in heard if each.isalnum()]
    at = matched = 0
    for at, char in enumerate(full):  # noqa: B007
        if matched == len(letters):
            break
        matched += char == letters[matched]
    else:
        at = len(full)
    rest = full[at:].strip() if matched == len(letters) else ""
    return rest.removeprefix(heard.rstrip()[-1:]).lstrip() if heard and not rest[:1].isalnum() else rest


def bar(event: ev.TurnMetrics) -> str:
    """The gap of a turn as a bar, a colour a stage; empty where nothing sounded."""
    if event.gap_ms is None:
        return ""
    drawn = (f"{STAGE_COLOURS[name]}{'━' * count}" for name, count in share_of_gap(event, BAR_CELLS) if count)
    return " " * INDENT + "".join(drawn) + PLAIN


def _partial(view: TalkView, event: ev.UserPartial) -> None:
    view.interim = event.text


def _delta(view: TalkView, event: ev.AssistantDelta) -> None:
    view.reply += "" if event.reasoning else event.text


def _taken_back(view: TalkView, event: ev.TakenBack) -> None:
    view.interim = view.reply = ""
    view.tell("(going on)", indent=INDENT)


def _ready(view: TalkView, event: ev.Ready) -> None:
    view.phase = "listening" if view.phase == "starting" else view.phase
    view.tell(ready_line(event))


def _phase(view: TalkView, event: ev.PhaseChanged) -> None:
    view.phase = event.phase


def _level(view: TalkView, event: ev.Level) -> None:
    view.level = event.dbfs


_TAKES: dict[type[Any], Callable[[TalkView, Any], None]] = {
    ev.Ready: _ready,
    ev.UserPartial: _partial,
    ev.UserSaid: TalkView.heard,
    ev.AssistantDelta: _delta,
    ev.AssistantSaid: lambda view, event: view.said(event.text, interrupted=event.interrupted),
    ev.TurnMetrics: TalkView.timed,
    ev.TurnLost: TalkView.lost,
    ev.TakenBack: _taken_back,
    ev.ToolUsed: TalkView.tool,
    ev.PhaseChanged: _phase,
    ev.Level: _level,
}
