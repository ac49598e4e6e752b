"""A conversation held at a terminal: who is told of it, what keeps it, the keys, and how it is left.

Belongs here: putting screen, lines, JSON and the history beside a running conversation. Does not belong here: flags,
opening it, what a screen looks like, what is kept (usecases.chatting.keeping).
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from voicecli.dialogue.events import AssistantDelta, AssistantSaid, Event, Level, Notice, UserPartial
from voicecli.errors import VoiceError, task_group
from voicecli.terminal.audience import Audience, JsonAudience, LineAudience, Outlet
from voicecli.text.figures import length, size
from voicecli.usecases.chatting.keeping import silent

if TYPE_CHECKING:
    from voicecli.dialogue.history import History
    from voicecli.terminal.console import Console
    from voicecli.terminal.keys import Taken
    from voicecli.types import ChatMessage
    from voicecli.usecases.chatting.keeping import Keeper
    from voicecli.wiring.adapters import TalkRequest
    from voicecli.wiring.talk import Talk


class Everybody:
    """Passes each event to every audience. Events that come before the first audience wait for `catch_up`."""

    def __init__(self) -> None:
        self._audiences: list[Audience] = []
        self._early: list[tuple[Event, int]] = []
        self.closing: list[Callable[[], None]] = []
        self._loop = asyncio.get_running_loop()

    def emit(self, event: Event, turn: int) -> None:
        if not self._audiences:
            self._early.append((event, turn))
        for audience in self._audiences:
            audience.emit(event, turn)

    def add(self, audience: Audience) -> None:
        self._audiences.append(audience)
        self.closing.append(audience.close)

    def from_thread(self, text: str) -> None:
        """A word for everybody, from another thread than the loop's."""
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self.emit, Notice(text), 0)

    def catch_up(self) -> None:
        early, self._early = self._early, []
        for event, turn in early:
            self.emit(event, turn)

    def close(self) -> None:
        for close in self.closing:
            close()


TOO_OFTEN = (Level, UserPartial, AssistantDelta)
"""Events after which history is as it was."""


class KeptTalk:
    """An audience that keeps a spoken conversation as it goes on, on a thread of its own.

    What counts is the conversation's own history: after each event that may have changed it, it is looked
    at, so that a turn that is taken back, joined or cut off is kept as the model would be told of it.
    `tell` gets a word on trouble, on that thread.
    """

    def __init__(self, keeper: Keeper, history: History, tell: Callable[[str], object]) -> None:
        self._keeper, self._history = keeper, history
        self._interrupted = False
        self._last: tuple[ChatMessage, ...] = history.messages
        keeper.begin()
        if keeper.warn is not silent:
            keeper.warn = tell
        self.outlet: Outlet[Callable[[], object]] = Outlet(lambda job: job(), lambda: None)

    def emit(self, event: Event, turn: int) -> None:
        if isinstance(event, TOO_OFTEN):
            return
        if isinstance(event, AssistantSaid):
            self._interrupted = event.interrupted
        self._look()

    def close(self) -> None:
        """Everything is kept, or another process holds the file: within Outlet's time for leaving."""
        self._look()
        self.outlet.put(self._keeper.close)
        self.outlet.close()

    def _look(self) -> None:
        messages, interrupted = self._history.messages, self._interrupted
        if messages != self._last:
            self._last = messages
            self.outlet.put(lambda: self._keeper.sync(messages, interrupted=interrupted))


async def run_talk(
    console: Console,
    request: TalkRequest,
    talk: Talk,
    told: Everybody,
    closed: Callable[[], None],
    report: Audience | None,
) -> None:
    """The conversation, beside a screen where somebody looks and keys where there is a terminal."""
    watched = console.animated and _has_keys()
    stages = console.verbose or report is not None
    if console.json:
        told.add(JsonAudience(console, talk.clock, closed))
    elif not watched or not console.out_is_terminal:
        taken = request.ends.output == "-"
        told.add(LineAudience(console, stdout_taken=taken, quiet_notes=watched, stages=stages, closed=closed))
    if report is not None:
        told.add(report)
    if not _has_keys():
        told.catch_up()
        await talk.run()
        return
    visible = watched and not (console.json and console.out_is_terminal)
    await _with_keys(console, request, talk, told, visible=visible, stages=stages)


async def _with_keys(
    console: Console, request: TalkRequest, talk: Talk, told: Everybody, *, visible: bool, stages: bool
) -> None:
    from voicecli.terminal.screen import Screen

    screen = Screen(console, partial(_chosen, talk), push_to_talk=request.push_to_talk, visible=visible, stages=stages)
    told.add(screen)
    told.catch_up()
    async with task_group() as tasks:
        keys = tasks.create_task(screen.run(talk.conversation.keys))
        await talk.run()
        keys.cancel()


def _chosen(talk: Talk, kind: Taken, name: str) -> str:
    """What the person takes while the conversation goes on; what is to be told of it."""
    from voicecli.usecases.attaching import picture

    if kind != "picture":
        return talk.devices.choose(kind, name)
    try:
        talk.show(picture(Path(name).expanduser()))
    except VoiceError as exc:
        return str(exc)
    return f"{name} goes with what you say next."


def farewell(console: Console, turns: int, seconds: float, number: int, saved: Path | None) -> None:
    """How long the conversation was, where it is kept, and how it goes on; nothing where nothing was answered."""
    if turns:
        told = f"one turn, {length(seconds)}" if turns == 1 else f"{turns} turns, {length(seconds)}"
        console.note(f"{told}, kept as {number} · voice talk -c goes on" if number else told)
    if saved:
        files = ", ".join(sorted(each.name for each in saved.iterdir()))
        console.note(f"saved in {saved} ({files}; {size(sum(each.stat().st_size for each in saved.iterdir()))})")


def _has_keys() -> bool:
    """Whether there is a terminal to take keys from, whatever stdin and stdout are."""
    return any(stream is not None and not stream.closed and stream.isatty() for stream in (sys.stdin, sys.stderr))


class EarlyReporter:
    """Tells every audience what tools report while they are opened: the screen is taken by then."""

    def __init__(self, console: Console, told: Everybody) -> None:
        self.quiet, self.detail, self.hide = console.quiet, console.detail, console.hide
        self.warn, self.progress = console.warn, console.progress
        self._told = told

    def note(self, text: str) -> None:
        self._told.from_thread(text)


class Leaving:
    """Ctrl-C (and a reader that went away) leave the conversation in an orderly way; the code is then 0.

    `leave` is set once there is a conversation. Before that Ctrl-C ends the program as elsewhere, by KeyboardInterrupt.
    On Windows asyncio has no signal handlers: Ctrl-C cancels the task (not tried here).
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self.leave: Callable[[], object] = self._cancel
        self._asked = False

    def __enter__(self) -> None:
        with suppress(NotImplementedError):
            self._loop.add_signal_handler(signal.SIGINT, self._once)

    def _once(self) -> None:
        """The first Ctrl-C asks, the second insists."""
        if self._asked:
            self._cancel()
        self._asked = True
        self.leave()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def from_thread(self) -> None:
        self._loop.call_soon_threadsafe(self.leave)

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> bool:
        with suppress(NotImplementedError):
            self._loop.remove_signal_handler(signal.SIGINT)
        cancelled = self._asked and kind is asyncio.CancelledError
        if cancelled and self.leave == self._cancel:
            raise KeyboardInterrupt from None
        return cancelled
