"""What a speech-to-speech service is sent: a message for each wish, in its dialect. Pure.

Belongs here: the messages' fields, the person's sound in the service's rate. Does not belong here: what comes
(protocol), when something is wished for (turns), facts about services (dialects).
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from voicecli.backends.openai.messages import data_url
from voicecli.backends.openai.talking.dialects import Dialect, Json
from voicecli.resampling import Resampler
from voicecli.types import MIC, Picture, ToolCall

LEAST = MIC.bytes_for(100)
"""Sound that one commit must hold."""
BLOCK = MIC.bytes_for(1000)
"""Sound that one event holds at most."""
SAY = "Say exactly the following, word for word, in its own language, and nothing else:\n\n"


@dataclass(slots=True)
class OpenedAnswer:
    """The answer that the service makes now, or was asked for: it has a number once it has `begun`.

    `unwanted`: it was cancelled, and nobody is told more of it; `void`: nothing of it may stay.
    """

    number: str = ""
    begun: bool = False
    unwanted: bool = False
    void: bool = False
    cancelled: bool = False
    text: str = ""
    sound: int = 0
    """Bytes."""
    items: dict[str, str] = field(default_factory=dict)
    """Kinds by ids."""
    calls: dict[str, ToolCall] = field(default_factory=dict)


class TalkWishes:
    """`answer` is the one that the service makes or was asked for, `waiting` the bytes of sound not yet committed."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.answer: OpenedAnswer | None = None
        self.waiting = 0
        self._number = 0
        self._resampler = Resampler(MIC.rate, dialect.rate_in)

    def set_up(self, session: Json) -> str:
        return self._message("session.update", session=session)

    def append(self, pcm: bytes) -> Iterator[str]:
        """More of the person's sound, 16 kHz mono."""
        self.waiting += len(pcm)
        for at in range(0, len(pcm), BLOCK):
            yield from self._appended(self._resampler.feed(pcm[at : at + BLOCK]))

    def _appended(self, sound: bytes) -> Iterator[str]:
        if sound:
            audio = binascii.b2a_base64(sound, newline=False).decode()
            yield self._message("input_audio_buffer.append", audio=audio)

    def commit(self) -> Iterator[str]:
        """The turn's sound is complete."""
        yield from self.append(bytes(max(0, LEAST - self.waiting)))
        yield from self._appended(self._resampler.flush())
        self.waiting = 0
        yield self._message("input_audio_buffer.commit")

    def clear(self) -> Iterator[str]:
        """What was not committed is void."""
        self._resampler.flush()
        if self.waiting:
            self.waiting = 0
            yield self._message("input_audio_buffer.clear")

    def say(self, role: str, text: str) -> str:
        """A message for the conversation."""
        kind = "input_text" if role != "assistant" else "text" if self.dialect.beta else "output_text"
        return self._message(
            "conversation.item.create",
            item={"type": "message", "role": role, "content": [{"type": kind, "text": text}]},
        )

    def show(self, picture: Picture) -> str:
        """A picture, to be looked at with what is said next."""
        part = {"type": "input_image", "image_url": data_url(picture)}
        return self._message("conversation.item.create", item={"type": "message", "role": "user", "content": [part]})

    def call(self, call: ToolCall) -> str:
        """A call that the service does not know of, on a new connection."""
        named = {"call_id": call.id, "name": call.name, "arguments": call.arguments}
        return self._message("conversation.item.create", item={"type": "function_call", **named})

    def result(self, call_id: str, text: str) -> str:
        return self._message(
            "conversation.item.create", item={"type": "function_call_output", "call_id": call_id, "output": text}
        )

    def respond(self, says: str | None = None, *, tools: bool = True, instructions: str = "") -> str:
        """Asks for an answer, by `instructions` in place of the session's where there are some.

        `says`: these words are to be spoken as they are.
        """
        told = instructions if says is None else SAY + says
        wishes: Json = {"instructions": told} if told else {}
        if says is not None or not tools:
            wishes["tool_choice"] = "none"
        self.answer = OpenedAnswer()
        return self._message("response.create", **({"response": wishes} if wishes else {}))

    def cancel(self, *, void: bool = False) -> Iterator[str]:
        """Cancels the answer; with `void` nothing of it was heard.

        One that has not begun is only marked as unwanted: call again when it begins.
        """
        answer = self.answer
        if answer is not None and not answer.cancelled:
            answer.unwanted, answer.void, answer.cancelled = True, void, answer.begun
            if answer.begun and self.dialect.cancels:
                yield self._message("response.cancel")

    def truncate(self, item: str, ms: int) -> Iterator[str]:
        """The person heard `ms` milliseconds of an item's sound."""
        if self.dialect.truncates:
            yield self._message("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=ms)

    def delete(self, item: str) -> Iterator[str]:
        if self.dialect.deletes and item:
            yield self._message("conversation.item.delete", item_id=item)

    def _message(self, kind: str, **fields: Any) -> str:
        self._number += 1
        number = f"{kind.rpartition('.')[2]}_{self._number}"
        return json.dumps({"type": kind, "event_id": number, **fields}, ensure_ascii=False)
