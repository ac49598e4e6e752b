"""One attempt at answering a turn: what its responder has brought so far, held back until the turn has ended.

Belongs here: a `ports.TurnRequest`, the events of a reply while nobody may hear of it. Does not belong here: when a
turn ends and what comes of it (dialogue.turn), how an answer is made (the responder), how it sounds (dialogue.mouth).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from voicecli.dialogue.consent import asked_aloud
from voicecli.dialogue.events import AssistantDelta, Event, Notice, Stopwatch, ToolUsed, UserSaid
from voicecli.dialogue.manners import SpokenWish
from voicecli.dialogue.mouth import Mouth
from voicecli.types import ChatMessage, ToolNews, Usage
from voicecli.types.turns import Heard, Reply, Sound, Stage, Text, Wanted


@dataclass(slots=True, eq=False)
class Attempt:
    """`take` what the responder yields; `end` when the turn has ended; `cancel` withdraws it, and nobody heard of it.

    `mouths` makes a lane for it; `messages` is the conversation with a question at its end; `wasted` is told of the
    tokens that went into an answer which the responder makes anew; `wish_of` tells what words want of the voice alone.
    """

    wanted: Wanted
    watch: Stopwatch
    clock: Callable[[], float]
    mouths: Callable[[Attempt], Mouth]
    messages: Callable[[str], Sequence[ChatMessage]]
    emit: Callable[[Event], None]
    wasted: Callable[[int], None]
    wish_of: Callable[[str], SpokenWish | None]
    reply: str = ""
    usage: Usage = field(default_factory=Usage)
    working: bool = False
    """Whether a tool that takes its time works now: nothing else comes of the answer until it is done."""
    asking: bool = False
    """Whether the reply asks for the person's yes."""
    heard: Heard = field(init=False)
    known: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """The words, once they are final; "" when they will not come."""
    mouth: Mouth = field(init=False)
    _held: list[Event] = field(default_factory=list)
    _ended: bool = False
    _gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.heard = Heard(self.wanted.guess, final=not self.wanted.guess)
        self.mouth = self.mouths(self)

    # -- what a responder asks of it -----------------------------------------------------------------

    def opened(self) -> Awaitable[object]:
        return self._gate.wait()

    def wants_answer(self, question: str) -> bool:
        return self.wish_of(question) is None

    def room(self) -> Awaitable[None]:
        return self.mouth.room()

    def mark(self, stage: Stage) -> None:
        if getattr(self.watch, stage) is None:
            setattr(self.watch, stage, self.clock())

    # -- what comes of it ----------------------------------------------------------------------------

    def take(self, each: Reply) -> None:
        """Takes the next piece of the responder's stream."""
        match each:
            case Heard():
                self._take_heard(each)
            case Text():
                self.reply += "" if each.reasoning else each.text
                self._tell(AssistantDelta(each.text, each.reasoning))
            case Sound():
                self.mouth.say(each)
            case ToolNews():
                self._tell(ToolUsed(each.name, each.state, each.text, each.quick) if each.name else Notice(each.text))
                self.working = each.state == "working" and not each.quick
                self.asking = each.state == "asked"
            case Usage():
                self.usage += each

    def _take_heard(self, heard: Heard) -> None:
        if heard.anew:
            self._void()
        self.heard = heard
        self.watch.text = self.clock()
        if heard.text:
            self._held.insert(0, UserSaid(heard.text, heard.unsure, self.wanted.typed is not None))
        _settle(self.known, heard.text)
        self._open()

    def _void(self) -> None:
        """Another answer follows: of the one so far nobody has heard."""
        self.wasted(self.usage.total)
        self.watch.restart()
        self.mouth.lane.cancel()
        self.mouth = self.mouths(self)
        self.reply, self.usage, self.working, self.asking = "", Usage(), False, False
        self._held.clear()

    def _tell(self, event: Event) -> None:
        if self.open:
            self.emit(event)
        else:
            self._held.append(event)

    # -- from closed to drained ----------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Whether the person may hear of it."""
        return self._gate.is_set()

    def end(self) -> None:
        """The turn is over: let everything out that was held back, as soon as no guess is in it."""
        self._ended = True
        self._open()

    def _open(self) -> None:
        if not self._ended or not self.heard.final:
            return
        self._gate.set()
        held, self._held = self._held, []
        if self.wish is not None:
            held = [each for each in held if isinstance(each, UserSaid)]
        else:
            self.mouth.lane.open()
        for event in held:
            self.emit(event)

    @property
    def wish(self) -> SpokenWish | None:
        """What the person wants of the voice alone: there is nothing to answer."""
        return self.wish_of(self.heard.text) if self.wanted.says is None else None

    def cancel(self) -> None:
        """Silent at once, and nothing more of it is told."""
        self.mouth.lane.cancel()
        _settle(self.known, "")

    def asked_aloud(self) -> bool:
        """Whether the reply asks for a yes, and enough of it sounded: what comes next is the answer, however soon."""
        return self.asking and asked_aloud(self.mouth.heard(), self.reply)


def _settle(known: asyncio.Future[str], text: str) -> None:
    if not known.done():
        known.set_result(text)
