"""One realtime transcription without a socket: which message comes next, and what an answer means.

Belongs here: the messages' fields, the order of items, the rules of the end, the rate of samples. Does
not belong here: sockets, asyncio, clocks. Errors raised here have no `who`; the caller knows the host.

Two dialects. OpenAI's: a session of type "transcription", 24 kHz, one commit after the sound. vLLM's:
only a model, 16 kHz, a commit before the first sound and a final one after the last. A server tells
which it speaks by its first message: vLLM's `session.created` holds no session.
Sources: https://developers.openai.com/api/docs/guides/realtime-transcription and
https://docs.vllm.ai/en/latest/api/vllm/entrypoints/openai/realtime/connection/
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping

from voicecli.backends.openai.decoding import transcript
from voicecli.backends.transport.wording import Complaint, clean, complaint_in, json_in
from voicecli.errors import DroppedError, ProtocolError, VoiceError
from voicecli.resampling import Resampler
from voicecli.types import MIC, Transcript
from voicecli.types.jsonvalue import text_in

RATE = 24_000
"""What OpenAI's dialect takes; vLLM's takes our own rate."""
LEAST = 100
"""Milliseconds of sound that OpenAI takes at least in one commit."""

_ITEM = "conversation.item.input_audio_transcription."


class RealtimeSession:
    """See the module. `final` is set once the last transcript is known. `error` makes ours of a complaint.

    `extra` is laid over the settings of the sound that is sent to OpenAI's dialect.
    """

    def __init__(
        self,
        model: str,
        error: Callable[[Complaint], VoiceError],
        *,
        language: str | None = None,
        prompt: str | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        self._model, self._error, self._extra = model, error, dict(extra or {})
        self._hints = {name: value for name, value in (("language", language), ("prompt", prompt)) if value}
        self._items: dict[str, str] = {}
        self._open: set[str] = set()
        self._sent = 0
        self._finished = self._acknowledged = False
        self._vllm = False
        self._resampler: Resampler | None = None
        self.final: Transcript | None = None

    # -- what to send ------------------------------------------------------------------------------

    def start(self, greeting: str | bytes | None) -> Iterator[str]:
        """The first messages; `greeting` is the server's, None when it sends none by itself."""
        data = decoded(greeting) if greeting else {}
        self._raise(data)
        self._vllm = data.get("type") == "session.created" and "session" not in data
        if self._vllm:
            yield _message("session.update", model=self._model)
            yield _message("input_audio_buffer.commit")
            return
        self._resampler = Resampler(MIC.rate, RATE)
        sound = {
            "format": {"type": "audio/pcm", "rate": RATE},
            "transcription": {"model": self._model, **self._hints},
            "turn_detection": None,
        }
        yield _message("session.update", session={"type": "transcription", "audio": {"input": sound | self._extra}})

    def feed(self, pcm: bytes) -> Iterator[str]:
        """The message for a piece of 16 kHz mono."""
        self._sent += len(pcm)
        yield from _appended(self._resampler.feed(pcm) if self._resampler else pcm)

    def finish(self) -> Iterator[str]:
        """The messages after the last piece. Without any sound there are none, and nothing was said."""
        if not self._sent:
            self.final = transcript("")
            return
        yield from self.feed(bytes(max(0, MIC.bytes_for(LEAST) - self._sent)))
        yield from _appended(self._resampler.flush() if self._resampler else b"")
        self._finished = True
        yield _message("input_audio_buffer.commit", **({"final": True} if self._vllm else {}))

    # -- what came ---------------------------------------------------------------------------------

    def receive(self, message: str | bytes) -> Transcript | None:
        """The transcript that a message changes. Raises our error for one that reports a failure."""
        data = decoded(message)
        kind = str(data.get("type"))
        if kind == "error" and self._finished and "commit_empty" in complaint_in(data).code:
            self._acknowledged = True
            return self._settled()
        self._raise(data)
        handle = _HANDLERS.get(kind)
        return handle(self, data) if handle else None

    def closed(self) -> Transcript:
        """The server has closed in good order: an end when it owes nothing, else a failure."""
        if self.final is None:
            raise DroppedError("closed the connection before the transcript was complete", cure="Try again")
        return self.final

    def _committed(self, data: Mapping[str, object]) -> Transcript | None:
        """Some servers do not say which item it is: then the item shows with its text."""
        if data.get("item_id"):
            self._item(data)
        self._acknowledged = self._acknowledged or self._finished
        return None

    def _delta(self, data: Mapping[str, object]) -> Transcript | None:
        item = self._item(data)
        self._items[item] += text_in(data.get("delta"))
        return self._so_far()

    def _completed(self, data: Mapping[str, object]) -> Transcript | None:
        item = self._item(data)
        self._items[item] = text_in(data.get("transcript"))
        self._open.discard(item)
        return self._settled() or self._so_far()

    def _done(self, data: Mapping[str, object]) -> Transcript | None:
        sofar, text = self._items.pop("", ""), data.get("text")
        self._items[f"utterance {len(self._items)}"] = text if isinstance(text, str) else sofar
        self._open.discard("")
        self._acknowledged = self._finished
        return self._settled() or self._so_far()

    def _item(self, data: Mapping[str, object]) -> str:
        """The item of a message; a new one takes its place after the one it says it follows."""
        name = text_in(data.get("item_id"))
        if name not in self._items:
            before, names = data.get("previous_item_id"), list(self._items)
            at = names.index(before) + 1 if before in names else len(names)
            names.insert(at, name)
            self._items = {each: self._items.get(each, "") for each in names}
            self._open.add(name)
        return name

    def _so_far(self) -> Transcript:
        return transcript(self._text(), final=False)

    def _settled(self) -> Transcript | None:
        """The final transcript, once our commit was answered and every item is complete."""
        known = self._acknowledged or (self._finished and bool(self._items))
        if self._finished and known and not self._open:
            self.final = transcript(self._text())
        return self.final

    def _text(self) -> str:
        return " ".join(text.strip() for text in self._items.values() if text.strip())

    def _raise(self, data: Mapping[str, object]) -> None:
        if data.get("type") != "error" and not str(data.get("type")).endswith(".failed"):
            return
        raise self._error(complaint_in(data))


_HANDLERS = {
    "input_audio_buffer.committed": RealtimeSession._committed,
    _ITEM + "delta": RealtimeSession._delta,
    _ITEM + "completed": RealtimeSession._completed,
    "transcription.delta": RealtimeSession._delta,
    "transcription.done": RealtimeSession._done,
}


def _appended(pcm: bytes) -> Iterator[str]:
    """The message for a piece of sound, where there is any."""
    if pcm:
        yield _message("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())


def _message(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, **fields}, ensure_ascii=False)


def decoded(message: str | bytes) -> dict[str, object]:
    """An event. Raises ProtocolError for what is none."""
    data = json_in(message)
    if not isinstance(data, dict):
        raise ProtocolError(f"sent something that is no object: {clean(str(data), 120)!r}")
    return data
