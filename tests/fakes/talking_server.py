"""A strict speech-to-speech service in each of the dialects: digits in, the next digits out, as tones with their words.

It refuses every field that its dialect does not know, holds the conversation as the real ones do, and says in `faults`
what a client did that none may do. "189" is answered with "290", word by word. Typed text is answered word by word
too, "call NAME" with a call of that tool, a result of a tool with "done RESULT", what comes after a picture with the
digits in it, and where an answer is told of notes with the name of the first.

Belongs here: the service's side. Does not belong here: the transport (server).
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests import dtmf
from tests.fakes.pictures import png_digits
from tests.fakes.server import FakeServer, Left, Socket

RATE = 24_000
Event = dict[str, Any]
GA = {"type", "output_modalities", "instructions", "tools", "tool_choice", "audio"}
BETA = {"modalities", "instructions", "tools", "tool_choice", "turn_detection", "input_audio_format"}
BETA |= {"output_audio_format", "voice", "input_audio_transcription"}
COMMON = {"session.update", "input_audio_buffer.append", "conversation.item.create", "response.create"}
ALL = {"input_audio_buffer.commit", "input_audio_buffer.clear", "response.cancel"}
KEEPS = {"conversation.item.truncate", "conversation.item.delete"}
KNOWS = {
    "openai": COMMON | ALL | KEEPS,
    "azure": COMMON | ALL | KEEPS,
    "localai": COMMON | ALL | KEEPS,
    "voicecli": COMMON | ALL | KEEPS,
    "beta": COMMON | ALL | KEEPS,
    "xai": COMMON | {"input_audio_buffer.clear", "response.cancel"},
    "huggingface": COMMON | {"response.cancel", "input_audio_buffer.clear"},
    "qwen-omni": COMMON | ALL,
    "qwen-audio": COMMON | ALL,
    "speaches": COMMON | {"input_audio_buffer.commit", "input_audio_buffer.clear"},
}
"""Which events each takes."""
SEES = {"openai", "azure"}
"""Which take pictures."""
IS_BETA = {"beta", "qwen-omni", "qwen-audio", "speaches"}
OLD_NAMES = {
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "conversation.item.added": "conversation.item.created",
}
FIELDS = {
    "session.update": {"session"},
    "input_audio_buffer.append": {"audio"},
    "conversation.item.create": {"item"},
    "conversation.item.delete": {"item_id"},
    "conversation.item.truncate": {"item_id", "content_index", "audio_end_ms"},
    "response.create": {"response"},
}


class Bad(Exception):
    """What is wrong with a client's event; `code` as OpenAI has it."""

    def __init__(self, words: str, code: str = "invalid_value") -> None:
        super().__init__(words)
        self.code = code


@dataclass
class Item:
    """One item of the conversation. `ends` are the samples at which each of `words` has sounded."""

    id: str
    role: str
    words: list[str]
    ends: list[int] = field(default_factory=list)
    samples: int = 0
    call_id: str = ""


@dataclass
class TalkingServer(FakeServer):
    """`sessions` are all connections so far. `drops`: after so many client events a connection breaks, once each."""

    dialect: str = "openai"
    first_s: float = 0.01
    chunk_s: float = 0.002
    transcript_s: float = 0.0
    hears: Callable[[str], str] = str
    """What it writes down for the digits that it heard."""
    ahead: bool = False
    """All words come before the first sound."""
    drops: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(socket_app=self.talk)
        self.sessions: list[Session] = []
        self.faults: list[str] = []

    @property
    def talk_url(self) -> str:
        return f"{self.ws_url}/v1/realtime"

    @property
    def rate_in(self) -> int:
        return 16_000 if self.dialect.startswith("qwen") else RATE

    async def talk(self, socket: Socket) -> None:
        session = Session(self, socket)
        self.sessions.append(session)
        with suppress(Left):
            await session.run()


class Session:
    """One connection."""

    def __init__(self, server: TalkingServer, socket: Socket) -> None:
        self.server, self.socket = server, socket
        self.items: list[Item] = []
        self.settings: Event = {}
        self.log: list[Event] = []
        self.buffer = bytearray()
        self.count = 0
        self.answer: asyncio.Task[None] | None = None
        self.breaks = False
        """Whether the connection breaks after the next sound."""

    @property
    def answering(self) -> bool:
        return self.answer is not None and not self.answer.done()

    async def run(self) -> None:
        shown: Event = {"modalities": ["audio"]} if self.server.dialect in IS_BETA else {"audio": {}}
        first = "conversation.created" if self.server.dialect == "xai" else "session.created"
        await self.send(first, session=shown)
        try:
            async for message in self.socket:
                if self.server.drops and len(self.log) >= self.server.drops[0]:
                    self.server.drops.pop(0)
                    self.socket.reset()
                event = json.loads(message)
                self.log.append(event)
                try:
                    await self.take(event)
                except Bad as bad:
                    error = {"type": "invalid_request_error", "code": bad.code, "message": str(bad)}
                    await self.send("error", error=error | {"event_id": event.get("event_id")})
        finally:
            if self.answer is not None:
                self.answer.cancel()

    async def send(self, kind: str, **fields: Any) -> None:
        if self.server.dialect in IS_BETA:
            kind = OLD_NAMES.get(kind, kind)
        await self.socket.send(json.dumps({"type": kind, "event_id": f"event_{self.number()}", **fields}))

    def number(self) -> int:
        self.count += 1
        return self.count

    def fault(self, words: str, code: str = "invalid_value") -> Bad:
        self.server.faults.append(words)
        return Bad(words, code)

    async def take(self, event: Event) -> None:
        kind = event["type"]
        if kind not in KNOWS[self.server.dialect]:
            raise self.fault(f"{self.server.dialect} has no {kind}")
        if unknown := event.keys() - {"type", "event_id"} - FIELDS.get(kind, set()):
            raise self.fault(f"{kind} has no {unknown}")
        await getattr(self, kind.replace(".", "_"))(event)

    # -- settings ------------------------------------------------------------------------------------

    async def session_update(self, event: Event) -> None:
        session = event["session"]
        known = BETA if self.server.dialect in IS_BETA else GA
        known = known | ({"voice", "turn_detection"} if self.server.dialect == "xai" else set())
        if unknown := session.keys() - known:
            raise self.fault(f"session has no {unknown}")
        for tool in session["tools"]:
            if ("function" in tool) is not self.server.dialect.startswith("qwen"):
                raise self.fault("a tool in the shape of another dialect")
        self.settings = session
        await self.send("session.updated", session=session)

    @property
    def detects(self) -> bool:
        flat = self.server.dialect in IS_BETA or self.server.dialect == "xai"
        holder = self.settings if flat else self.settings["audio"]["input"]
        return holder["turn_detection"] is not None

    # -- sound ---------------------------------------------------------------------------------------

    async def input_audio_buffer_append(self, event: Event) -> None:
        self.buffer += base64.b64decode(event["audio"], validate=True)
        rate = self.server.rate_in
        tail = self.buffer[-rate * 3 // 5 :]
        if self.detects and len(tail) >= rate * 3 // 5 and not np.frombuffer(tail, "<i2")[rate // 50 :].any():
            if np.frombuffer(self.buffer, "<i2").any():
                await self.commit()
                await self.response_create({})
            self.buffer.clear()

    async def input_audio_buffer_commit(self, _event: Event) -> None:
        if len(self.buffer) < self.server.rate_in // 5:
            raise self.fault("too little sound", "input_audio_buffer_commit_empty")
        await self.commit()

    async def commit(self) -> None:
        samples = np.frombuffer(bytes(self.buffer), "<i2")
        self.buffer.clear()
        item = self.added("user", [dtmf.decode(samples, self.server.rate_in)])
        await self.send("input_audio_buffer.committed", item_id=item.id)
        self.transcribing = asyncio.create_task(self.transcribed(item))

    async def transcribed(self, item: Item) -> None:
        await asyncio.sleep(self.server.transcript_s)
        name = "conversation.item.input_audio_transcription."
        with suppress(Left):
            if self.server.dialect == "xai":
                await self.send(name + "updated", item_id=item.id, transcript=item.words[0][:1])
            await self.send(name + "completed", item_id=item.id, transcript=self.server.hears(item.words[0]))

    async def input_audio_buffer_clear(self, _event: Event) -> None:
        self.buffer.clear()
        await self.send("input_audio_buffer.cleared")

    # -- items ---------------------------------------------------------------------------------------

    def added(self, role: str, words: list[str], call_id: str = "") -> Item:
        self.items.append(Item(f"item_{self.number()}", role, words, call_id=call_id))
        return self.items[-1]

    async def conversation_item_create(self, event: Event) -> None:
        item = event["item"]
        if item["type"] == "function_call_output":
            if not any(each.call_id == item["call_id"] for each in self.items):
                raise self.fault("a result without a call")
            added = self.added("tool", [item["output"]])
        elif item["type"] == "function_call":
            added = self.added("call", [item["name"]], item["call_id"])
        else:
            old = "text" if self.server.dialect in IS_BETA else "output_text"
            wanted = "input_text" if item["role"] == "user" else old
            (part,) = item["content"]
            if part["type"] == "input_image" and self.server.dialect in SEES:
                data = part["image_url"].removeprefix("data:image/png;base64,")
                added = self.added("picture", [png_digits(base64.b64decode(data, validate=True))])
            elif part["type"] != wanted:
                raise self.fault(f"a part of {item['role']} is {wanted}")
            else:
                added = self.added(item["role"], part["text"].split())
        await self.send("conversation.item.added", item={"id": added.id})

    def find(self, event: Event) -> Item:
        found = next((each for each in self.items if each.id == event["item_id"]), None)
        if found is None:
            raise self.fault("no such item", "item_not_found")
        return found

    async def conversation_item_delete(self, event: Event) -> None:
        self.items.remove(self.find(event))
        await self.send("conversation.item.deleted", item_id=event["item_id"])

    async def conversation_item_truncate(self, event: Event) -> None:
        item, ms = self.find(event), event["audio_end_ms"]
        if item.role != "assistant" or ms * RATE // 1000 > item.samples:
            raise self.fault("truncated behind its end", "item_truncate_invalid")
        item.samples = ms * RATE // 1000
        item.words = [word for word, end in zip(item.words, item.ends, strict=False) if end <= item.samples]
        await self.send("conversation.item.truncated", item_id=item.id, audio_end_ms=ms)

    # -- answers -------------------------------------------------------------------------------------

    async def response_create(self, event: Event) -> None:
        if self.answering:
            raise self.fault("an answer is in work", "conversation_already_has_active_response")
        self.answer = asyncio.create_task(self.respond(event.get("response") or {}))

    async def response_cancel(self, _event: Event) -> None:
        if self.answer is None or not self.answering:
            raise Bad("nothing to cancel", "response_cancel_not_active")
        self.answer.cancel()

    def reply(self, wishes: Event) -> list[str]:
        told = str(wishes.get("instructions", ""))
        if (note := re.search('<note file="(.*?)"', told)) or told:
            return [note[1]] if note else told.rpartition("\n")[2].split()
        if len(self.items) > 1 and self.items[-2].role == "picture":
            return list(self.items[-2].words[0])
        last = next((each for each in reversed(self.items) if each.role in ("user", "tool")), None)
        if last is None:
            return ["nothing"]
        if last.role == "tool":
            return ["done", *last.words[0].split()]
        if last.words and all(each.isdigit() for each in last.words):
            return [str((int(each) + 1) % 10) for each in "".join(last.words)]
        return last.words or ["nothing"]

    async def respond(self, wishes: Event) -> None:
        number = f"resp_{self.number()}"
        status, output = "completed", list[Event]()
        with suppress(Left):
            await self.send("response.created", response={"id": number})
            try:
                await asyncio.sleep(self.server.first_s)
                words = self.reply(wishes)
                if words[0] == "call" and wishes.get("tool_choice") != "none":
                    output.append(await self.call(number, words[1]))
                else:
                    async for item in self.speak(number, words):
                        output = [{"id": item.id, "type": "message"}]
            except asyncio.CancelledError:
                status = "cancelled"
            usage = {"input_tokens": 10, "output_tokens": 5}
            await self.send(
                "response.done", response={"id": number, "status": status, "output": output, "usage": usage}
            )

    async def call(self, number: str, name: str) -> Event:
        item = self.added("call", [name], f"call_{self.number()}")
        shown = {"id": item.id, "type": "function_call", "call_id": item.call_id, "name": name, "arguments": "{}"}
        await self.send("response.output_item.done", response_id=number, item=shown)
        return shown

    async def speak(self, number: str, words: list[str]) -> AsyncIterator[Item]:
        item, place = self.added("assistant", []), {"response_id": number}
        place["item_id"] = item.id
        await self.send("response.output_item.added", response_id=number, item={"id": item.id, "type": "message"})
        yield item
        sounds = [dtmf.encode(each if each in dtmf.KEYS else "#", RATE) for each in words]
        for at, sound in enumerate(sounds):
            for word in words if self.server.ahead and not at else () if self.server.ahead else [words[at]]:
                await self.send("response.output_audio_transcript.delta", **place, delta=word + " ")
            item.samples += len(sound)
            item.words.append(words[at])
            item.ends.append(item.samples)
            delta = base64.b64encode(sound.tobytes()).decode()
            await self.send("response.output_audio.delta", **place, delta=delta)
            if self.breaks:
                self.socket.reset()
            await asyncio.sleep(self.server.chunk_s)
