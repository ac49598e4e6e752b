"""What a conversation tells, as a client of the realtime API is told it. Pure.

Belongs here: from `dialogue.events` to server events. Does not belong here: what the client asks (client).

Speech over a reply is told of when the reply stops for it, not before: clients fall silent at `speech_started`, and it
may be a cough. Who goes on before the reply sounds withdraws the answer; the words come again, joined.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from voicecli.dialogue import events as ev
from voicecli.server.realtime.book import Book, Response
from voicecli.server.realtime.settings import Json

FRAME_MS = 20
OVER_A_REPLY = ("speaking", "working")
FAILED = "The services behind this server failed."


class Telling:
    """`happened` for each event of the conversation, in order; `sound` for what is to be heard."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._phase: ev.Phase = "listening"
        self._ms = self._from_ms = 0
        self._speech: str | None = None
        self._partial = ""
        self._mute = False
        """Whether the turn in work is only written down."""

    def happened(self, event: ev.Event) -> list[Json]:
        act = _ACTS.get(type(event))
        return act(self, event) if act is not None else []

    def sound(self, data: bytes) -> list[Json]:
        """Sound in the client's coding. Of an answer that was cancelled nothing more is told."""
        return self._book.answer.sounds(data) if self._book.answer is not None else []

    def called(self, call_id: str, name: str, arguments: str) -> list[Json]:
        """The answer needs a tool of the client's."""
        return self._answer().calls(call_id, name, arguments)

    def silent(self, number: str) -> list[Json]:
        """A turn is over: what was not understood by now held no words."""
        if number not in self._book.awaiting:
            return []
        self._book.awaiting.remove(number)
        return self._completed(number, "")

    def over(self, status: str = "completed", reason: str | None = None) -> list[Json]:
        """The answer, if there is one, is over."""
        answer, self._book.answer = self._book.answer, None
        return answer.ends(status, reason) if answer is not None else []

    # -- the person ----------------------------------------------------------------------------------

    def _on_level(self, _event: ev.Level) -> list[Json]:
        self._ms += FRAME_MS
        return []

    def _on_phase(self, event: ev.PhaseChanged) -> list[Json]:
        before, self._phase = self._phase, event.phase
        self._from_ms = self._ms if event.phase == "hearing" else self._from_ms
        if self._book.settings.detection is None:
            return []
        if event.phase == "hearing":
            return [] if before in OVER_A_REPLY or self._speech else self._started()
        if event.phase == "listening":
            told = self._stopped()
            self._speech = None
            return [*told, *(each for number in self._taken() for each in self._completed(number, ""))]
        return [*self._stopped(), *self._spoken()] if event.phase == "thinking" else []

    def _started(self) -> list[Json]:
        """Somebody speaks, or goes on: what was made of it so far is void."""
        void = self._book.answer.question if self._book.answer is not None else None
        told = self.over("cancelled", "turn_detected")
        for number in [*self._taken(), *([void] if void else [])]:
            told += self._book.forget(number)
        self._speech, self._partial = self._book.number("item"), ""
        begun = self._book.event("input_audio_buffer.speech_started", audio_start_ms=self._ms, item_id=self._speech)
        return [begun, *told]

    def _stopped(self) -> list[Json]:
        if self._speech is None:
            return []
        return [self._book.event("input_audio_buffer.speech_stopped", audio_end_ms=self._ms, item_id=self._speech)]

    def _spoken(self) -> list[Json]:
        number, self._speech = self._speech, None
        return self._book.spoken(number) if number is not None else []

    def _taken(self) -> list[str]:
        taken = list(self._book.awaiting)
        self._book.awaiting.clear()
        return taken

    def _on_partial(self, event: ev.UserPartial) -> list[Json]:
        """Pieces are only ever added: a text that changed is told when it is final."""
        number = self._speech or (self._book.awaiting[0] if self._book.awaiting else None)
        if number is None or not event.text.startswith(self._partial) or event.text == self._partial:
            return []
        return self._delta(number, event.text)

    def _delta(self, number: str, text: str) -> list[Json]:
        piece, self._partial = text.removeprefix(self._partial), text
        kind = "conversation.item.input_audio_transcription.delta"
        return [self._book.event(kind, item_id=number, content_index=0, delta=piece)] if piece else []

    def _on_said(self, event: ev.UserSaid) -> list[Json]:
        self._mute = False
        if event.typed:
            return []
        told = [*self._stopped(), *self._spoken()]
        if not self._book.awaiting:
            return told
        number = self._book.awaiting.popleft()
        told += self._completed(number, event.text)
        self._mute = not self._book.settings.answers
        if not self._mute and self._book.answer is None:
            told.append(self._answer(number).created())
        return told

    def _completed(self, number: str, text: str) -> list[Json]:
        if number in self._book.items:
            self._book.items[number]["content"] = [{"type": "input_audio", "transcript": text}]
        told = self._delta(number, text) if text.startswith(self._partial) else []
        self._partial = ""
        kind = "conversation.item.input_audio_transcription.completed"
        usage = {"type": "duration", "seconds": round((self._ms - self._from_ms) / 1000, 2)}
        return [*told, self._book.event(kind, item_id=number, content_index=0, transcript=text, usage=usage)]

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
        told = [] if self._speech else self._started()
        return [*told, *(answer.ends("cancelled", "turn_detected") if answer is not None else [])]

    def _on_taken_back(self, _event: ev.TakenBack) -> list[Json]:
        return self._started()

    def _on_lost(self, _event: ev.TurnLost) -> list[Json]:
        told = [*self._stopped(), *self._spoken()]
        numbers = self._taken()
        for number in numbers:
            error = {"type": "server_error", "code": None, "message": FAILED, "param": None}
            kind = "conversation.item.input_audio_transcription.failed"
            told.append(self._book.event(kind, item_id=number, content_index=0, error=error))
        return told if numbers else [*told, *self.over("failed", FAILED)]


_ACTS: dict[type[Any], Callable[[Telling, Any], list[Json]]] = {
    ev.Level: Telling._on_level,
    ev.PhaseChanged: Telling._on_phase,
    ev.UserPartial: Telling._on_partial,
    ev.UserSaid: Telling._on_said,
    ev.AssistantDelta: Telling._on_delta,
    ev.AssistantSaid: Telling._on_answered,
    ev.Interrupted: Telling._on_interrupted,
    ev.TakenBack: Telling._on_taken_back,
    ev.TurnLost: Telling._on_lost,
}
