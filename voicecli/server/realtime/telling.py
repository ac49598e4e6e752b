"""What a conversation tells, as a client of the realtime API is told it. Pure.

Belongs here: from `dialogue.events` to server events. Does not belong here: what the client asks (client),
how speech is told (speech).

Speech over a reply is told of when the reply stops for it, not before: clients fall silent at `speech_started`, and it
may be a cough. Who goes on before the reply sounds withdraws the answer; the words come again, joined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from voicecli.dialogue import events as ev
from voicecli.server.realtime.book import Book, Response
from voicecli.server.realtime.settings import Json
from voicecli.server.realtime.speech import FAILED, FRAME_MS, Speech

OVER_A_REPLY = ("speaking", "working")


class Telling:
    """`happened` for each event of the conversation, in order; `sound` for what is to be heard."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._phase: ev.Phase = "listening"
        self.speech = Speech(book)
        self._mute = False
        """Whether the turn in work is only written down."""
        self._quiet_ms: int | None = None
        """How long nobody has spoken since an answer; None: there was none, or somebody did."""

    def happened(self, event: ev.Event) -> list[Json]:
        act = _ACTS.get(type(event))
        return act(self, event) if act is not None else []

    def sound(self, data: bytes) -> list[Json]:
        """Sound in the client's coding. Of an answer that was cancelled nothing more is told."""
        return self._book.answer.sounds(data) if self._book.answer is not None else []

    def called(self, call_id: str, name: str, arguments: str) -> list[Json]:
        """The answer needs a tool of the client's."""
        return self._answer().calls(call_id, name, arguments)

    def idles(self) -> list[Json]:
        """Begins the answer that is due because nobody has spoken for as long as the client's settings say."""
        quiet, wanted = self._quiet_ms, self._book.settings.idle_timeout_ms
        if quiet is None or wanted is None or quiet < wanted or self._book.answer is not None:
            return []
        self._quiet_ms = None
        return [*self.speech.times_out(quiet), self._answer().created()]

    def over(self, status: str = "completed", reason: str | None = None) -> list[Json]:
        """The answer, if there is one, is over."""
        answer, self._book.answer = self._book.answer, None
        self._quiet_ms = 0
        return answer.ends(status, reason) if answer is not None else []

    # -- the person ----------------------------------------------------------------------------------

    def _on_level(self, event: ev.Level) -> list[Json]:
        if self._quiet_ms is not None and self._phase == "listening":
            self._quiet_ms += FRAME_MS
        return self.speech.passes(event)

    def _on_phase(self, event: ev.PhaseChanged) -> list[Json]:
        if event.phase == "hearing":
            self._quiet_ms = None
        before, self._phase = self._phase, event.phase
        if event.phase == "hearing":
            self.speech.hears()
        if self._book.settings.detection is None:
            return []
        if event.phase == "hearing":
            return [] if before in OVER_A_REPLY or self.speech.item else self._started()
        if event.phase == "listening":
            return self.speech.passes_over()
        return self.speech.ends() if event.phase == "thinking" else []

    def _started(self) -> list[Json]:
        """Somebody speaks, or goes on: what was made of it so far is void."""
        void = self._book.answer.question if self._book.answer is not None else None
        told = self.over("cancelled", "turn_detected")
        for number in [*self.speech.taken(), *([void] if void else [])]:
            told += self._book.forget(number)
        return [*self.speech.starts(), *told]

    def _on_said(self, event: ev.UserSaid) -> list[Json]:
        self._mute = False
        if event.typed:
            return []
        told = self.speech.ends()
        if not self._book.awaiting:
            return told
        number = self._book.awaiting.popleft()
        told += self.speech.completed(number, event.text)
        self._mute = not self._book.settings.answers
        if not self._mute and self._book.answer is None:
            told.append(self._answer(number).created())
        return told

    # -- the answer ----------------------------------------------------------------------------------

    def _answer(self, question: str | None = None) -> Response:
        if self._book.answer is None:
            number, text_only = self._book.number("resp"), self._book.settings.text_only
            self._book.answer = Response(self._book, number, question=question, text_only=text_only)
        return self._book.answer

    def _on_delta(self, event: ev.AssistantDelta) -> list[Json]:
        if event.reasoning or not event.text:
            return []
        begun = [] if self._book.answer is not None else [self._answer().created()]
        return [*begun, *self._answer().says(event.text)]

    def _on_answered(self, event: ev.AssistantSaid) -> list[Json]:
        if self._mute or event.interrupted:
            self._mute = self._mute and event.interrupted
            return []
        return self.over()

    def _on_interrupted(self, event: ev.Interrupted) -> list[Json]:
        if event.by != "speech":
            return self.over("cancelled", "client_cancelled")
        answer, self._book.answer = self._book.answer, None
        told = [] if self.speech.item else self._started()
        return [*told, *(answer.ends("cancelled", "turn_detected") if answer is not None else [])]

    def _on_lost(self, _event: ev.TurnLost) -> list[Json]:
        told = self.speech.ends()
        numbers = self.speech.taken()
        told += [self.speech.failed(number) for number in numbers]
        return told if numbers else [*told, *self.over("failed", FAILED)]


_ACTS: dict[type[Any], Callable[[Telling, Any], list[Json]]] = {
    ev.Level: Telling._on_level,
    ev.PhaseChanged: Telling._on_phase,
    ev.UserPartial: lambda telling, event: telling.speech.partly(event),
    ev.UserSaid: Telling._on_said,
    ev.AssistantDelta: Telling._on_delta,
    ev.AssistantSaid: Telling._on_answered,
    ev.Interrupted: Telling._on_interrupted,
    ev.TakenBack: lambda telling, _event: telling._started(),
    ev.TurnLost: Telling._on_lost,
}
