"""What one session has told its client: numbers, items, the answer in work; and how events are put. Pure.

Belongs here: the state that both halves of the protocol share. Does not belong here: what a client asks (client), what
a conversation tells (telling).
"""

from __future__ import annotations

import base64
import json
from collections import deque
from dataclasses import dataclass, field

from voicecli.server.realtime.settings import Json, SessionSettings, as_beta, fresh, read

MOST_ITEMS, MOST_KEPT = 2000, 8_000_000
"""Items of a session that can be asked for again, and their characters; the oldest go first."""
BETA_TYPES = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "conversation.item.added": "conversation.item.created",
    "conversation.item.done": "",
}
"""Names of the beta; "": it had no such event."""
BETA_PARTS = {"output_audio": "audio", "output_text": "text"}


class Book:
    """`awaiting` are items of speech whose words have not come; `answer` is the response that is in work."""

    def __init__(self, name: str, model: str, *, transcribes: bool = False, beta: bool = False) -> None:
        self.beta = beta
        self.session = fresh(model, transcribes=transcribes)
        self.settings: SessionSettings = read(self.session)
        self.items: dict[str, Json] = {}
        self.awaiting: deque[str] = deque()
        self.answer: Response | None = None
        self.apart: dict[str, Response] = {}
        """Responses in work that are no part of the conversation, by their numbers."""
        self.pictures = 0
        """Bytes of those that no answer has seen yet."""
        self.last_item: str | None = None
        self._sizes: dict[str, int] = {}
        self._name, self._counts = name, dict.fromkeys(("event", "item", "resp"), 0)

    def number(self, kind: str) -> str:
        """A number that no other thing of this session has."""
        self._counts[kind] += 1
        return f"{kind}_{self._name}{self._counts[kind]:06d}"

    def event(self, type: str, **fields: object) -> Json:
        return {"type": type, "event_id": self.number("event"), **fields}

    def halts(self, halted: bool) -> list[Json]:
        """The answer stands still, or goes on: a client that wants to know keeps what it has not played yet."""
        kind = f"output_audio_buffer.{'paused' if halted else 'resumed'}"
        return [self.event(kind)] if self.settings.pauses else []

    def shown(self) -> Json:
        """The session as its client knows it."""
        known = {"id": f"sess_{self._name}", "object": "realtime.session"} | self.session
        return as_beta(known) if self.beta else known

    def error(self, message: str, *, code: str | None = None, param: str | None = None, to: object = None) -> Json:
        """`to` is the number of the client's event that was wrong."""
        kind = "invalid_request_error" if code != "server_error" else "server_error"
        named = to if isinstance(to, str) else None
        return self.event(
            "error", error={"type": kind, "code": code, "message": message, "param": param, "event_id": named}
        )

    # -- items ---------------------------------------------------------------------------------------

    def add(self, item: Json) -> list[Json]:
        """An item is there, and complete."""
        before, self.last_item = self.last_item, item["id"]
        self.keep(item)
        place = {"previous_item_id": before, "item": item}
        return [self.event("conversation.item.added", **place), self.event("conversation.item.done", **place)]

    def keep(self, item: Json) -> None:
        """It can be asked for again, as long as there is room."""
        self.items[item["id"]] = item
        self._sizes[item["id"]] = len(json.dumps(item))
        while len(self._sizes) > MOST_ITEMS or sum(self._sizes.values()) > MOST_KEPT:
            oldest = next(iter(self._sizes))
            del self._sizes[oldest]
            self.items.pop(oldest, None)

    def spoken(self, number: str) -> list[Json]:
        """The person's turn is complete; its words follow."""
        content = [{"type": "input_audio", "transcript": None}]
        item = {"id": number, "object": "realtime.item", "type": "message", "status": "completed", "role": "user"}
        committed = self.event("input_audio_buffer.committed", item_id=number, previous_item_id=self.last_item)
        self.awaiting.append(number)
        return [committed, *self.add(item | {"content": content})]

    def forget(self, number: str) -> list[Json]:
        """Deletes an item that is void."""
        if self.items.pop(number, None) is None:
            return []
        self._sizes.pop(number, None)
        return [self.event("conversation.item.deleted", item_id=number)]


@dataclass(slots=True)
class Response:
    """One response on its way out; every method returns what the client is told.

    `question`: the person's item that it answers. `apart`: it is no part of the conversation.
    """

    book: Book
    id: str
    metadata: object = None
    question: str | None = None
    text_only: bool = False
    apart: bool = False
    item: Json | None = None
    output: list[Json] = field(default_factory=list)
    text: str = ""
    sounded: bool = False

    def created(self) -> Json:
        return self.book.event("response.created", response=self._shown("in_progress"))

    def _shown(self, status: str, details: Json | None = None) -> Json:
        modalities = ["text"] if self.text_only else ["audio"]
        if self.book.beta and not self.text_only:
            modalities = ["audio", "text"]
        head = {"id": self.id, "object": "realtime.response", "status": status, "status_details": details}
        shape = {"modalities" if self.book.beta else "output_modalities": modalities}
        return head | shape | {"output": list(self.output), "metadata": self.metadata, "usage": None}

    def says(self, text: str) -> list[Json]:
        """A piece of its words."""
        begun = self._message()
        self.text += text
        kind = "output_text" if self.text_only else "output_audio_transcript"
        return [*begun, self._event(f"response.{kind}.delta", content_index=0, delta=text)]

    def sounds(self, data: bytes) -> list[Json]:
        """A piece of its sound, in the client's coding."""
        begun = self._message()
        self.sounded = True
        delta = base64.b64encode(data).decode()
        return [*begun, self._event("response.output_audio.delta", content_index=0, delta=delta)]

    def calls(self, call_id: str, name: str, arguments: str) -> list[Json]:
        """The client is to use a tool."""
        closed = self._close("completed")
        item = {"id": self.book.number("item"), "object": "realtime.item", "type": "function_call", "name": name}
        begun = self._open(item | {"call_id": call_id, "arguments": "", "status": "in_progress"})
        place = {"call_id": call_id}
        told = [
            self._event("response.function_call_arguments.delta", **place, delta=arguments),
            self._event("response.function_call_arguments.done", **place, name=name, arguments=arguments),
        ]
        assert self.item is not None
        self.item["arguments"] = arguments
        return [*closed, *begun, *told, *self._close("completed")]

    def ends(self, status: str, reason: str | None = None) -> list[Json]:
        """It is over: completed, cancelled or failed."""
        closed = self._close("completed" if status == "completed" else "incomplete")
        details: Json = {"type": status}
        if status == "failed":
            details["error"] = {"type": "server_error", "code": None, "message": reason}
        elif reason:
            details["reason"] = reason
        return [*closed, self.book.event("response.done", response=self._shown(status, details))]

    # -- its items -----------------------------------------------------------------------------------

    def _event(self, type: str, **fields: object) -> Json:
        assert self.item is not None
        place = {"response_id": self.id, "item_id": self.item["id"], "output_index": len(self.output)}
        return self.book.event(type, **place, **fields)

    def _open(self, item: Json) -> list[Json]:
        self.item = item
        added = self.book.event(
            "response.output_item.added", response_id=self.id, output_index=len(self.output), item=item
        )
        before = self.book.last_item
        told = self.book.event("conversation.item.added", previous_item_id=before, item=item)
        return [added] if self.apart else [added, told]

    def _message(self) -> list[Json]:
        if self.item is not None:
            return []
        self.text = ""
        item = {"id": self.book.number("item"), "object": "realtime.item", "type": "message", "role": "assistant"}
        begun = self._open(item | {"status": "in_progress", "content": []})
        return [*begun, self._event("response.content_part.added", content_index=0, part=self._part(event=True))]

    def _part(self, *, event: bool = False) -> Json:
        """Its content, which an event of the part calls as the beta did."""
        kind = "output_text" if self.text_only else "output_audio"
        words = {"text" if self.text_only else "transcript": self.text}
        return {"type": BETA_PARTS[kind] if self.book.beta or event else kind, **words}

    def _close(self, status: str) -> list[Json]:
        """The open item is complete, or as far as it came."""
        if (item := self.item) is None:
            return []
        told = self._part_done() if item["type"] == "message" else []
        self.item = item = item | {"status": status}
        if item["type"] == "message":
            item["content"] = [self._part()]
        place = {"response_id": self.id, "output_index": len(self.output), "item": item}
        told.append(self.book.event("response.output_item.done", **place))
        self.output.append(item)
        self.item = None
        if self.apart:
            return told
        before, self.book.last_item = self.book.last_item, item["id"]
        told.append(self.book.event("conversation.item.done", previous_item_id=before, item=item))
        self.book.keep(item)
        return told

    def _part_done(self) -> list[Json]:
        place: Json = {"content_index": 0}
        told = [] if self.text_only else [self._event("response.output_audio.done", **place)]
        kind = ("output_text", "text") if self.text_only else ("output_audio_transcript", "transcript")
        told.append(self._event(f"response.{kind[0]}.done", **place, **{kind[1]: self.text}))
        return [*told, self._event("response.content_part.done", **place, part=self._part(event=True))]


def dialect(events: list[Json], *, beta: bool) -> list[Json]:
    """The events by the names that the client knows."""
    if not beta:
        return events
    renamed = [each | {"type": BETA_TYPES.get(each["type"], each["type"])} for each in events]
    return [each for each in renamed if each["type"]]
