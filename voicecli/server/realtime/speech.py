"""What the person says, as a client of the realtime API is told it: when speech starts and stops, and its words. Pure.

Belongs here: the item of speech in work, those whose words have not come, the clock of the sound. Does not belong here:
the answer, and which event of the conversation means what (telling).
"""

from __future__ import annotations

from voicecli.dialogue import events as ev
from voicecli.server.realtime.book import Book
from voicecli.server.realtime.settings import Json

FRAME_MS = 20
FAILED = "The services behind this server failed."


class Speech:
    """`item` is the number of what is being said; every method returns what the client is told."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._ms = self._from_ms = 0
        self.item: str | None = None
        self._partial = ""

    def passes(self, _event: ev.Level) -> list[Json]:
        """One more frame of 20 ms has been heard."""
        self._ms += FRAME_MS
        return []

    def hears(self) -> None:
        """A turn begins at this frame, whether the client is told or not."""
        self._from_ms = self._ms

    def starts(self) -> list[Json]:
        self.item, self._partial = self._book.number("item"), ""
        return [self._book.event("input_audio_buffer.speech_started", audio_start_ms=self._ms, item_id=self.item)]

    def times_out(self, since_ms: int) -> list[Json]:
        """Nobody has spoken for so long: an empty turn of the person's."""
        number = self._book.number("item")
        place = {"audio_start_ms": max(0, self._ms - since_ms), "audio_end_ms": self._ms, "item_id": number}
        told = [self._book.event("input_audio_buffer.timeout_triggered", **place), *self._book.spoken(number)]
        self._book.awaiting.remove(number)
        self._book.items[number]["content"] = [{"type": "input_audio", "transcript": ""}]
        return told

    def stops(self) -> list[Json]:
        if self.item is None:
            return []
        return [self._book.event("input_audio_buffer.speech_stopped", audio_end_ms=self._ms, item_id=self.item)]

    def ends(self) -> list[Json]:
        """The item in work is complete; its words follow."""
        told, number, self.item = self.stops(), self.item, None
        return [*told, *self._book.spoken(number)] if number is not None else told

    def passes_over(self) -> list[Json]:
        """It held no words, and nothing that waits does."""
        told, self.item = self.stops(), None
        return [*told, *(each for number in self.taken() for each in self.completed(number, ""))]

    def taken(self) -> list[str]:
        """The items that waited for words, which wait no longer."""
        taken = list(self._book.awaiting)
        self._book.awaiting.clear()
        return taken

    def partly(self, event: ev.UserPartial) -> list[Json]:
        """Pieces are only ever added: a text that changed is told when it is final."""
        number = self.item or (self._book.awaiting[0] if self._book.awaiting else None)
        if number is None or not event.text.startswith(self._partial) or event.text == self._partial:
            return []
        return self._delta(number, event.text)

    def _delta(self, number: str, text: str) -> list[Json]:
        piece, self._partial = text.removeprefix(self._partial), text
        kind = "conversation.item.input_audio_transcription.delta"
        return [self._book.event(kind, item_id=number, content_index=0, delta=piece)] if piece else []

    def completed(self, number: str, text: str) -> list[Json]:
        """Tells the final words of an item."""
        if number in self._book.items:
            self._book.items[number]["content"] = [{"type": "input_audio", "transcript": text}]
        told = self._delta(number, text) if text.startswith(self._partial) else []
        self._partial = ""
        kind = "conversation.item.input_audio_transcription.completed"
        usage = {"type": "duration", "seconds": round((self._ms - self._from_ms) / 1000, 2)}
        return [*told, self._book.event(kind, item_id=number, content_index=0, transcript=text, usage=usage)]

    def silent(self, number: str) -> list[Json]:
        """A turn is over: what was not understood by now held no words."""
        if number not in self._book.awaiting:
            return []
        self._book.awaiting.remove(number)
        return self.completed(number, "")

    def failed(self, number: str) -> Json:
        """The words of an item will not come."""
        error = {"type": "server_error", "code": None, "message": FAILED, "param": None}
        kind = "conversation.item.input_audio_transcription.failed"
        return self._book.event(kind, item_id=number, content_index=0, error=error)
