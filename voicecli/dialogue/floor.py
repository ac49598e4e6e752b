"""Who has the floor: speech begins, pauses and ends turns, and speech over a reply stops it, or does not.

Belongs here: from the endpointer's events to what a turn is told, barge-in, taking a turn back. Does not belong here:
devices and keys (dialogue.conversation), what becomes of a turn (dialogue.turn), how speech over a reply is weighed
(dialogue.challenge).

Everything here runs on one event loop and reacts at once: the microphone never waits for a service.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Literal

from voicecli.audio import endpointer as ep
from voicecli.dialogue.challenge import Challenge
from voicecli.dialogue.events import Notice
from voicecli.dialogue.history import History
from voicecli.dialogue.parts import Parts, Rules
from voicecli.dialogue.states import State
from voicecli.dialogue.turn import Turn
from voicecli.errors import VoiceError
from voicecli.types import AudioFrame

GUESS_MS = 60.0
"""So much silence speaks for a text that reads complete; inside words there is less."""
SLOW_S = 3.0
"""Speech that a live recogniser is so far behind with: the machine, or the connection, is too slow for it."""
TOO_SLOW = (
    "recognition falls behind what is said: answers come late. A smaller model, or another recogniser, would keep up."
)


class Floor:
    """`turn` has the floor; `challenge` is speech over its reply; `number` is the last turn's."""

    tasks: asyncio.TaskGroup | None = None

    def __init__(self, parts: Parts, rules: Rules, history: History) -> None:
        self.turn: Turn | None = None
        self.challenge: Challenge | None = None
        self.losses: list[VoiceError] = []
        self.answered = 0
        self._parts, self._rules, self._history = parts, rules, history
        self.endpointer = ep.Endpointer(rules.timing, manual=rules.push_to_talk)
        self.number = 0
        self._slow = False

    # -- what the person does ------------------------------------------------------------------------

    def hear(self, frame: AudioFrame, *, speech: bool, level: float) -> None:
        """The next frame of the microphone, while the ears are open."""
        self.take(self.endpointer.feed(frame, speech=speech, level=level))
        if self.challenge is not None and self.challenge.stands(self.endpointer.voiced_ms):
            self._commit(self.challenge)

    def take(self, events: Sequence[ep.Event]) -> None:
        """What the endpointer makes of it."""
        for event in events:
            _ACTS[type(event)](self, event)

    def clear(self, by: Literal["key", "text"]) -> None:
        """Whatever goes on ends now: speech being heard, an answer in work, a reply."""
        self._let_go_on()
        self.endpointer.reset()
        if self.busy is not None:
            self.busy.interrupt(by)

    @property
    def busy(self) -> Turn | None:
        """The turn that is not over."""
        return self.turn if self.turn is not None and self.turn.state is not State.DONE else None

    @property
    def _speaking(self) -> Turn | None:
        """Whose speech the next frame is."""
        if self.challenge is not None:
            return self.challenge.candidate
        return self.busy if self.busy is not None and not self.busy.state.ended else None

    def new_turn(self) -> Turn:
        """Somebody begins."""
        return self._take_floor(self._turn())

    def _turn(self, *, candidate: bool = False) -> Turn:
        assert self.tasks is not None, "nobody speaks before the conversation runs"
        return Turn(self._parts, self._history, self.tasks, self.number + 1, candidate=candidate)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Something that goes on beside the microphone, and ends with the conversation at the latest."""
        assert self.tasks is not None, "nobody speaks before the conversation runs"
        self.tasks.create_task(work)

    def _take_floor(self, turn: Turn) -> Turn:
        self.turn, self.number = turn, turn.number
        self.spawn(self._see_through(turn))
        return turn

    async def _see_through(self, turn: Turn) -> None:
        outcome = await turn.over
        self.answered += outcome.answered
        if (loss := outcome.loss) is not None:
            # The frames that it went through hold the sound of the turn.
            loss.__cause__ = loss.__context__ = None
            self.losses.append(loss.with_traceback(None))

    # -- the endpointer's events ---------------------------------------------------------------------

    def _started(self, event: ep.Started) -> None:
        self.spawn(self._parts.responder.warm())
        turn = self.busy or self.new_turn()
        if turn.state is State.SOUNDING:
            self.challenge = Challenge(turn, self._turn(candidate=True))
            turn = self.challenge.candidate
        turn.hear(event.frames)

    def _continued(self, event: ep.Continued) -> None:
        if (turn := self._speaking) is None:
            return
        turn.hear((event.frame,))
        if turn.answerer.backlog_s > SLOW_S and not self._slow:
            self._slow = True
            turn.record.emit(Notice(TOO_SLOW))
        # A text that reads complete is answered as soon as the person seems to stop, before the soft end.
        if not turn.candidate and self.endpointer.silence_ms >= GUESS_MS:
            turn.draft(early=self._rules.reads_complete)

    def _paused(self, event: ep.Paused) -> None:
        if (turn := self._speaking) is None:
            return
        turn.pause(event.last_voiced)
        if self.challenge is not None:
            self.spawn(self._judge(self.challenge, event.segment))
        else:
            turn.draft()
            self.spawn(self._wait_by_words(turn, event.segment))

    def _resumed(self, event: ep.Resumed) -> None:
        if turn := self._speaking:
            turn.hear(event.frames)

    def _ended(self, event: ep.Ended) -> None:
        if (challenge := self.challenge) is not None:
            challenge.candidate.pause(event.last_voiced)
            challenge.ended = event
            if event.reason != "silence":  # else its words are being judged already
                self.spawn(self._judge(challenge, event.segment))
        elif turn := self._speaking:
            turn.end(event.last_voiced)

    def _dropped(self, _event: ep.Dropped) -> None:
        if self.challenge is not None:
            self._let_go_on()
        elif turn := self.busy:
            turn.drop()

    async def _wait_by_words(self, turn: Turn, segment: int) -> None:
        """The words decide how long to wait for the turn's end: first the guess at them, then what they are."""
        if (attempt := turn.attempt) is None:
            return
        if attempt.wanted.guess:
            self._wait(segment, attempt.wanted.guess)
        self._wait(segment, await attempt.known)

    def _wait(self, segment: int, words: str) -> None:
        self.take(self.endpointer.heard(segment, self._rules.wait_ms(words)))

    # -- barge-in ------------------------------------------------------------------------------------

    async def _judge(self, challenge: Challenge, segment: int) -> None:
        """Short speech over a reply has paused: its words decide."""
        words = await challenge.words()
        if challenge is not self.challenge or segment != self.endpointer.segment:
            return  # decided already, or the person goes on
        if not words:
            challenge.held.alarms += 1
            self._let_go_on()
            return
        turn = self._commit(challenge)
        if challenge.ended is not None:
            turn.end(challenge.ended.last_voiced)
        else:
            turn.draft()
            self._wait(segment, words)

    def _let_go_on(self) -> None:
        """A false alarm: the reply goes on from where it was."""
        challenge, self.challenge = self.challenge, None
        if challenge is not None:
            challenge.fail()

    def _commit(self, challenge: Challenge) -> Turn:
        """The interruption stands: the reply stops, the candidate has the floor."""
        self.challenge = None
        challenge.win(self._parts.clock())
        return self._take_floor(challenge.candidate)


_ACTS: dict[type[Any], Callable[[Floor, Any], None]] = {
    ep.Started: Floor._started,
    ep.Continued: Floor._continued,
    ep.Paused: Floor._paused,
    ep.Resumed: Floor._resumed,
    ep.Ended: Floor._ended,
    ep.Dropped: Floor._dropped,
}
