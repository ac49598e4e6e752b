"""What a client of the realtime API asks: from its events to what it is told at once, and what is to be done. Pure.

Belongs here: one row per client event, and what is wrong with one. Does not belong here: doing it (session), what a
conversation tells (telling). Whatever comes, the answer is an error event or nothing: no frame ends a session.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from voicecli.server.pictures import read_picture
from voicecli.server.realtime.book import Book, Response
from voicecli.server.realtime.settings import Json, WrongError, is_beta, merged, read
from voicecli.types import Picture

MOST = 1024 * 1024
"""Characters of an event that holds neither sound nor pictures."""
MOST_PICTURES = 8 * 1024 * 1024
"""Bytes of all pictures that no answer has seen yet, and characters of an event that holds some."""
LONG = {"input_audio_buffer.append": 16 * MOST, "conversation.item.create": MOST_PICTURES + MOST}
LONGEST_BYTES = 2 * 24_000 * 600
"""Ten minutes: so much may wait to be committed."""
SHORTEST_MS = 100
MOST_APART = 8
"""Responses outside of the conversation at once."""


@dataclass(frozen=True, slots=True)
class Append:
    """More sound, in the client's coding."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Commit:
    """The person's turn is over; `item` is what it became, None where we find that out."""

    item: str | None = None


@dataclass(frozen=True, slots=True)
class Clear:
    """What was heard and not committed is void."""


@dataclass(frozen=True, slots=True)
class TypedItem:
    """Words for the history, and pictures that go with the next answer.

    `item` is the number it is kept under, `event` that of the client's event.
    """

    role: Literal["system", "user", "assistant"]
    text: str
    pictures: tuple[Picture, ...] = ()
    item: str = ""
    event: object = None


@dataclass(frozen=True, slots=True)
class Ask:
    """An answer is wanted, the response of that number; `instructions` are for it alone."""

    response: str
    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class AskApart:
    """An answer outside of the conversation is wanted, to `messages` (None: to the conversation so far)."""

    answer: Response
    messages: tuple[TypedItem, ...] | None = None
    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class CancelApart:
    """An answer outside of the conversation is to stop."""

    response: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """The answer in work is to stop."""


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """The result of a tool that the client has used."""

    call_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Changed:
    """The client has changed the session's settings."""


Act = Append | Commit | Clear | TypedItem | Ask | AskApart | Cancel | CancelApart | ToolOutput | Changed
Step = Json | Act


class Client:
    """`receive` for each message of the client, in order."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._waiting = 0
        """Bytes of sound that wait to be committed."""

    def opened(self) -> list[Step]:
        """The first events of a session."""
        conversation = {"id": f"conv_{self._book.number('event')}", "object": "realtime.conversation"}
        told: list[Step] = [self._book.event("session.created", session=self._book.shown())]
        if self._book.beta:
            told.append(self._book.event("conversation.created", conversation=conversation))
        return told

    def receive(self, text: str) -> list[Step]:
        """What the client is told after its message, and what is to be done."""
        try:
            event = json.loads(text)
        except (ValueError, RecursionError):
            return [self._book.error("This is not JSON.", code="invalid_json")]
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            return [self._book.error("An event is an object with a type.", code="invalid_event", param="type")]
        kind, number = event["type"], event.get("event_id")
        act = _ACTS.get(kind)
        if act is None:
            return [
                self._book.error(f"No event is called {kind[:80]!r}.", code="unknown_event", param="type", to=number)
            ]
        if len(text) > LONG.get(kind, MOST):
            return [self._book.error("The event is too large.", code="event_too_large", to=number)]
        try:
            return act(self, event)
        except WrongError as exc:
            return [self._book.error(str(exc), code=exc.code, param=exc.param, to=number)]

    # -- the session ---------------------------------------------------------------------------------

    def _update(self, event: Json) -> list[Step]:
        wishes = event.get("session")
        if not isinstance(wishes, dict):
            raise WrongError("This must be an object.", "session")
        if event["type"] == "transcription_session.update":
            wishes = wishes | {"type": "transcription"}
        session = merged(self._book.session, wishes)
        settings = read(session)
        self._book.beta = self._book.beta or is_beta(wishes)
        self._book.session, self._book.settings = session, settings
        return [self._book.event("session.updated", session=self._book.shown()), Changed()]

    # -- sound ---------------------------------------------------------------------------------------

    def _append(self, event: Json) -> list[Step]:
        try:
            data = binascii.a2b_base64(_string(event, "audio"), strict_mode=True)
        except ValueError:
            raise WrongError("This is no base64.", "audio") from None
        if self._waiting + len(data) > LONGEST_BYTES:
            raise WrongError("So much sound is not kept: commit it, or clear it.", "audio", "input_audio_buffer_full")
        if self._book.settings.detection is None:
            self._waiting += len(data)
        return [Append(data)] if data else []

    def _commit(self, _event: Json) -> list[Step]:
        if self._book.settings.detection is not None:
            return [Commit()]
        per_ms = 48 if self._book.settings.heard_as == "pcm" else 8
        if self._waiting < SHORTEST_MS * per_ms:
            raise WrongError("There is too little sound: at least 100 ms.", code="input_audio_buffer_commit_empty")
        self._waiting = 0
        number = self._book.number("item")
        return [*self._book.spoken(number), Commit(number)]

    def _clear(self, _event: Json) -> list[Step]:
        self._waiting = 0
        return [self._book.event("input_audio_buffer.cleared"), Clear()]

    # -- items ---------------------------------------------------------------------------------------

    def _create(self, event: Json) -> list[Step]:
        item = event.get("item")
        if not isinstance(item, dict):
            raise WrongError("This must be an object.", "item")
        act = _act_of(item)
        number = item.get("id") or self._book.number("item")
        if not isinstance(number, str) or len(number) > 64 or number in self._book.items:
            raise WrongError("An item's id is a text of its own of at most 64 characters.", "item.id")
        if isinstance(act, TypedItem):
            self._book.pictures += self._fitting(act.pictures)
            act = replace(act, item=number, event=event.get("event_id"))
        known = _without_pictures(item) | {"id": number, "object": "realtime.item", "status": "completed"}
        return [*self._book.add(known), *([act] if act is not None else [])]

    def _fitting(self, pictures: tuple[Picture, ...]) -> int:
        size = sum(len(each.data) for each in pictures)
        if size and self._book.pictures + size > MOST_PICTURES:
            raise WrongError(f"Pictures may have {MOST_PICTURES >> 20} MB until they are answered.", "item.content")
        return size

    def _retrieve(self, event: Json) -> list[Step]:
        return [self._book.event("conversation.item.retrieved", item=self._book.items[_known(self._book, event)])]

    def _delete(self, event: Json) -> list[Step]:
        return [*self._book.forget(_known(self._book, event))]

    def _truncate(self, event: Json) -> list[Step]:
        """The floor cut the reply where it stopped; the client's own count is confirmed."""
        number, until = _known(self._book, event), event.get("audio_end_ms")
        if not isinstance(until, int) or until < 0:
            raise WrongError("This must be a number of milliseconds.", "audio_end_ms")
        told = {"item_id": number, "content_index": 0, "audio_end_ms": until}
        return [self._book.event("conversation.item.truncated", **told)]

    # -- answers -------------------------------------------------------------------------------------

    def _ask(self, event: Json) -> list[Step]:
        wishes = event.get("response") or {}
        if not isinstance(wishes, dict):
            raise WrongError("This must be an object.", "response")
        modalities = wishes.get("output_modalities", wishes.get("modalities"))
        text_only = self._book.settings.text_only if modalities is None else modalities == ["text"]
        instructions = wishes.get("instructions")
        instructions = _clean(instructions) if isinstance(instructions, str) else None
        if wishes.get("conversation") == "none":
            return self._ask_apart(wishes, instructions)
        if self._book.answer is not None:
            words = "A response is in work: cancel it, or wait for response.done."
            raise WrongError(words, code="conversation_already_has_active_response")
        answer = Response(self._book, self._book.number("resp"), wishes.get("metadata"), text_only=text_only)
        self._book.answer = answer
        return [answer.created(), Ask(answer.id, instructions)]

    def _ask_apart(self, wishes: Json, instructions: str | None) -> list[Step]:
        """In words alone: what stands outside of the conversation is read by a program."""
        if len(self._book.apart) >= MOST_APART:
            raise WrongError(
                "Too many responses are in work: wait for one.", "response.conversation", "rate_limit_exceeded"
            )
        items, messages = wishes.get("input"), None
        if items is not None:
            if not isinstance(items, list):
                raise WrongError("This must be an array.", "response.input")
            acts = [_act_of(_referred(self._book, each)) for each in items]
            messages = tuple(each for each in acts if isinstance(each, TypedItem))
        answer = Response(self._book, self._book.number("resp"), wishes.get("metadata"), text_only=True, apart=True)
        self._book.apart[answer.id] = answer
        return [answer.created(), AskApart(answer, messages, instructions)]

    def _cancel(self, event: Json) -> list[Step]:
        number = event.get("response_id")
        if isinstance(number, str) and (apart := self._book.apart.pop(number, None)) is not None:
            return [*apart.ends("cancelled", "client_cancelled"), CancelApart(number)]
        answer, self._book.answer = self._book.answer, None
        if answer is None:
            raise WrongError("No response is in work.", code="response_cancel_not_active")
        return [*answer.ends("cancelled", "client_cancelled"), Cancel()]


def _act_of(item: Json) -> Act | None:
    """What an item of the client's asks for, besides being kept."""
    kind = item.get("type", "message")
    if kind == "function_call_output":
        return ToolOutput(_string(item, "call_id", "item."), _clean(_string(item, "output", "item.")))
    if kind == "function_call":
        return None
    role, content = item.get("role"), item.get("content")
    if kind != "message" or role not in ("user", "assistant", "system") or not isinstance(content, list):
        raise WrongError("An item is a message with role and content, or a function_call_output.", "item")
    parts = [each for each in content if isinstance(each, dict)]
    if any(_kind(each) == "input_audio" and not each.get("transcript") for each in parts):
        raise WrongError("Items of text and pictures are taken; append sound to the buffer.", "item.content")
    texts = [each.get("text") or each.get("transcript") for each in parts]
    pictures = tuple(_picture(each, role) for each in parts if _kind(each) == "input_image")
    return TypedItem(role, _clean("\n".join(each for each in texts if isinstance(each, str))), pictures)


def _kind(part: object) -> object:
    return part.get("type") if isinstance(part, dict) else None


def _picture(part: Json, role: str) -> Picture:
    if role != "user":
        raise WrongError("Pictures are the user's.", "item.content")
    try:
        return read_picture(_string(part, "image_url", "item.content."), MOST_PICTURES)
    except ValueError as exc:
        raise WrongError(str(exc), "item.content.image_url") from None


def _without_pictures(item: Json) -> Json:
    """The item as it is kept and told again: a picture stands in it, without its bytes."""
    if not isinstance(content := item.get("content"), list):
        return item
    kept = [
        {name: each[name] for name in each if name != "image_url"} if isinstance(each, dict) else each
        for each in content
    ]
    return item | {"content": kept}


def _known(book: Book, event: Json, name: str = "item_id") -> str:
    """The number of an item that is there, the answer in work among them."""
    number = _string(event, name)
    opened = book.answer.item if book.answer is not None else None
    if opened is not None and opened["id"] == number:
        book.items[number] = opened
    if number not in book.items:
        raise WrongError("There is no such item.", name, "item_not_found")
    return number


def _referred(book: Book, item: object) -> Json:
    """The item itself, or the one of the conversation that it refers to."""
    if not isinstance(item, dict):
        raise WrongError("An item is an object.", "response.input")
    if item.get("type") != "item_reference":
        return item
    known = book.items[_known(book, item, "id")]
    content = known.get("content")
    if not isinstance(content, list):
        return known
    return known | {"content": [each for each in content if _kind(each) != "input_image"]}


def _string(event: Json, name: str, place: str = "") -> str:
    found = event.get(name)
    if not isinstance(found, str):
        raise WrongError("This must be a text.", place + name)
    return found


def _clean(text: str) -> str:
    """Halves of characters, which JSON allows, can be sent to nobody."""
    return text.encode("utf-8", "replace").decode("utf-8")


_ACTS: dict[str, Callable[[Client, Any], list[Step]]] = {
    "session.update": Client._update,
    "transcription_session.update": Client._update,
    "input_audio_buffer.append": Client._append,
    "input_audio_buffer.commit": Client._commit,
    "input_audio_buffer.clear": Client._clear,
    "conversation.item.create": Client._create,
    "conversation.item.retrieve": Client._retrieve,
    "conversation.item.delete": Client._delete,
    "conversation.item.truncate": Client._truncate,
    "response.create": Client._ask,
    "response.cancel": Client._cancel,
}
