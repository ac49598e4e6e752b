"""Who has the floor: speech begins, pauses and ends turns, and speech over a reply stops it, or does not.

Belongs here: from the endpointer's events to what a turn is told, barge-in, taking a turn back. Does not belong here:
devices and keys (dialogue.conversation), what becomes of a turn (dialogue.turn), how speech over a reply is weighed
(dialogue.challenge).

Everything here runs on one event loop and reacts at once: the microphone never waits for a service.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from voicecli.audio import endpointer as ep
from voicecli.dialogue.challenge import Challenge
from voicecli.dialogue.events import Notice
from voicecli.dialogue.history import History
from voicecli.dialogue.manners import PACES, SpokenWish, last_sentence
from voicecli.dialogue.parts import Parts, Rules
from voicecli.dialogue.states import TurnState
from voicecli.dialogue.turn import Turn
from voicecli.dialogue.turns import Turns
from voicecli.dialogue.waiting import Waiting
from voicecli.types import AudioFrame
from voicecli.types.turns import Wanted

DIP_MS = 20.0
"""Milliseconds of silence that an early draft needs more after each dip of the turn.

A dip is a silence inside words that looked like a pause. New words that were shown in one make up for one.
"""
SLOW_S = 3.0
"""Seconds of speech that a live recogniser has not taken yet: from here on the person is told that it is too slow."""
TOO_SLOW = (
    "recognition falls behind what is said: answers come late. A smaller model, or another recogniser, would keep up."
)


class Floor:
    """Makes turns of the microphone's frames, and decides which turn has the floor."""

    def __init__(self, parts: Parts, rules: Rules, history: History) -> None:
        self.turns = Turns(parts, history, self.obey, understands=rules.manners)
        self._history = history
        self.endpointer = ep.Endpointer(rules.timing, manual=rules.push_to_talk)
        self._parts, self._rules = parts, rules
        self._slow = False
        self._waiting = Waiting(self.endpointer, rules, history, self.take)

    # -- what the person does ------------------------------------------------------------------------

    def hear(self, frame: AudioFrame, *, speech: bool, level: float) -> None:
        """The next frame of the microphone, while the ears are open."""
        self.take(self.endpointer.feed(frame, speech=speech, level=level))
        challenge = self.turns.challenge
        if challenge is not None and challenge.stands(self.endpointer.voiced_ms):
            self._commit(challenge)

    def take(self, events: Sequence[ep.Event]) -> None:
        """Acts on the endpointer's events, in order."""
        for event in events:
            _ACTS[type(event)](self, event)

    def clear(self, by: Literal["key", "text"]) -> None:
        """Whatever goes on ends now: speech being heard, an answer in work, a reply."""
        self.turns.let_go_on()
        self.endpointer.reset()
        if self.turns.busy is not None:
            self.turns.busy.interrupt(by)

    def press(self) -> None:
        """Push to talk: a reply that sounds stops, and the person begins."""
        if self.turns.busy is not None and self.turns.busy.state is TurnState.SOUNDING:
            self.turns.busy.interrupt("key")
        self.take(self.endpointer.begin())

    def obey(self, wish: SpokenWish, by: Literal["speech", "key"] = "speech") -> None:
        """Does what the person wants of the voice alone.

        Another pace is heard from the next piece of speech on. Where no reply sounds, the last sentence is said again.
        """
        turn = self.turns.busy
        sounding = turn if turn is not None and turn.state is TurnState.SOUNDING else None
        self.turns.let_go_on()
        if wish in PACES and self._parts.pace is not None:
            self._parts.pace(PACES[wish])
        if sounding is not None and wish in (SpokenWish.PAUSE, SpokenWish.GO_ON):
            sounding.paused = wish is SpokenWish.PAUSE
            if sounding.lane is not None:
                sounding.lane.fade(0.0 if sounding.paused else 1.0)
        elif sounding is not None and wish not in PACES:
            sounding.interrupt(by)
        again = wish is SpokenWish.REPEAT or (sounding is None and wish in PACES)
        if again and self.turns.busy is None and (sentence := last_sentence(self._history.last_reply)):
            self.turns.new().ask(Wanted(says=sentence, again=True))

    # -- the endpointer's events ---------------------------------------------------------------------

    def _started(self, event: ep.Started) -> None:
        self.turns.warm()
        turn = self.turns.begun()
        self._waiting.goes_on(turn, event.frames)
        turn.hear(event.frames)

    def _continued(self, event: ep.Continued) -> None:
        if (turn := self.turns.speaking) is None:
            return
        turn.hear((event.frame,))
        if turn.answerer.backlog_s > SLOW_S and not self._slow:
            self._slow = True
            turn.record.emit(Notice(TOO_SLOW))
        silence_ms = self.endpointer.silence_ms
        if silence_ms < event.frame.seconds * 1000:
            turn.sound_again()
        # A text that does not dangle is answered as soon as the person seems to stop, before the soft end.
        elif not turn.candidate:
            turn.draft(
                early=lambda text: self._rules.may_be_over(text, silence_ms - DIP_MS * (turn.dips - turn.shown)),
            )

    def _paused(self, event: ep.Paused) -> None:
        if (turn := self.turns.speaking) is None:
            return
        turn.pause(event.last_voiced)
        self._waiting.begin()
        if (challenge := self.turns.challenge) is not None:
            self.turns.beside(self._judge(challenge, event.segment))
        else:
            turn.draft()
            self.turns.beside(self._waiting.by_words(turn, event.segment))

    def _resumed(self, event: ep.Resumed) -> None:
        if turn := self.turns.speaking:
            self._waiting.goes_on(turn, event.frames)
            turn.hear(event.frames)

    def _ended(self, event: ep.Ended) -> None:
        if (challenge := self.turns.challenge) is not None:
            challenge.candidate.pause(event.last_voiced)
            challenge.ended = event
            if event.reason != "silence":  # else its words are being judged already
                self.turns.beside(self._judge(challenge, event.segment))
        elif turn := self.turns.speaking:
            turn.end(event.last_voiced)
            self._waiting.learn(event.voiced_ms)

    def _dropped(self, _event: ep.Dropped) -> None:
        if self.turns.challenge is not None:
            self.turns.let_go_on()
        elif (turn := self.turns.busy) is not None and not turn.state.ended:
            # A faint sound had reopened a question whose answer nobody had heard yet: that is answered after all.
            if turn.watch.ended is not None:
                turn.end(turn.watch.last_voiced)
            else:
                turn.drop()

    # -- speech over a reply -------------------------------------------------------------------------

    def _commit(self, challenge: Challenge) -> Turn:
        """The interruption stands. Where it takes a turn back, the wait was too short."""
        watch, turn = challenge.held.watch, self.turns.commit(challenge)
        if turn.prefix and watch.ended is not None and watch.last_voiced is not None:
            self._waiting.paused((watch.ended - watch.last_voiced) * 1000)
        return turn

    async def _judge(self, challenge: Challenge, segment: int) -> None:
        """Short speech over a reply has paused: its words decide."""
        words = await challenge.words()
        if challenge is not self.turns.challenge or segment != self.endpointer.segment:
            return  # decided already, or the person goes on
        if (wish := challenge.wish(words)) is not None:
            self.obey(wish)
            return
        if not challenge.interrupts(words):
            challenge.held.alarms += 1
            self.turns.let_go_on()
            return
        turn = self._commit(challenge)
        if challenge.ended is not None:
            turn.end(challenge.ended.last_voiced)
        else:
            turn.draft()
            self._waiting.told(segment, words)


_ACTS: dict[type[Any], Callable[[Floor, Any], None]] = {
    ep.Started: Floor._started,
    ep.Continued: Floor._continued,
    ep.Paused: Floor._paused,
    ep.Resumed: Floor._resumed,
    ep.Ended: Floor._ended,
    ep.Dropped: Floor._dropped,
}
