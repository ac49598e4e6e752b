"""Who a conversation is told to: JSON lines for scripts, plain lines for pipes and simple terminals.

Belongs here: turning events into lines, and an outlet that never lets a slow reader stall the sound.
Does not belong here: the live screen with its keys (screen.py), deciding anything about the conversation.
"""

from __future__ import annotations

import math
import queue
import statistics
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from voicecli.dialogue import events as ev
from voicecli.terminal.console import Console
from voicecli.terminal.streams import OutputClosedError
from voicecli.text.clean import clean
from voicecli.text.figures import counted
from voicecli.text.join import ended
from voicecli.types import ToolNews, Usage
from voicecli.usecases.chatting.answer import cost_of

T = TypeVar("T")

LEAVING_S = 0.7
"""How long leaving waits for a reader to take what was written."""


class Audience(Protocol):
    """Gets every event of a conversation, on the event loop; must not block."""

    def emit(self, event: ev.Event, turn: int) -> None: ...

    def close(self) -> None: ...


class Outlet(Generic[T]):
    """Writes on a thread of its own, in order; `closed` is called once (on that thread) when nobody reads."""

    def __init__(self, write: Callable[[T], object], closed: Callable[[], object]) -> None:
        self._write, self._closed = write, closed
        self._items: queue.SimpleQueue[T | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True, name="voice-out")
        self._thread.start()

    def put(self, item: T) -> None:
        self._items.put(item)

    def close(self) -> None:
        """Everything written, or nobody reads: within LEAVING_S."""
        self._items.put(None)
        self._thread.join(LEAVING_S)

    def _run(self) -> None:
        while (item := self._items.get()) is not None:
            try:
                self._write(item)
            except (OutputClosedError, OSError, ValueError):
                self._closed()
                return


class JsonAudience:
    """`--json`: one event a line, `t_ms` since `ready`. The format is version 1 (see dialogue.events)."""

    def __init__(self, console: Console, clock: Callable[[], float], closed: Callable[[], object]) -> None:
        self._clock = clock
        self._ready: float | None = None
        self._outlet = Outlet(console.json_line, closed)

    def emit(self, event: ev.Event, turn: int) -> None:
        if isinstance(event, (ev.Level, ev.PhaseChanged)):
            return
        if isinstance(event, ev.Ready):
            self._ready = self._clock()
        since = 0 if self._ready is None else round((self._clock() - self._ready) * 1000)
        if (line := ev.to_json(event, turn, since)) is not None:
            self._outlet.put(line)

    def close(self) -> None:
        self._outlet.close()


class LineAudience:
    """Plain lines: what was said on stdout (or stderr when sound owns stdout), everything else on stderr."""

    def __init__(
        self,
        console: Console,
        *,
        stdout_taken: bool,
        closed: Callable[[], object],
        quiet_notes: bool,
        stages: bool,
    ) -> None:
        self._console, self._quiet_notes, self._stages = console, quiet_notes, stages
        self._outlet: Outlet[tuple[Callable[[str], object], str]] = Outlet(lambda item: item[0](item[1]), closed)
        self._said = console.usage if stdout_taken else console.result

    def emit(self, event: ev.Event, turn: int) -> None:
        for line in _LINES.get(type(event), _nothing)(event):
            self._outlet.put((self._said, line))
        if self._quiet_notes:
            return  # the screen tells the rest
        for line in _ASIDES.get(type(event), _nothing)(event):
            self._outlet.put((self._console.note, line))
        if isinstance(event, ev.TurnMetrics) and (line := (metrics_line if self._stages else gap_line)(event)):
            self._outlet.put((self._console.note, line))
        if isinstance(event, ev.TurnLost):
            self._outlet.put((self._console.warn, lost_line(event)))

    def close(self) -> None:
        self._outlet.close()


def _nothing(_event: object) -> list[str]:
    return []


def said_line(event: ev.UserSaid) -> str:
    """What was heard, words that the recogniser doubts marked with (?)."""
    text = clean(event.text)
    if not event.unsure:
        return f"you:   {text}"
    doubted = {word.lower() for word in event.unsure}
    return "you:   " + " ".join(
        f"{word}(?)" if word.lower().strip(".,?!") in doubted else word for word in text.split()
    )


def reply_line(event: ev.AssistantSaid) -> str:
    return f"voice: {clean(event.text)}" + (" — interrupted" if event.interrupted else "")


def lost_line(event: ev.TurnLost) -> str:
    reason = clean(event.reason)
    if not event.recording:
        return f"turn lost: {reason}"
    return f"turn lost: {ended(reason)} The recording is kept in {event.recording}: Ctrl-R sends it again."


STAGES = (
    ("wait", "end_ms"),
    ("recognition", "asr_ms"),
    ("first token", "first_token_ms"),
    ("first piece", "first_piece_ms"),
    ("first audio", "first_audio_ms"),
)


def gap_line(event: ev.TurnMetrics) -> str:
    """How long a person waited for the answer; "" where nothing sounded."""
    return "" if event.gap_ms is None else f"       {event.gap_ms / 1000:.1f} s"


def metrics_line(event: ev.TurnMetrics) -> str:
    """One line a turn: its stages in ms (they overlap where a draft was made), and the gap that a person hears."""
    parts = [f"{name} {value}" for name, key in STAGES if (value := getattr(event, key)) is not None]
    gap = [f"gap {event.gap_ms} ms"] if event.gap_ms is not None else []
    saved = [f"a draft saved {saved_ms(event)}"] if saved_ms(event) else []
    return "       " + " · ".join([*parts, *gap, *saved])


def saved_ms(event: ev.TurnMetrics) -> int:
    """What the draft hid in the silence: the stages one after the other, less the gap that was heard."""
    if event.gap_ms is None or event.draft == "off":
        return 0
    return max(0, sum(getattr(event, key) or 0 for _, key in STAGES) - event.gap_ms)


def share_of_gap(event: ev.TurnMetrics, cells: int) -> list[tuple[str, int]]:
    """The gap as a bar: for each stage its name and how many of `cells` it fills (by its share of all stages)."""
    values = [(name, getattr(event, key) or 0) for name, key in STAGES]
    total = sum(value for _, value in values) or 1
    ends = [round(cells * sum(v for _, v in values[: i + 1]) / total) for i in range(len(values))]
    return [(name, end - begin) for (name, _), begin, end in zip(values, [0, *ends], ends, strict=False)]


class Report:
    """`--report`: medians and 95th percentiles of every stage, told when the conversation is over.

    `price`: what a million tokens cost, where that is known.
    """

    def __init__(self, tell: Callable[[str], object], price: Mapping[str, float]) -> None:
        self._tell, self.price = tell, price
        self.turns: list[ev.TurnMetrics] = []

    def emit(self, event: ev.Event, turn: int) -> None:
        if isinstance(event, ev.TurnMetrics):
            self.turns.append(event)

    def close(self) -> None:
        for line in report_lines(self.turns, self.price):
            self._tell(line)


def report_lines(turns: Sequence[ev.TurnMetrics], price: Mapping[str, float] | None = None) -> list[str]:
    """A table of the stages over all turns, and what they cost; empty without turns.

    A draft that was thrown away is taken to have cost what it was asked with.
    """
    if not turns:
        return []
    lines = [counted(len(turns), "turn").ljust(14) + "median ms   95 % ms"]
    for name, key in (*STAGES, ("gap", "gap_ms")):
        values = sorted(value for turn in turns if (value := getattr(turn, key)) is not None)
        if values:
            high = values[max(0, math.ceil(0.95 * len(values)) - 1)]
            lines.append(f"{name:<14}{statistics.median(values):>9.0f}{high:>10.0f}")
    wasted = sum(turn.wasted_tokens for turn in turns)
    drafts, tokens = sum(turn.drafts for turn in turns), sum(turn.tokens for turn in turns)
    answered = sum(turn.answered_tokens for turn in turns)
    cost = cost_of(Usage(tokens - answered + wasted, answered), price)
    told = f"about {tokens} tokens of answers; {drafts} drafts, about {wasted} tokens of them thrown away"
    return [*lines, f"{told}{cost}"]


_TOLD = {
    "working": "{name}: {text} …",
    "done": "{name}: {text}",
    "failed": "{name} failed: {text}",
    "declined": "{name}: declined",
}


def tool_line(news: ev.ToolUsed | ToolNews) -> str:
    """A line on a tool, or a remark that names none; "" where there is nothing to see or to wait for.

    A question is asked in words.
    """
    if not news.name:
        return clean(news.text)
    nothing = (news.state == "done" and not news.text) or (news.state == "working" and news.quick)
    if news.state == "asked" or nothing:
        return ""
    line = _TOLD[news.state].format(name=clean(news.name), text=clean(news.text))
    return line.replace(":  …", " …").removesuffix(": ")


def ready_line(event: ev.Ready) -> str:
    source, sink = clean(event.input) or "the microphone", clean(event.output) or "the loudspeaker"
    return f"ready: listening to {source}, speaking to {sink}"


_LINES: dict[type[Any], Callable[[Any], list[str]]] = {
    ev.UserSaid: lambda e: [said_line(e)],
    ev.AssistantSaid: lambda e: [reply_line(e)] if e.text else [],
}

_ASIDES: dict[type[Any], Callable[[Any], list[str]]] = {
    ev.Ready: lambda e: [ready_line(e)],
    ev.Notice: lambda e: [e.text],
    ev.TakenBack: lambda e: ["(going on)"],
    ev.ToolUsed: lambda e: [line] if (line := tool_line(e)) else [],
}
