"""The conversation: microphone frames in, turns answered, one at a time, and whoever goes on is right.

Belongs here: who has the floor, when a draft begins, barge-in, taking a turn back, closed ears.
Does not belong here: devices, services, the screen, what becomes of one exchange (dialogue.exchange).

Everything here runs on one event loop and reacts at once: the microphone never waits for a service.
Every task belongs to the TaskGroup of `Conversation.run`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from voicecli.audio import endpointer as ep
from voicecli.audio import playout as po
from voicecli.dialogue import events as ev
from voicecli.dialogue.backchannel import is_backchannel
from voicecli.dialogue.courtesy import Verdict, verdict
from voicecli.dialogue.drafting import Depth, Drafts, same_words
from voicecli.dialogue.exchange import COSTS_THE_TURN, Exchange, Parts, already
from voicecli.dialogue.hearing import Heard
from voicecli.dialogue.history import History
from voicecli.dialogue.reading import Reading, read
from voicecli.dialogue.turn import Answer
from voicecli.errors import RateLimitedError, VoiceError, only
from voicecli.types import MIC, AudioFrame

OPEN_AGAIN_S = 0.3
"""Half-duplex: how long after the last sound the ears stay closed (a room's echo)."""
REST_S = 0.8
"""Half-duplex: after so much silence while a tool works the ears open. A device may still play what it holds."""
TAKE_BACK_S = 2.0
"""Speech this soon after a turn's end means that the end was a mistake."""
GUESS_MS = 60.0
"""So much silence speaks for a text that reads complete; inside words there is less."""
FRAME_MS = 20
CONFIRM_MS, COMMIT_MS = 120.0, 600.0
"""Barge-in: voiced for so long, the reply pauses; for so long, it stops for good."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How this conversation is held; times in ms."""

    timing: ep.Timing = field(default_factory=ep.Timing)
    end_ms_min: float = 400
    end_ms_max: float = 1200
    barge_in: bool = False
    push_to_talk: bool = False
    draft: Depth = "off"
    draft_budget: int = 20_000
    trust_punctuation: bool = False
    language: str | None = None


class Conversation:
    """Run it over the frames of a microphone; call the other methods from the same event loop."""

    def __init__(self, parts: Parts, rules: Rules, history: History | None = None) -> None:
        self.parts, self.rules = parts, rules
        self.history = history or History()
        self.turn: Exchange | None = None
        self.candidate: Exchange | None = None
        self.muted = False
        self.losses: list[VoiceError] = []
        self.answered = 0
        self.drafts = Drafts(rules.draft, rules.draft_budget)
        self._numbers = 0
        self._endpointer = ep.Endpointer(rules.timing, manual=rules.push_to_talk)
        self._deaf_until = float("-inf")
        self._silent_since: float | None = None
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
                turn.interrupt("key") if turn.sounded else turn.drop()

    async def _listen(self, frames: AsyncIterator[AudioFrame]) -> None:
        async for frame in frames:
            self.feed(frame)
        for event in self._endpointer.cut():
            self._on(event)
        await self._idle.wait()
        self._ended.set()

    def feed(self, frame: AudioFrame) -> None:
        """One frame of the microphone."""
        self._mind_silence()
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
        if self.rules.push_to_talk or (self.rules.barge_in and self.parts.separable()):
            return False
        sounding = self.turn is not None and self.turn.sounded and not self.turn.done
        return (sounding and not self._resting) or self.parts.stages.clock() < self._deaf_until

    @property
    def _resting(self) -> bool:
        """Whether a reply is silent for long, because a tool works: somebody may want to stop it."""
        if self.candidate is not None:
            return True
        return self._silent_since is not None and self.parts.stages.clock() - self._silent_since > REST_S

    def _mind_silence(self) -> None:
        """Notes since when nothing sounds because a tool works."""
        answer = self.turn.answer if self.turn is not None and not self.turn.done else None
        if answer is None or not answer.working or not self.parts.stages.playout.waiting(answer.lane):
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = self.parts.stages.clock()

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
        """Whether time would pass for nothing: a reply waits for its next piece, or is just being closed."""
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
        turn.begin_answer(already(text), typed=True)
        turn.end()

    def announce(self, text: str) -> None:
        """Say something unasked (a timer rings) as soon as nobody speaks."""
        self.tasks.create_task(self._announce(text))

    def again(self) -> None:
        """The oldest lost turn is heard again, as soon as nobody speaks."""
        if pcm := self.parts.kept():
            self.tasks.create_task(self._again(pcm))
        else:
            self.parts.emit(ev.Notice("no lost turn is kept"), self._numbers)

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
            self.turn.interrupt("key")
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
            self.tasks.create_task(self.parts.warm())
        turn = self.turn
        if turn is None or turn.done:
            turn = self._new_turn()
        elif turn.sounded:
            turn = self.candidate = Exchange(self, self._numbers + 1, candidate=True)
            self._duck()
        else:
            turn.reopen()
        turn.hear(event.frames)

    def _continued(self, event: ep.Continued) -> None:
        if (turn := self._speaking_turn) and turn.hearing:
            turn.hearing.feed(event.frame)
            self._guess_ahead(turn)

    def _paused(self, event: ep.Paused) -> None:
        turn = self._speaking_turn
        if turn is None or turn.hearing is None:
            return
        turn.hearing.pause()
        turn.watch.last_voiced = event.last_voiced
        if turn is self.candidate:
            self.tasks.create_task(self._judge(turn, event.segment))
        elif turn.guess:
            turn.settle(event.segment)
        elif (depth := self.drafts.allowed(turn.drafts, self.parts.stages.clock())) != "off":
            turn.draft(depth, segment=event.segment, guess=self._guess(turn, depth))
            if turn.guess:
                turn.settle(event.segment)

    def _resumed(self, event: ep.Resumed) -> None:
        if turn := self._speaking_turn:
            turn.cancel_draft()
            turn.hear(event.frames)

    def _ended_turn(self, event: ep.Ended) -> None:
        if (turn := self._speaking_turn) and turn.hearing is not None:
            turn.end(event.last_voiced)

    def _dropped(self, _event: ep.Dropped) -> None:
        if self.candidate is not None:
            self._let_go_on()
        elif self.turn is not None and not self.turn.done:
            self.turn.drop()

    @property
    def _speaking_turn(self) -> Exchange | None:
        """Whose speech the next frame is."""
        if self.candidate is not None:
            return self.candidate
        return self.turn if self.turn and not self.turn.done and not self.turn.ended else None

    def _new_turn(self) -> Exchange:
        self._numbers += 1
        self.turn = Exchange(self, self._numbers)
        self._idle.clear()
        return self.turn

    # -- what an exchange tells the floor ------------------------------------------------------------------

    @property
    def tasks(self) -> asyncio.TaskGroup:
        """Owns every task of the conversation."""
        assert self._tasks is not None, "a conversation acts only while run() runs"
        return self._tasks

    def on_text(self, exchange: Exchange, segment: int | None, text: str) -> None:
        """The text decides how long to wait for the turn's end."""
        if segment is None or exchange.ended:
            return
        waits = {Reading.COMPLETE: self.rules.end_ms_min, Reading.DANGLING: self.rules.end_ms_max}
        for event in self._endpointer.heard(segment, waits.get(self._read(text), self.rules.timing.end_ms)):
            self._on(event)

    def _guess(self, turn: Exchange, depth: Depth) -> str:
        """What a live recogniser has so far, where a draft would ask a model."""
        live = turn.hearing is not None and bool(turn.hearing.interim)
        return turn.partial if live and depth in ("chat", "speak") else ""

    def on_partial(self, exchange: Exchange, text: str) -> None:
        """A guess falls when the text goes on."""
        if exchange.guess and exchange.settling is None and not same_words(text, exchange.guess):
            exchange.cancel_draft()
        if exchange is self._speaking_turn:
            self._guess_ahead(exchange)

    def _guess_ahead(self, turn: Exchange) -> None:
        """A text that reads complete is answered as soon as the person seems to stop, before the soft end."""
        if turn.answer is not None or turn.candidate or self._endpointer.silence_ms < GUESS_MS:
            return
        depth = self.drafts.allowed(turn.drafts, self.parts.stages.clock(), guess=True)
        guess = self._guess(turn, depth)
        if guess and self._read(guess) is Reading.COMPLETE:
            turn.draft(depth, guess=guess)

    def _read(self, text: str) -> Reading:
        return read(text, trust_punctuation=self.rules.trust_punctuation, language=self.rules.language)

    def on_withdrawn(self, tokens: int) -> None:
        if self.drafts.withdrawn(tokens):
            self.parts.emit(ev.Notice("drafts have used up what they may cost (talk.draft_budget)"), self._numbers)

    def on_tool(self) -> None:
        self._show()

    def on_refused(self, error: RateLimitedError) -> None:
        self.drafts.refused(self.parts.stages.clock(), error.retry_after)

    def on_done(self, exchange: Exchange, loss: VoiceError | None, answered: bool) -> None:
        self.answered += answered
        if loss is not None:
            # The frames that it went through hold the sound of the turn.
            loss.__cause__ = loss.__context__ = None
            self.losses.append(loss.with_traceback(None))
        if exchange is self.turn:
            self._idle.set()
        self._show()

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
        elif voiced >= CONFIRM_MS * 2**self.turn.alarms:
            self.parts.stages.playout.pause(self.turn.answer.lane)

    async def _judge(self, candidate: Exchange, segment: int) -> None:
        """Short speech over a reply has paused: words stop the reply, a cough or "mhm" does not."""
        assert candidate.hearing is not None
        try:
            heard = await candidate.hearing.text()
        except COSTS_THE_TURN:
            heard = Heard()
        if candidate is not self.candidate or segment != self._endpointer.segment:
            return  # decided already, or the person goes on
        if not heard.text or (is_backchannel(heard.text) and not self._answers(heard.text)):
            self._let_go_on()
            self._raise_bar()
            return
        self._commit()
        ended, last_voiced = candidate.ended, candidate.watch.last_voiced
        candidate.begin_answer(already(heard.text), segment=None if ended else segment)
        if ended:
            candidate.end(last_voiced)

    def _answers(self, text: str) -> bool:
        """Whether the reply asks for a yes, and got it or a no: "ok" is then not the sign of somebody who listens."""
        asked = self.turn is not None and self.turn.was_asked()
        return asked and verdict(text) is not Verdict.OTHER

    def _let_go_on(self) -> None:
        """A false alarm: the reply goes on from where it was."""
        candidate, self.candidate = self.candidate, None
        if candidate is not None and candidate.hearing is not None:
            candidate.hearing.abandon()
        if self.turn is not None and self.turn.answer is not None:
            self.parts.stages.playout.resume(self.turn.answer.lane)

    def _raise_bar(self) -> None:
        """Who coughs again, or what is left of an echo, no longer halts this reply: twice as much speech must."""
        if self.turn is not None:
            self.turn.alarms += 1

    def _commit(self) -> None:
        """The interruption stands: the reply stops, the candidate has the floor."""
        candidate, old = self.candidate, self.turn
        assert candidate is not None and old is not None
        self.candidate = None
        now = self.parts.stages.clock()
        soon = old.watch.ended is not None and now - old.watch.ended < TAKE_BACK_S
        if soon and old.answer is not None and not old.was_asked():
            candidate.prefix = old.take_back()
        elif not old.done:
            old.interrupt("speech")
        self._numbers += 1
        candidate.number, candidate.candidate = self._numbers, False
        self.turn = candidate
        self._idle.clear()
        self._show()

    def _clear_floor(self, by: Any) -> None:
        """Whatever goes on ends now: speech being heard, an answer in work, a reply."""
        self._let_go_on()
        self._endpointer.reset()
        turn = self.turn
        if turn is None or turn.done:
            return
        if turn.sounded:
            turn.interrupt(by)
        else:
            turn.drop()

    # -- the playout's notices -----------------------------------------------------------------------------

    def _on_sounded(self, notice: po.Sounded) -> None:
        """History begins at the first sample that sounds."""
        turn = self.turn
        if turn is None or turn.answer is None or turn.answer.lane != notice.lane:
            return
        turn.sounded, turn.watch.sounded = True, notice.at
        turn.remember_question()
        self._show()

    def _on_drained(self, notice: po.Drained) -> None:
        turn = self.turn
        if turn is None or turn.answer is None or turn.answer.lane != notice.lane:
            return
        self._deaf_until = notice.at + OPEN_AGAIN_S
        self.tasks.create_task(self._when_sounded(turn.answer, notice.at))

    async def _when_sounded(self, answer: Answer, at: float) -> None:
        """The last sample has left the playout; it sounds a device's latency later."""
        await asyncio.sleep(max(0.0, min(1.0, at - self.parts.stages.clock())))
        answer.drained.set()

    def _on_hungry(self, notice: po.Hungry) -> None:
        if self.turn is not None and self.turn.answer is not None and self.turn.answer.lane == notice.lane:
            self.turn.answer.room.set()

    # -- small things ----------------------------------------------------------------------------------------

    async def _again(self, pcm: bytes) -> None:
        while self.turn is not None and not self.turn.done:
            await self._idle.wait()
        turn, step = self._new_turn(), MIC.bytes_for(FRAME_MS)
        turn.hear([AudioFrame(pcm[at : at + step]) for at in range(0, len(pcm), step)])
        turn.end()
        self._show()

    async def _announce(self, text: str) -> None:
        while self.turn is not None and not self.turn.done:
            await self._idle.wait()
        await self._new_turn().announce(text)

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
        if turn.answer is not None and turn.answer.working and turn.ended:
            return "working"
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
