"""What is told and remembered of one turn: its events, its messages in the history, its figures.

Belongs here: that history begins at the first sample that sounds and ends where the person stopped listening. Does not
belong here: when that is (dialogue.turn).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from voicecli.dialogue import events as ev
from voicecli.dialogue.attempt import Attempt
from voicecli.dialogue.history import History
from voicecli.errors import VoiceError


@dataclass(slots=True)
class Record:
    """`drafts` counts those of the turn, `wasted` the tokens of those that were withdrawn."""

    history: History
    emit: Callable[[ev.Event], None]
    withdrawn: Callable[[int], str]
    """Tells the responder what an answer had cost that nobody heard; it may have a word for the person."""
    drafts: int = 0
    wasted: int = 0
    draft_reached: str = "off"
    _asked: bool = False

    def question(self, attempt: Attempt) -> None:
        """What the person said is remembered, once."""
        if attempt.heard.text and not self._asked:
            self._asked = True
            self.history.user(attempt.heard.text)

    def answered(self, attempt: Attempt) -> None:
        """Records a reply that was heard whole."""
        self._reply(attempt, attempt.reply.strip(), interrupted=False)
        self.figures(attempt)

    def broken_off(self, attempt: Attempt) -> None:
        """As much of the reply is remembered as was heard."""
        self._reply(attempt, attempt.mouth.heard(), interrupted=True)

    def _reply(self, attempt: Attempt, text: str, *, interrupted: bool) -> None:
        self.question(attempt)
        self.emit(ev.AssistantSaid(text, interrupted))
        if not attempt.wanted.again:
            self.history.assistant(text, interrupted=interrupted)

    def lost(self, error: VoiceError, recording: str) -> None:
        """Tells that the turn failed, and where its recording is."""
        self.emit(ev.TurnLost(str(error), error.exit_code, recording))

    def taken_back(self, text: str) -> None:
        """Question and answer are as if they had not been."""
        if self._asked:
            self.history.take_back()
        self.emit(ev.TakenBack(text))

    def waste(self, tokens: int) -> None:
        """An answer that had cost so much was withdrawn."""
        self.wasted += tokens
        if word := self.withdrawn(tokens):
            self.emit(ev.Notice(word))

    def figures(self, attempt: Attempt) -> None:
        """How long each stage took, and what it cost."""
        metrics = attempt.watch.metrics(draft=self.draft_reached, drafts=self.drafts, wasted_tokens=self.wasted)
        self.emit(replace(metrics, tokens=attempt.usage.total, answered_tokens=attempt.usage.completion_tokens))
