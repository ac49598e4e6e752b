"""A turn: from the person's first word to the last sample of the reply, as one machine of five states.

Belongs here: what leads from one state to the next (dialogue.states has the table), drafts begun and withdrawn, what a
failure costs. Does not belong here: who has the floor and when a turn ends (dialogue.floor), how an answer is made (who
answers is a `ports.Responder`), what an attempt has brought (dialogue.attempt), what is kept (dialogue.record).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from voicecli.audio.playout import Lane
from voicecli.dialogue import events as ev
from voicecli.dialogue.attempt import Attempt
from voicecli.dialogue.drafting import same_words
from voicecli.dialogue.history import History
from voicecli.dialogue.manners import SpokenWish, heeded
from voicecli.dialogue.mouth import Mouth
from voicecli.dialogue.parts import Parts
from voicecli.dialogue.record import Record
from voicecli.dialogue.states import Move, TurnState, after
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
from voicecli.types.turns import Wanted

COSTS_THE_TURN = (ServiceError, UnreachableError, RateLimitedError, NoSpeechError, InputError)
"""Failures after which listening goes on. Configuration, refused keys, lost devices and bugs end it."""

LATE_TURNS = 3
"""So many turns running say of a recogniser that it shows the last words only when they are over."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a turn: `answered`, at least in part, or lost, or a wish that needs no answer, or nothing."""

    answered: bool = False
    loss: VoiceError | None = None
    wish: SpokenWish | None = None


class Turn:
    """The floor tells it what the person does; `over` tells the floor what came of it.

    A `candidate` is speech over the reply of another turn. Nothing of it is shown before it has the floor; after that
    it is a turn that was spoken `over_reply`. `alarms` counts how often the reply was halted for what was no
    interruption, `dips` how often a silence was no pause. `shown`: new words were shown in the present silence;
    `late`: in how many turns running, this one the last, the newest words were.
    `paused`: the person halted the reply. `wish` reads what the person wants of the voice alone: that needs no model.
    """

    def __init__(
        self,
        parts: Parts,
        history: History,
        tasks: asyncio.TaskGroup,
        number: int,
        *,
        candidate: bool = False,
        late: int = 0,
        wish: Callable[[str], SpokenWish | None],
        warm: Callable[[], object],
    ) -> None:
        self.number, self.candidate = number, candidate
        self.over_reply, self.paused, self.wish = False, False, wish
        self.dips, self.shown = 0, False
        self.late, self._late_before = late, late
        self.state, self.watch, self.prefix, self.alarms = TurnState.HEARING, ev.Stopwatch(), "", 0
        self.attempt: Attempt | None = None
        self.over: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.answerer = parts.responder.listen(tasks, self._on_partial)
        self.record = Record(history, lambda event: parts.emit(event, self.number), self.answerer.withdrawn)
        self._parts, self._tasks, self._warm = parts, tasks, warm
        self._task: asyncio.Task[None] | None = None
        self._wanted = Wanted()
        self._partial = ""
        self._paused = True
        self._early: Callable[[str], bool] | None = None

    def _move(self, move: Move) -> None:
        self.state = after(self.state, move)

    @property
    def lane(self) -> Lane | None:
        """The lane of the playout in which its reply sounds; None before there is an answer."""
        return self.attempt.mouth.lane if self.attempt is not None else None

    # -- the person ----------------------------------------------------------------------------------

    def hear(self, frames: Sequence[AudioFrame]) -> None:
        """The person speaks. Who goes on after a pause, or before the reply sounds, withdraws what was made of it."""
        resumed, self._paused, self._early = self._paused, False, None
        if resumed and self.state is not TurnState.HEARING:
            self.prefix = joined([self.prefix, self._wanted.typed or ""])
            self._wanted = Wanted()
            self._withdraw(Move.REOPEN if self.state is TurnState.OPEN else Move.WITHDRAW)
            self._warm()
        self.answerer.hear(frames)

    def pause(self, last_voiced: float | None) -> None:
        """The segment is complete: with its last word the guess of a draft stands or falls."""
        self.watch.last_voiced = last_voiced
        if not self._paused:
            self._paused = True
            if self.attempt is None or self.attempt.wanted.guess:
                self.watch.heard_from = self._parts.clock()
            self.answerer.pause()

    def _on_partial(self, text: str) -> None:
        """What a live recogniser has understood so far. A guess falls when the text goes on.

        Words that are shown in a silence are answered as soon as they are: the final text may take its time.
        """
        text = joined([self.prefix, text])
        if not text or text == self._partial or self.state.ended or self.candidate:
            return
        self._partial = text
        self.record.emit(ev.UserPartial(text))
        self.shown = self._early is not None
        self.late = self._late_before + 1 if self._paused or self.shown else 0
        guess = self.attempt.wanted.guess if self.attempt is not None else ""
        exhausted = self._paused and self.answerer.draftable(self.record.drafts) is None
        withdrawn = guess and not same_words(text, guess) and not exhausted
        if withdrawn:
            self.dips += not (self._paused or self.shown)
            self._withdraw(Move.WITHDRAW)
        if self._paused or self.shown:
            self.draft(early=self._early)
        if withdrawn and self.attempt is None:
            self._warm()

    def sound_again(self) -> None:
        """It was a dip inside words: a draft on the sound before it is void. With no word known it had cost nothing."""
        self.shown = False
        attempt = self.attempt
        if self.state is TurnState.DRAFTED and attempt is not None and not (self._paused or attempt.wanted.guess):
            self.dips += 1
            self.record.drafts -= attempt.watch.text is None
            self._withdraw(Move.WITHDRAW)
            self._warm()

    def draft(self, *, early: Callable[[str], bool] | None = None) -> None:
        """Begins to answer what is heard so far, where that makes sense.

        `early`, while the person may still speak: only where it says so of the words so far, now or as they are shown.
        Where the last ones have come late, turn after turn, they are waited for: a draft without them is thrown away,
        and holds up the next one.
        """
        self._early = early
        if self.state is not TurnState.HEARING:
            return
        words = self.answerer.draftable(self.record.drafts, early=early is not None)
        guess = joined([self.prefix, words]) if words else ""
        stale = words and self._late_before >= LATE_TURNS and not self.shown
        if words is not None and (early is None or (not stale and early(guess))):
            self._move(Move.DRAFT)
            self.record.drafts += 1
            self._begin(Wanted(draft=True, guess=guess))

    def end(self, last_voiced: float | None = None) -> None:
        """The person is done: the draft is let out, or the answer begins."""
        self.pause(last_voiced)
        self.watch.ended = self._parts.clock()
        self.record.draft_reached = self.watch.reached if self.attempt else "off"
        self._let_out()

    def ask(self, wanted: Wanted) -> None:
        """The person typed, or something is to be said unasked."""
        self._wanted = wanted
        self.watch.ended = self._parts.clock() if wanted.typed is not None else None
        self._let_out()

    def _let_out(self) -> None:
        self._move(Move.END)
        attempt = self.attempt or self._begin(self._wanted)
        attempt.end()
        self._mind(attempt)

    def _mind(self, attempt: Attempt) -> None:
        """A wish that needs no model ends the turn."""
        wish = attempt.wish
        if attempt is self.attempt and attempt.open and wish is not None:
            self._stop()
            self._finish(Outcome(wish=wish))

    # -- the answer ----------------------------------------------------------------------------------

    def _begin(self, wanted: Wanted) -> Attempt:
        parts, clock = self._parts, self._parts.clock
        self.watch = ev.Stopwatch(self.watch.last_voiced, self.watch.ended, clock())
        self.attempt = Attempt(
            replace(wanted, prefix=self.prefix),
            self.watch,
            clock,
            lambda attempt: Mouth(parts.playout, clock, lambda: self._on_sounding(attempt)),
            self.record.history.request,
            self.record.emit,
            self.record.waste,
            lambda text: heeded(self.wish(text), over_reply=self.over_reply),
        )
        self._task = self._tasks.create_task(self._answer(self.attempt))
        return self.attempt

    async def _answer(self, attempt: Attempt) -> None:
        """Until the last sample has sounded. A draft that fails, of which nobody has heard, is made anew at the end."""
        loss: VoiceError | None = None
        try:
            async with self.answerer.turn(attempt) as replies:
                async for each in replies:
                    attempt.take(each)
                    self._mind(attempt)
        except COSTS_THE_TURN as exc:
            loss = exc
        if attempt.open or loss is None:
            await attempt.opened()
            await attempt.mouth.drained()
            self._complete(attempt, loss)
            return
        attempt.cancel()
        if self.state is TurnState.OPEN:
            self._begin(self._wanted).end()
        else:
            self.attempt = self._task = None
            self._move(Move.WITHDRAW)
            self._warm()

    def _on_sounding(self, attempt: Attempt) -> None:
        """History begins at the first sample that sounds."""
        if attempt is self.attempt:
            self._move(Move.SOUND)
            attempt.watch.sounded = attempt.mouth.lane.sounded
            self.record.question(attempt)

    def _withdraw(self, move: Move) -> None:
        """What was made of the turn is void: the person goes on.

        A request that breaks off closes its connection: see that one is warm, unless the next request is made at once.
        """
        self.record.waste(self.attempt.usage.total if self.attempt else 0)
        self._stop()
        self._move(move)

    def _stop(self) -> None:
        """Stops the answer; its cleanup runs in its own task, the microphone does not wait for it."""
        if self._task is not None:
            self._task.cancel()
        if self.attempt is not None:
            self.attempt.cancel()
        self.attempt = self._task = None

    # -- the end -------------------------------------------------------------------------------------

    def _complete(self, attempt: Attempt, loss: VoiceError | None) -> None:
        spoke = bool(attempt.heard.text or attempt.reply)
        if loss is not None:
            sound = bytes(self.answerer.pcm)
            if self.state is TurnState.SOUNDING:
                self.record.broken_off(attempt)
                sound = b""
            self.record.lost(loss, self._parts.keep(self.number, sound) if sound else "")
        elif spoke:
            self.record.answered(attempt)
        elif not attempt.heard.aside:
            self.record.emit(ev.Notice("nothing was recognised"))
        self._finish(Outcome(spoke and loss is None, loss))

    def interrupt(self, by: Literal["speech", "key", "text"]) -> None:
        """It stops: history keeps what was heard of the reply; of what nobody heard, nothing."""
        attempt = self.attempt
        if self.state is TurnState.SOUNDING and attempt is not None:
            self.record.broken_off(attempt)
            self.record.emit(ev.Interrupted(by))
            self.record.figures(attempt)
            self.answerer.heard_until(attempt.mouth.lane.played)
        self._stop()
        self._finish(Outcome(answered=self.state is TurnState.SOUNDING))

    def take_back(self) -> str:
        """The turn's end was a mistake: question and answer are withdrawn; returns the question so far."""
        text = self.attempt.heard.text if self.attempt else ""
        self.record.taken_back(text)
        self.answerer.heard_until(0)
        self.record.waste(self.attempt.usage.total if self.attempt else 0)
        if self.state is not TurnState.DONE:
            self.drop()
        return text

    def drop(self) -> None:
        """Nothing came of it, and nobody is told."""
        self._stop()
        self._finish(Outcome())

    def _finish(self, outcome: Outcome) -> None:
        self._move(Move.FINISH)
        self.answerer.abandon()
        self.over.set_result(outcome)
