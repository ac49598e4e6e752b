"""A speech-to-speech session without a socket: what each event of the service means.

Belongs here: events' fields, which answer and which item an event belongs to, which complaints matter. Does not belong
here: sockets, asyncio, clocks, what is sent (wishes), facts about services (dialects). Errors raised
here have no `who`; the caller knows the host.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from voicecli.backends.openai.realtime_session import decoded
from voicecli.backends.openai.talking.dialects import NAMES, Dialect, Json
from voicecli.backends.openai.talking.wishes import OpenedAnswer, TalkWishes
from voicecli.backends.transport.wording import Complaint, complaint_in
from voicecli.errors import DroppedError, ProtocolError, VoiceError
from voicecli.types import ToolCall, Usage
from voicecli.types.jsonvalue import objects_in

LONGEST_TEXT, MOST = 200_000, 500
"""Characters of one answer, or of one turn; items whose words are kept, calls of one answer."""
LONGEST_SOUND_S = 600
"""Of one answer: it is kept until it sounds, and services send it as fast as they can."""

_HARMLESS = ("cancel", "truncate", "delete", "clear", "append")
"""Messages whose failure does no harm: what they were about is over, or gone."""
_HARMLESS_CODES = ("cancel_not_active", "no_active_response", "item_truncate", "item_delete", "item_not_found")
_OVER_CODES = ("session_expired", "session_timeout", "idle_timeout")


@dataclass(frozen=True, slots=True)
class AnswerBegun:
    """An answer begins."""


@dataclass(frozen=True, slots=True)
class AnswerWords:
    """The next words of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Sounds:
    """The next sound of the answer, s16le mono at the dialect's rate, of one item."""

    item: str
    pcm: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Over:
    """The answer is over. `calls` are whole."""

    status: str
    calls: tuple[ToolCall, ...] = ()
    usage: Usage | None = None
    complaint: Complaint | None = None


@dataclass(frozen=True, slots=True)
class Void:
    """A withdrawn answer is over: what it left in the conversation."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Understood:
    """What the person said in `item`, as far as it is known."""

    item: str
    text: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class Committed:
    """The person's sound became `item`."""

    item: str


@dataclass(frozen=True, slots=True)
class SessionReady:
    """The session is set up."""


@dataclass(frozen=True, slots=True)
class Complained:
    """Something that was wished for failed."""

    error: VoiceError


News = AnswerBegun | AnswerWords | Sounds | Over | Void | Understood | Committed | SessionReady | Complained


class TalkProtocol(TalkWishes):
    """See the module. `error` makes ours of a complaint. What is sent: `TalkWishes`."""

    def __init__(self, dialect: Dialect, error: Callable[[Complaint], VoiceError]) -> None:
        super().__init__(dialect)
        self.error = error
        self.understood: dict[str, Understood] = {}
        """The person's words, by the item."""
        self._last = ""

    # -- what came ---------------------------------------------------------------------------------

    def receive(self, message: str | bytes) -> list[News]:
        """What a message means; nothing for what does not matter. Raises ProtocolError, and DroppedError at its end."""
        event = decoded(message)
        kind = _string(event.get("type"))
        handle = HANDLERS.get(NAMES.get(kind, kind))
        return handle(self, event) if handle is not None else []

    def _on_committed(self, event: Json) -> list[News]:
        self.waiting = 0
        return [Committed(self._heard_item(event))]

    def _heard_item(self, event: Json) -> str:
        """The item of an event of the person's speech; some services leave it out."""
        self._last = _string(event.get("item_id")) or self._last or "item"
        return self._last

    def _on_partly(self, event: Json) -> list[News]:
        item = self._heard_item(event)
        before = self.understood.get(item, Understood(item, ""))
        return self._understand(before.text + _string(event.get("delta")), item, final=False)

    def _on_cumulative(self, event: Json) -> list[News]:
        return self._understand(_string(event.get("transcript")), self._heard_item(event), final=False)

    def _on_understood(self, event: Json) -> list[News]:
        return self._understand(_string(event.get("transcript")), self._heard_item(event), final=True)

    def _understand(self, text: str, item: str, *, final: bool) -> list[News]:
        found = self.understood[item] = Understood(item, text[:LONGEST_TEXT], final)
        while len(self.understood) > MOST:
            del self.understood[next(iter(self.understood))]
        return [found]

    # -- an answer -----------------------------------------------------------------------------------

    def _on_begun(self, event: Json) -> list[News]:
        if self.answer is None or self.answer.begun:
            self.answer = OpenedAnswer()
        self.answer.number, self.answer.begun = _number_of(event), True
        return [AnswerBegun()]

    def _current(self, event: Json) -> OpenedAnswer | None:
        """The answer that an event belongs to, where somebody wants it."""
        answer = self._answer_of(_string(event.get("response_id")))
        return answer if answer is not None and not answer.unwanted else None

    def _answer_of(self, number: str) -> OpenedAnswer | None:
        """The answer in work, unless the number is that of another."""
        answer = self.answer
        if answer is None or not answer.begun or (number and answer.number and number != answer.number):
            return None
        return answer

    def _on_sound(self, event: Json) -> list[News]:
        if (answer := self._current(event)) is None:
            return []
        item = self._item(answer, event, "message")
        try:
            pcm = binascii.a2b_base64(_string(event.get("delta")))
        except ValueError as exc:
            raise ProtocolError("sent sound that is no base64") from exc
        answer.sound += len(pcm)
        if answer.sound > LONGEST_SOUND_S * 2 * self.dialect.rate_out:
            raise ProtocolError(f"sent more than {LONGEST_SOUND_S // 60} minutes of sound in one answer")
        return [Sounds(item, pcm)] if pcm else []

    def _item(self, answer: OpenedAnswer, event: Json, kind: str) -> str:
        item = _string(event.get("item_id"))
        if len(answer.items) < MOST:
            answer.items.setdefault(item, kind)
        return item

    def _on_words(self, event: Json) -> list[News]:
        if (answer := self._current(event)) is None:
            return []
        self._item(answer, event, "message")
        return self._say(answer, _string(event.get("delta")))

    def _on_all_words(self, event: Json) -> list[News]:
        """All words of the answer: they count where none has come piece by piece."""
        if (answer := self._current(event)) is None or answer.text:
            return []
        return self._say(answer, _string(event.get("transcript")) or _string(event.get("text")))

    def _say(self, answer: OpenedAnswer, text: str) -> list[News]:
        text = text.replace("\0", "")[: max(0, LONGEST_TEXT - len(answer.text))]
        answer.text += text
        return [AnswerWords(text)] if text else []

    def _on_item(self, event: Json) -> list[News]:
        item, answer = event.get("item"), self._answer_of(_string(event.get("response_id")))
        if answer is not None and isinstance(item, dict):
            self._take_item(answer, item)
        return []

    def _take_item(self, answer: OpenedAnswer, item: Mapping[str, object]) -> None:
        if len(answer.items) < MOST:
            answer.items[_string(item.get("id"))] = _string(item.get("type"))
        if item.get("type") != "function_call" or len(answer.calls) >= MOST:
            return
        number = _string(item.get("call_id")) or _string(item.get("id"))
        known = answer.calls.get(number, ToolCall(number, "", ""))
        name, arguments = _string(item.get("name")), _string(item.get("arguments"))
        answer.calls[number] = ToolCall(number, name or known.name, arguments or known.arguments)

    def _on_arguments(self, event: Json) -> list[News]:
        if (answer := self._current(event)) is not None:
            self._take_item(answer, event | {"type": "function_call", "id": _string(event.get("item_id"))})
        return []

    def _on_over(self, event: Json) -> list[News]:
        response = event.get("response")
        response = response if isinstance(response, dict) else {}
        if (answer := self._answer_of(_number_of(event))) is None:
            return []
        self.answer = None
        for item in objects_in(response.get("output")):
            self._take_item(answer, item)
        if answer.unwanted:
            return [Void(tuple(answer.items) if answer.void else ())]
        details = response.get("status_details")
        complaint = complaint_in(details) if isinstance(details, dict) else None
        calls = tuple(each for each in answer.calls.values() if each.name)
        status = _string(response.get("status")) or "completed"
        return [Over(status, calls, _usage(response.get("usage")), complaint)]

    # -- what failed ---------------------------------------------------------------------------------

    def _on_error(self, event: Json) -> list[News]:
        inner = event.get("error")
        named = _string(inner.get("event_id")) if isinstance(inner, dict) else ""
        complaint = complaint_in(event)
        if any(each in complaint.code for each in _OVER_CODES):
            raise DroppedError("the session has ended", cure="Try again")
        if named.startswith(_HARMLESS) or any(each in complaint.code for each in _HARMLESS_CODES):
            return []
        if self.answer is not None and not self.answer.begun:
            self.answer = None  # nothing will come of it
        return [Complained(self.error(complaint))]


_TRANSCRIPTION = "conversation.item.input_audio_transcription."
HANDLERS: dict[str, Callable[[TalkProtocol, Json], list[News]]] = {
    "session.updated": lambda _protocol, _event: [SessionReady()],
    "input_audio_buffer.committed": TalkProtocol._on_committed,
    _TRANSCRIPTION + "delta": TalkProtocol._on_partly,
    _TRANSCRIPTION + "updated": TalkProtocol._on_cumulative,
    _TRANSCRIPTION + "completed": TalkProtocol._on_understood,
    _TRANSCRIPTION + "failed": lambda protocol, event: protocol._on_understood(event | {"transcript": ""}),
    "response.created": TalkProtocol._on_begun,
    "response.output_audio.delta": TalkProtocol._on_sound,
    "response.output_audio_transcript.delta": TalkProtocol._on_words,
    "response.output_audio_transcript.done": TalkProtocol._on_all_words,
    "response.output_text.delta": TalkProtocol._on_words,
    "response.output_text.done": TalkProtocol._on_all_words,
    "response.output_item.added": TalkProtocol._on_item,
    "response.output_item.done": TalkProtocol._on_item,
    "response.function_call_arguments.done": TalkProtocol._on_arguments,
    "response.done": TalkProtocol._on_over,
    "error": TalkProtocol._on_error,
}


def _number_of(event: Json) -> str:
    response = event.get("response")
    return _string(response.get("id")) if isinstance(response, Mapping) else ""


def _string(value: object) -> str:
    """A text that can be sent and kept: halves of characters, which JSON allows, cannot."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""


def _usage(value: object) -> Usage | None:
    """What an answer cost, in either of the names that services have for it."""
    if not isinstance(value, Mapping):
        return None
    counts = [next((value[name] for name in names if type(value.get(name)) is int), 0) for names in _COUNTS]
    return Usage(*(max(0, min(each, 10**9)) for each in counts))


_COUNTS = (("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens"))
