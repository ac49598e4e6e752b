"""The conversation: microphone frames in, turns answered, one at a time, and whoever goes on is right.

Belongs here: who has the floor, drafts, barge-in, taking a turn back, what a failure costs, history.
Does not belong here: devices, services, the screen, how a turn's stages work (dialogue.turn).

Everything here runs on one event loop and reacts at once: the microphone never waits for a service.
Every task belongs to the TaskGroup of `Conversation.run`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from voicecli.audio import endpointer as ep
from voicecli.audio import playout as po
from voicecli.dialogue import events as ev
from voicecli.dialogue.backchannel import is_backchannel
from voicecli.dialogue.hearing import Heard, Hearing
from voicecli.dialogue.history import History, cut_to_heard, join_utterances
from voicecli.dialogue.reading import Reading, read
from voicecli.dialogue.turn import Answer, Depth, Stages
from voicecli.errors import (
    InputError,
    NoSpeechError,
    RateLimitedError,
    ServiceError,
    UnreachableError,
    VoiceError,
    only,
)
from voicecli.types import AudioFrame

COSTS_THE_TURN = (ServiceError, UnreachableError, RateLimitedError, NoSpeechError, InputError)
"""Failures after which listening goes on. Configuration, refused keys, lost devices and bugs end it."""

OPEN_AGAIN_S = 0.3
"""Half-duplex: how long after the last sound the ears stay closed (a room's echo)."""
TAKE_BACK_S = 2.0
"""Speech this soon after a turn's end means that the end was a mistake."""
CONFIRM_MS, COMMIT_MS = 160.0, 600.0
"""Barge-in: voiced for so long, the reply pauses; for so long, it stops for good."""
MAX_DRAFTS = 3


class Voicing(Protocol):
    @property
    def speech(self) -> bool: ...
    @property
    def level(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """How this conversation is held; times in ms."""

    timing: ep.Timing = field(default_factory=ep.Timing)
    end_ms_min: float = 300
    end_ms_max: float = 1200
    barge_in: bool = False
    push_to_talk: bool = False
    draft: Depth = "off"
    trust_punctuation: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """What a conversation is made of; wiring fills it in. The functions must not block.

    `hearing(tasks, on_partial)` makes the ears of one turn; `warm` opens connections ahead; `keep`
    stores the recording of a lost turn and returns where (or "").
    """

    hearing: Callable[[asyncio.TaskGroup, Callable[[str], None]], Hearing]
    detect: Callable[[bytes], Voicing]
    stages: Stages
    emit: Callable[[ev.Event, int], None]
    warm: Callable[[], Coroutine[Any, Any, None]] | None = None
    keep: Callable[[int, bytes], str] = lambda _turn, _pcm: ""


@dataclass(slots=True)
class Turn:
    """One exchange: what was heard so far, and the attempt at answering it."""

    number: int
    hearing: Hearing | None = None
    prefix: str = ""
    ended: bool = False
    sounded: bool = False
    done: bool = False
    answer: Answer | None = None
    task: asyncio.Task[None] | None = None
    watch: ev.Stopwatch = field(default_factory=ev.Stopwatch)
    drafts: int = 0
    wasted: int = 0
    draft_reached: Depth = "off"
    kept: bool = False
    partial: str = ""


class Conversation:
    """Run it over the frames of a microphone; call the other methods from the same event loop."""

    def __init__(self, parts: Parts, rules: Rules, history: History | None = None) -> None:
        self.parts, self.rules = parts, rules
        self.history = history or History()
        self.turn: Turn | None = None
        self.candidate: Turn | None = None
        self.muted = False
        self.losses: list[VoiceError] = []
        self.answered = 0
        self._numbers = 0
        self._endpointer = ep.Endpointer(rules.timing, manual=rules.push_to_talk)
        self._deaf_until = float("-inf")
        self._phase: ev.Phase | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._ended = asyncio.Event()

    # -- running ---------------------------------------------------------------------------------

    async def run(self, frames: AsyncIterator[AudioFrame]) -> None:
        """Until the frames end (then the last turn is finished) or `end` is called.

        Raises the VoiceError that ends a session: configuration, a refused key, a lost device.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                listening = tasks.create_task(self._listen(frames))
                await self._ended.wait()
                self._stop(listening)
        except BaseExceptionGroup as group:
            raise only(group) from None
        finally:
            self._tasks = None

    def end(self) -> None:
        """Leave now: what sounds is cut off, as by an interruption."""
        self._ended.set()

    def _stop(self, listening: asyncio.Task[None]) -> None:
        listening.cancel()
        for turn in (self.candidate, self.turn):
            if turn is not None and not turn.done:
                self._withdraw(turn) if not turn.sounded else self._interrupt(turn, "key")

    async def _listen(self, frames: AsyncIterator[AudioFrame]) -> None:
        async for frame in frames:
            self.feed(frame)
        for event in self._endpointer.cut():
            self._on(event)
        await self._idle.wait()
        self._ended.set()

    def feed(self, frame: AudioFrame) -> None:
        """One frame of the microphone."""
        if self.deaf:
            self._endpointer.reset()
            self.parts.emit(ev.Level(-90.0, False), self._numbers)
            return
        voicing = self.parts.detect(frame.pcm)
        self.parts.emit(ev.Level(voicing.level, voicing.speech), self._numbers)
        for event in self._endpointer.feed(frame, speech=voicing.speech, level=voicing.level):
            self._on(event)
        self._weigh_barge_in()

    # -- what others may ask -----------------------------------------------------------------------

    @property
    def deaf(self) -> bool:
        """Whether the ears are closed: muted, or half-duplex while (and shortly after) sound plays."""
        if self.muted:
            return True
        if self.rules.barge_in or self.rules.push_to_talk:
            return False
        sounding = self.turn is not None and self.turn.sounded and not self.turn.done
        return sounding or self.parts.stages.clock() < self._deaf_until

    @property
    def holding(self) -> bool:
        """Whether a recorded input must wait: a turn has ended and its reply is not over."""
        busy = self.turn is not None and self.turn.ended and not self.turn.done
        return busy or (not self.muted and self.deaf)

    @property
    def working(self) -> bool:
        """Whether services work on an answer that does not sound yet."""
        turn = self.turn
        return turn is not None and not turn.done and not turn.sounded and turn.answer is not None

    @property
    def settled(self) -> bool:
        """Whether nothing goes on: nobody speaks, no turn is open."""
        return self._idle.is_set() and self._endpointer.state is ep.State.IDLE

    @property
    def starving(self) -> bool:
        """Whether a reply is sounding but its next piece has not come."""
        turn = self.turn
        if turn is None or turn.answer is None or turn.done or not turn.sounded:
            return False
        return self.parts.stages.playout.waiting(turn.answer.lane)

    @property
    def backlog_s(self) -> float:
        """Seconds of speech that the recogniser has not taken yet."""
        turn = self.candidate or self.turn
        return turn.hearing.backlog_s if turn and turn.hearing and not turn.done else 0.0

    def type(self, text: str) -> None:
        """The person typed instead of speaking."""
        self._clear_floor("text")
        turn = self._new_turn()
        turn.ended, turn.watch.ended = True, self.parts.stages.clock()
        self._answer(turn, self._already(text), typed=True).open()

    def announce(self, text: str) -> None:
        """Say something unasked (a timer rings) as soon as nobody speaks."""
        self._spawn(self._announce(text))

    def interrupt(self) -> None:
        """A key stops what is being said (or thought)."""
        self._clear_floor("key")

    def mute(self, muted: bool) -> None:
        self.muted = muted
        if muted:
            for event in self._endpointer.cut():
                self._on(event)
        self._show()

    def press(self) -> None:
        """Push to talk: the person begins; whatever sounds stops."""
        if self.turn is not None and self.turn.sounded and not self.turn.done:
            self._interrupt(self.turn, "key")
        for event in self._endpointer.begin():
            self._on(event)

    def release(self) -> None:
        """Push to talk: the person is done. Without push to talk: end the turn now."""
        for event in self._endpointer.cut():
            self._on(event)

    def pump(self) -> None:
        """Takes the playout's notices; the loudspeaker calls it on the event loop."""
        notices = self.parts.stages.playout.notices
        while notices:
            notice = notices.popleft()
            _NOTICES[type(notice)](self, notice)

    # -- the endpointer's events ---------------------------------------------------------------------

    def _on(self, event: ep.Event) -> None:
        _EVENTS[type(event)](self, event)
        self._show()

    def _started(self, event: ep.Started) -> None:
        if self.parts.warm is not None:
            self._spawn(self.parts.warm())
        turn = self.turn
        if turn is None or turn.done:
            turn = self._new_turn()
        elif turn.sounded:
            turn = self.candidate = Turn(turn.number + 1)
            self._duck()
        else:
            self._reopen(turn)
        self._hear(turn, event.frames)

    def _reopen(self, turn: Turn) -> None:
        """Speech after the end but before the first sound: the same turn goes on."""
        if turn.hearing is None and turn.answer is not None:
            turn.prefix = join_utterances([turn.prefix, turn.answer.text])
        self._cancel_draft(turn)
        turn.ended = False

    def _hear(self, turn: Turn, frames: Sequence[AudioFrame]) -> None:
        assert self._tasks is not None, "speech before run()"
        if turn.hearing is None:
            turn.hearing = self.parts.hearing(self._tasks, lambda text: self._on_partial(turn, text))
        turn.hearing.start(frames)

    def _on_partial(self, turn: Turn, text: str) -> None:
        text = join_utterances([turn.prefix, text])
        if text and text != turn.partial and not turn.ended and turn is not self.candidate:
            turn.partial = text
            self.parts.emit(ev.UserPartial(text), turn.number)

    def _continued(self, event: ep.Continued) -> None:
        if (turn := self._speaking_turn) and turn.hearing:
            turn.hearing.feed(event.frame)

    def _paused(self, event: ep.Paused) -> None:
        turn = self._speaking_turn
        if turn is None or turn.hearing is None:
            return
        turn.hearing.pause()
        turn.watch.last_voiced = event.last_voiced
        if turn is self.candidate:
            self._spawn(self._judge(turn, event.segment))
        elif self.rules.draft != "off" and turn.drafts < MAX_DRAFTS:
            turn.drafts += 1
            self._answer(turn, turn.hearing.text, segment=event.segment)

    def _resumed(self, event: ep.Resumed) -> None:
        turn = self._speaking_turn
        if turn is None:
            return
        self._cancel_draft(turn)
        self._hear(turn, event.frames)

    def _ended_turn(self, event: ep.Ended) -> None:
        turn = self._speaking_turn
        if turn is None or turn.hearing is None:
            return
        turn.hearing.pause()
        turn.watch.last_voiced, turn.watch.ended = event.last_voiced, self.parts.stages.clock()
        turn.ended = True
        if turn is self.candidate:
            return  # its words are being judged
        turn.draft_reached = turn.answer.reached if turn.answer else "off"
        answer = turn.answer or self._answer(turn, turn.hearing.text)
        answer.open()

    def _dropped(self, _event: ep.Dropped) -> None:
        if self.candidate is not None:
            self._let_go_on()
        elif (turn := self.turn) and not turn.done:
            self._withdraw(turn)
            self._done(turn)

    @property
    def _speaking_turn(self) -> Turn | None:
        """Whose speech the next frame is."""
        if self.candidate is not None:
            return self.candidate
        return self.turn if self.turn and not self.turn.done and not self.turn.ended else None

    # -- answering -------------------------------------------------------------------------------------

    def _new_turn(self, prefix: str = "") -> Turn:
        self._numbers += 1
        self.turn = Turn(self._numbers, prefix=prefix)
        self._idle.clear()
        return self.turn

    def _answer(
        self,
        turn: Turn,
        hear: Callable[[], Awaitable[Heard]],
        *,
        segment: int | None = None,
        typed: bool = False,
    ) -> Answer:
        """Begins to answer, as a draft until the answer is opened."""
        answer = turn.answer = self._make_answer(turn, hear, segment, typed)
        turn.task = self._spawn(self._run(turn, answer))
        return answer

    def _make_answer(
        self, turn: Turn, hear: Callable[[], Awaitable[Heard]], segment: int | None, typed: bool
    ) -> Answer:
        last = turn.watch.last_voiced, turn.watch.ended
        turn.watch = ev.Stopwatch(last_voiced=last[0], ended=last[1], heard_from=self.parts.stages.clock())
        return Answer(
            self.parts.stages,
            turn.watch,
            self._with_prefix(turn, hear),
            self.history.request,
            lambda event: self.parts.emit(event, turn.number),
            lambda text: self._on_text(turn, segment, text),
            depth=self.rules.draft,
            typed=typed,
        )

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        assert self._tasks is not None, "a conversation acts only while run() runs"
        return self._tasks.create_task(work)

    async def _run(self, turn: Turn, answer: Answer) -> None:
        try:
            await answer.run()
        except COSTS_THE_TURN as exc:
            self._failed(turn, answer, exc)
        else:
            if turn.answer is answer and not turn.done:
                self._complete(turn, answer)

    def _failed(self, turn: Turn, answer: Answer, error: VoiceError) -> None:
        if turn.answer is not answer or turn.done:
            return
        if not answer.opened.is_set():
            # A draft's failure is nobody's business: the turn's end tries again.
            turn.answer = turn.task = None
            return
        if turn.sounded:
            self._remember_reply(turn, answer, interrupted=True)
        self.parts.stages.playout.cancel(answer.lane)
        self.losses.append(error)
        where = self.parts.keep(turn.number, bytes(turn.hearing.pcm)) if turn.hearing and not turn.sounded else ""
        self.parts.emit(ev.TurnLost(str(error), error.exit_code, where), turn.number)
        self._done(turn)

    def _complete(self, turn: Turn, answer: Answer) -> None:
        if answer.text or answer.reply:
            self.answered += 1
            self._remember_reply(turn, answer, interrupted=False)
            self._report(turn)
        else:
            self.parts.emit(ev.Notice("nothing was recognised"), turn.number)
        self._done(turn)

    def _report(self, turn: Turn) -> None:
        metrics = turn.watch.metrics(draft=turn.draft_reached, drafts=turn.drafts, wasted_tokens=turn.wasted)
        self.parts.emit(metrics, turn.number)

    def _remember_reply(self, turn: Turn, answer: Answer, *, interrupted: bool) -> None:
        """History keeps what was heard, cut at the sample counter."""
        text = answer.reply.strip()
        if interrupted:
            text = cut_to_heard(answer.pieces, self.parts.stages.playout.played(answer.lane))
        self._remember_question(turn, answer)
        self.parts.emit(ev.AssistantSaid(text, interrupted), turn.number)
        self.history.assistant(text, interrupted=interrupted)

    def _remember_question(self, turn: Turn, answer: Answer) -> None:
        if answer.text and not turn.kept:
            turn.kept = True
            self.history.user(answer.text)

    def _done(self, turn: Turn) -> None:
        turn.done = True
        if turn.hearing is not None:
            turn.hearing.abandon()
        if turn is self.turn:
            self._idle.set()
        self._show()

    def _with_prefix(self, turn: Turn, hear: Callable[[], Awaitable[Heard]]) -> Callable[[], Awaitable[Heard]]:
        async def joined() -> Heard:
            heard = await hear()
            return Heard(join_utterances([turn.prefix, heard.text]), heard.unsure)

        return joined

    @staticmethod
    def _already(text: str) -> Callable[[], Awaitable[Heard]]:
        async def typed() -> Heard:
            return Heard(text)

        return typed

    def _on_text(self, turn: Turn, segment: int | None, text: str) -> None:
        """The text decides how long to wait for the turn's end."""
        if segment is None or turn.ended:
            return
        waits = {Reading.COMPLETE: self.rules.end_ms_min, Reading.DANGLING: self.rules.end_ms_max}
        reading = read(text, trust_punctuation=self.rules.trust_punctuation)
        for event in self._endpointer.heard(segment, waits.get(reading, self.rules.timing.end_ms)):
            self._on(event)

    def _cancel_draft(self, turn: Turn) -> None:
        if turn.answer is not None:
            turn.wasted += turn.answer.tokens
        self._withdraw(turn)

    def _withdraw(self, turn: Turn) -> None:
        """Stops the answer; its cleanup runs in its own task, the microphone does not wait for it."""
        if turn.task is not None:
            turn.task.cancel()
        if turn.answer is not None and turn.answer.lane:
            self.parts.stages.playout.cancel(turn.answer.lane)
        turn.answer = turn.task = None

    # -- barge-in ----------------------------------------------------------------------------------------

    def _duck(self) -> None:
        if self.turn is not None and self.turn.answer is not None:
            self.parts.stages.playout.duck(self.turn.answer.lane)

    def _weigh_barge_in(self) -> None:
        """Speech over a reply: ducked at once, paused when confirmed, stopped when it lasts."""
        if self.candidate is None or self.turn is None or self.turn.answer is None:
            return
        voiced = self._endpointer.voiced_ms
        if voiced >= COMMIT_MS:
            self._commit()
        elif voiced >= CONFIRM_MS:
            self.parts.stages.playout.pause(self.turn.answer.lane)

    async def _judge(self, candidate: Turn, segment: int) -> None:
        """Short speech over a reply has paused: words stop the reply, a cough or "mhm" does not."""
        assert candidate.hearing is not None
        try:
            heard = await candidate.hearing.text()
        except COSTS_THE_TURN:
            heard = Heard()
        if candidate is not self.candidate or segment != self._endpointer.segment:
            return  # decided already, or the person goes on
        if not heard.text or is_backchannel(heard.text):
            self._let_go_on()
            return
        self._commit()
        answer = self._answer(candidate, self._already(heard.text), segment=segment)
        if candidate.ended:
            answer.open()

    def _let_go_on(self) -> None:
        """A false alarm: the reply goes on from where it was."""
        candidate, self.candidate = self.candidate, None
        if candidate is not None and candidate.hearing is not None:
            candidate.hearing.abandon()
        if self.turn is not None and self.turn.answer is not None:
            self.parts.stages.playout.resume(self.turn.answer.lane)

    def _commit(self) -> None:
        """The interruption stands: the reply stops, the candidate has the floor."""
        candidate, old = self.candidate, self.turn
        assert candidate is not None and old is not None
        self.candidate = None
        now = self.parts.stages.clock()
        if old.watch.ended is not None and now - old.watch.ended < TAKE_BACK_S and old.answer is not None:
            candidate.prefix = self._take_back(old)
        elif not old.done:
            self._interrupt(old, "speech")
        self._numbers += 1
        candidate.number = self._numbers
        self.turn = candidate
        self._idle.clear()
        self._show()

    def _take_back(self, turn: Turn) -> str:
        """The turn's end was a mistake: question and answer are withdrawn; returns the question so far."""
        text = turn.answer.text if turn.answer else ""
        if turn.kept:
            self.history.take_back()
        self.parts.emit(ev.TakenBack(text), turn.number)
        self._cancel_draft(turn)
        self._done(turn)
        return text

    def _interrupt(self, turn: Turn, by: Any) -> None:
        answer = turn.answer
        if answer is not None:
            self._remember_reply(turn, answer, interrupted=True)
            self.parts.emit(ev.Interrupted(by), turn.number)
            self._report(turn)
            self.answered += 1
        self._withdraw(turn)
        self._done(turn)

    def _clear_floor(self, by: Any) -> None:
        """Whatever goes on ends now: speech being heard, an answer in work, a reply."""
        self._let_go_on()
        self._endpointer.reset()
        turn = self.turn
        if turn is None or turn.done:
            return
        if turn.sounded:
            self._interrupt(turn, by)
        else:
            self._withdraw(turn)
            self._done(turn)

    # -- the playout's notices -----------------------------------------------------------------------------

    def _on_sounded(self, notice: po.Sounded) -> None:
        """History begins at the first sample that sounds."""
        turn = self.turn
        if turn is None or turn.answer is None or turn.answer.lane != notice.lane:
            return
        turn.sounded, turn.watch.sounded = True, notice.at
        self._remember_question(turn, turn.answer)
        self._show()

    def _on_drained(self, notice: po.Drained) -> None:
        turn = self.turn
        if turn is None or turn.answer is None or turn.answer.lane != notice.lane or self._tasks is None:
            return
        self._deaf_until = notice.at + OPEN_AGAIN_S
        self._spawn(self._when_sounded(turn.answer, notice.at))

    async def _when_sounded(self, answer: Answer, at: float) -> None:
        """The last sample has left the playout; it sounds a device's latency later."""
        await asyncio.sleep(max(0.0, min(1.0, at - self.parts.stages.clock())))
        answer.drained.set()

    def _on_hungry(self, notice: po.Hungry) -> None:
        if self.turn is not None and self.turn.answer is not None and self.turn.answer.lane == notice.lane:
            self.turn.answer.room.set()

    # -- small things ----------------------------------------------------------------------------------------

    async def _announce(self, text: str) -> None:
        while self.turn is not None and not self.turn.done:
            await self._idle.wait()
        turn = self._new_turn()
        turn.ended = True
        answer = turn.answer = self._make_answer(turn, self._already(""), None, typed=False)
        answer.opened.set()
        turn.task = asyncio.current_task()
        try:
            await answer.announce(text)
        except COSTS_THE_TURN as exc:
            self._failed(turn, answer, exc)
        else:
            self._complete(turn, answer)

    def _show(self) -> None:
        """Tells the screen when the phase has changed."""
        phase = self._current_phase()
        if phase != self._phase:
            self._phase = phase
            self.parts.emit(ev.PhaseChanged(phase), self._numbers)

    def _current_phase(self) -> ev.Phase:
        turn = self.turn
        if self._endpointer.state is ep.State.SPEAKING:
            return "hearing"
        if turn is None or turn.done:
            return "muted" if self.muted else "listening"
        if turn.sounded:
            return "speaking"
        return "thinking" if turn.ended else "hearing"


_EVENTS: dict[type[Any], Callable[[Conversation, Any], None]] = {
    ep.Started: Conversation._started,
    ep.Continued: Conversation._continued,
    ep.Paused: Conversation._paused,
    ep.Resumed: Conversation._resumed,
    ep.Ended: Conversation._ended_turn,
    ep.Dropped: Conversation._dropped,
}

_NOTICES: dict[type[Any], Callable[[Conversation, Any], None]] = {
    po.Sounded: Conversation._on_sounded,
    po.Drained: Conversation._on_drained,
    po.Hungry: Conversation._on_hungry,
}
