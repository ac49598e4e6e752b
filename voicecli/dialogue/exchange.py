"""One exchange of a conversation: what was heard so far, the attempt at answering it, and what came of it.

Belongs here: drafts begun and withdrawn, what a failure costs, what history keeps of the turn. Does not
belong here: who has the floor (dialogue.loop), how the stages of an answer work (dialogue.turn).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from voicecli.dialogue import events as ev
from voicecli.dialogue.consent import asked_aloud
from voicecli.dialogue.drafting import Depth, same_words
from voicecli.dialogue.hearing import Heard, Hearing
from voicecli.dialogue.history import History, cut_to_heard
from voicecli.dialogue.turn import Answer, Stages
from voicecli.errors import (
    InputError,
    NoSpeechError,
    RateLimitedError,
    ServiceError,
    UnreachableError,
    VoiceError,
)
from voicecli.text.join import joined
from voicecli.types import AudioFrame

COSTS_THE_TURN = (ServiceError, UnreachableError, RateLimitedError, NoSpeechError, InputError)
"""Failures after which listening goes on. Configuration, refused keys, lost devices and bugs end it."""

Hear = Callable[[], Awaitable[Heard]]


class Voicing(Protocol):
    """What a detector says of a frame; `level` in dBFS."""

    @property
    def speech(self) -> bool: ...
    @property
    def level(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What a conversation is made of; wiring fills it in. The functions must not block.

    `hearing(tasks, on_partial)` makes the ears of one turn; `warm` opens connections ahead; `keep`
    stores the recording of a lost turn and returns where (or ""), `kept` gives the oldest of them back
    (b"": none is); `separable` says whether the person can be told from the loudspeaker now (headphones, or
    an echo canceller that knows the room).
    """

    hearing: Callable[[asyncio.TaskGroup, Callable[[str], None]], Hearing]
    detect: Callable[[bytes], Voicing]
    stages: Stages
    emit: Callable[[ev.Event, int], None]
    warm: Callable[[], Coroutine[Any, Any, None]] | None = None
    keep: Callable[[int, bytes], str] = lambda _turn, _pcm: ""
    kept: Callable[[], bytes] = lambda: b""
    separable: Callable[[], bool] = lambda: True


class Floor(Protocol):
    """What an exchange asks of the conversation that it is part of."""

    parts: Parts
    history: History

    @property
    def tasks(self) -> asyncio.TaskGroup: ...

    def on_text(self, exchange: Exchange, segment: int | None, text: str) -> None:
        """The text of the turn so far is known."""
        ...

    def on_partial(self, exchange: Exchange, text: str) -> None:
        """What a live recogniser has understood so far, while the person speaks."""
        ...

    def on_withdrawn(self, tokens: int) -> None:
        """A draft was thrown away that cost so much."""
        ...

    def on_tool(self) -> None:
        """A tool that an answer needs begins or is over."""
        ...

    def on_refused(self, error: RateLimitedError) -> None:
        """A service asks for fewer requests."""
        ...

    def on_done(self, exchange: Exchange, loss: VoiceError | None, answered: bool) -> None:
        """The exchange is over."""
        ...


@dataclass(slots=True)
class Exchange:
    """`hear` it, `answer` it (perhaps as a draft), `end` it; then it reports itself done to the floor."""

    floor: Floor
    number: int
    depth: Depth = "speak"
    hearing: Hearing | None = None
    prefix: str = ""
    candidate: bool = False
    ended: bool = False
    sounded: bool = False
    done: bool = False
    answer: Answer | None = None
    task: asyncio.Task[None] | None = None
    watch: ev.Stopwatch = field(default_factory=ev.Stopwatch)
    alarms: int = 0
    """How often its reply was halted for what was no interruption."""
    drafts: int = 0
    wasted: int = 0
    draft_reached: Depth = "off"
    kept: bool = False
    partial: str = ""
    guess: str = ""
    """The text that the current draft is made on, while the recogniser has not said its last word."""
    settling: asyncio.Task[None] | None = None
    heard: Heard | None = None
    """What a draft that failed later had recognised: it is not asked for again."""

    # -- hearing -----------------------------------------------------------------------------------

    def hear(self, frames: Sequence[AudioFrame]) -> None:
        """A segment begins with these frames."""
        if self.hearing is None:
            self.hearing = self.floor.parts.hearing(self.floor.tasks, self._on_partial)
        self.heard = None
        self.hearing.start(frames)

    def reopen(self) -> None:
        """The person goes on after the turn's end, before the first sound."""
        if self.hearing is None and self.answer is not None:
            self.prefix = joined([self.prefix, self.answer.text])
        self.cancel_draft()
        self.ended = False

    def _on_partial(self, text: str) -> None:
        text = joined([self.prefix, text])
        if text and text != self.partial and not self.ended and not self.candidate:
            self.partial = text
            self.emit(ev.UserPartial(text))
            self.floor.on_partial(self, text)

    # -- answering ---------------------------------------------------------------------------------

    def begin_answer(self, hear: Hear, *, segment: int | None = None, typed: bool = False) -> Answer:
        """Begins to answer, as a draft until the turn has ended."""
        answer = self.prepare(hear, segment=segment, typed=typed)
        self.task = self.floor.tasks.create_task(self._run(answer))
        return answer

    def prepare(self, hear: Hear, *, segment: int | None = None, typed: bool = False) -> Answer:
        """An answer that is not running yet."""
        parts = self.floor.parts
        now = parts.stages.clock()
        self.watch = ev.Stopwatch(last_voiced=self.watch.last_voiced, ended=self.watch.ended, heard_from=now)
        self.answer = Answer(
            parts.stages,
            self.watch,
            self._with_prefix(hear),
            self.floor.history.request,
            self._on_event,
            lambda text: self.floor.on_text(self, segment, text),
            depth=self.depth,
            typed=typed,
        )
        return self.answer

    def draft(self, depth: Depth, *, segment: int | None = None, guess: str = "") -> None:
        """Begins to answer what is heard, or the guess at it that a live recogniser has so far."""
        self.drafts, self.depth, self.guess = self.drafts + 1, depth, guess
        assert self.hearing is not None
        self.begin_answer(already(guess) if guess else self.hearing.text, segment=segment)

    def settle(self, segment: int | None) -> None:
        """The person pauses: as soon as the last word is known, the guess stands or falls."""
        self.watch.heard_from = self.floor.parts.stages.clock()
        self.settling = self.floor.tasks.create_task(self._settle(segment))

    async def _settle(self, segment: int | None) -> None:
        assert self.hearing is not None
        try:
            heard = await self._with_prefix(self.hearing.text)()
        except COSTS_THE_TURN:
            heard = Heard()  # whoever needs the words asks again, and is told why there are none
        if not self.guess or self.answer is None:
            return
        guess, self.guess, self.settling = self.guess, "", None
        if same_words(guess, heard.text):
            self.answer.confirm(heard)
            self.floor.on_text(self, segment, heard.text)
        else:
            self.cancel_draft()
            self.begin_answer(self.hearing.text, segment=segment)
        if self.ended:
            self.answer.open()

    async def _text(self) -> Heard:
        assert self.hearing is not None
        return self.heard or await self.hearing.text()

    def end(self, last_voiced: float | None = None) -> None:
        """The turn is over: the draft's lane opens, or the answer begins."""
        if self.hearing is not None:
            self.hearing.pause()
        self.watch.last_voiced, self.watch.ended = last_voiced, self.floor.parts.stages.clock()
        self.ended = True
        if self.candidate:
            return  # its words are being judged
        self.draft_reached = self.answer.reached if self.answer else "off"
        self._let_out()

    def _let_out(self) -> None:
        """Opens the answer; one that was only guessed waits for the last word."""
        assert self.answer is not None or self.hearing is not None, "nothing to answer"
        answer = self.answer or self.begin_answer(self._text)
        if not self.guess:
            answer.open()
        elif self.settling is None:
            self.settle(None)

    async def announce(self, text: str) -> None:
        """Says something unasked, in the current task."""
        answer = self.prepare(already(""))
        self.ended, self.task = True, asyncio.current_task()
        answer.opened.set()
        try:
            await answer.announce(text)
        except COSTS_THE_TURN as exc:
            self._failed(answer, exc)
        else:
            self._complete(answer)

    async def _run(self, answer: Answer) -> None:
        try:
            await answer.run()
        except COSTS_THE_TURN as exc:
            self._failed(answer, exc)
        else:
            self._complete(answer)

    def _with_prefix(self, hear: Hear) -> Hear:
        async def whole() -> Heard:
            heard = await hear()
            self.heard = heard if not self.guess else None
            return Heard(joined([self.prefix, heard.text]), heard.unsure)

        return whole

    # -- what came of it -----------------------------------------------------------------------------

    def _failed(self, answer: Answer, error: VoiceError) -> None:
        if self.answer is not answer or self.done:
            return
        if isinstance(error, RateLimitedError):
            self.floor.on_refused(error)
        if not answer.opened.is_set():
            # A draft's failure is nobody's business: the turn's end tries again.
            self.answer, self.task, self.guess = None, None, ""
            if self.ended:
                self._let_out()
            return
        if self.sounded:
            self._remember_reply(answer, interrupted=True)
        self.floor.parts.stages.playout.cancel(answer.lane)
        self.emit(ev.TurnLost(str(error), error.exit_code, self._keep()))
        self.finish(loss=error)

    def _keep(self) -> str:
        """The recording of words that were not answered at all."""
        if self.hearing is None or self.sounded:
            return ""
        return self.floor.parts.keep(self.number, bytes(self.hearing.pcm))

    def _complete(self, answer: Answer) -> None:
        if self.answer is not answer or self.done:
            return
        spoke = bool(answer.text or answer.reply)
        if spoke:
            self._remember_reply(answer, interrupted=False)
            self._report()
        else:
            self.emit(ev.Notice("nothing was recognised"))
        self.finish(answered=spoke)

    def interrupt(self, by: Any) -> None:
        """The reply stops where it is; history keeps what was heard of it."""
        if self.answer is not None:
            self._remember_reply(self.answer, interrupted=True)
            self.emit(ev.Interrupted(by))
            self._report()
        self.withdraw()
        self.finish(answered=True)

    def was_asked(self) -> bool:
        """Whether the reply asks for a yes, and enough of it sounded: what comes next is the answer, however soon."""
        if self.answer is None or not self.answer.asking:
            return False
        played = self.floor.parts.stages.playout.played(self.answer.lane)
        return asked_aloud(cut_to_heard(self.answer.pieces, played), self.answer.reply)

    def take_back(self) -> str:
        """The turn's end was a mistake: question and answer are withdrawn; returns the question so far."""
        text = self.answer.text if self.answer else ""
        if self.kept:
            self.floor.history.take_back()
        self.emit(ev.TakenBack(text))
        self.cancel_draft()
        self.finish()
        return text

    def drop(self) -> None:
        """Nothing came of it, and nobody is told."""
        self.withdraw()
        self.finish()

    def cancel_draft(self) -> None:
        if self.answer is not None:
            self.wasted += self.answer.tokens
            self.floor.on_withdrawn(self.answer.tokens)
        self.withdraw()

    def withdraw(self) -> None:
        """Stops the answer; its cleanup runs in its own task, the microphone does not wait for it."""
        for task in (self.task, self.settling):
            if task is not None and task is not asyncio.current_task():
                task.cancel()
        if self.answer is not None and self.answer.lane:
            self.floor.parts.stages.playout.cancel(self.answer.lane)
        self.answer = self.task = self.settling = None
        self.guess = ""

    def finish(self, *, loss: VoiceError | None = None, answered: bool = False) -> None:
        self.done = True
        if self.hearing is not None:
            self.hearing.abandon()
        self.floor.on_done(self, loss, answered)

    def remember_question(self) -> None:
        """History begins at the first sample that sounds."""
        if self.answer is not None and self.answer.text and not self.kept:
            self.kept = True
            self.floor.history.user(self.answer.text)

    def _remember_reply(self, answer: Answer, *, interrupted: bool) -> None:
        """History keeps what was heard, cut at the sample counter."""
        text = answer.reply.strip()
        if interrupted:
            text = cut_to_heard(answer.pieces, self.floor.parts.stages.playout.played(answer.lane))
        self.remember_question()
        self.emit(ev.AssistantSaid(text, interrupted))
        self.floor.history.assistant(text, interrupted=interrupted)

    def _report(self) -> None:
        self.emit(self.watch.metrics(draft=self.draft_reached, drafts=self.drafts, wasted_tokens=self.wasted))

    def _on_event(self, event: ev.Event) -> None:
        self.emit(event)
        if isinstance(event, ev.ToolUsed):
            self.floor.on_tool()

    def emit(self, event: ev.Event) -> None:
        self.floor.parts.emit(event, self.number)


def already(text: str) -> Hear:
    """The ears of somebody who typed: the text is there."""

    async def typed() -> Heard:
        return Heard(text)

    return typed
