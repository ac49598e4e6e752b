"""Speech: the request, and its sound as it arrives, whatever the service calls it.

Belongs here: which fields are sent, when speech is complete. Does not belong here: telling formats
apart (sound), decoding them (the audio rooms).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

from voicecli.backends.openai.part import DONE, Final, Learnt, OpenAIPart
from voicecli.backends.openai.sound import SNIFFED, WithoutPings, encoding_of
from voicecli.backends.transport.http import Reply
from voicecli.errors import ServiceError
from voicecli.types import AudioChunk, PcmFormat, SpeechRequest

_ASKED_AS = {"ogg": "opus"}
_FORMATS = ("pcm", "wav", "mp3", "flac", "opus", "aac")
"""What is asked for where nobody wishes a format, in this order; a refusal may name what there is."""
_NAMED = re.compile(rf"\b({'|'.join(_FORMATS)})\b")


def formats_tried(learnt: Learnt) -> list[str]:
    """The formats in the order in which they were asked for; all but the last were refused."""
    after = dict(each.split(" > ") for each in learnt if " > " in each)
    found = [_FORMATS[0]]
    while (next_one := after.get(found[-1])) is not None:
        found.append(next_one)
    return found


def format_after(tried: Sequence[str], words: str) -> str | None:
    """The format to ask for next, after the words of the last refusal; None where there is none left."""
    named = [each for each in _NAMED.findall(words) if each not in tried]
    return min(named, key=_FORMATS.index) if named else next((f for f in _FORMATS[:3] if f not in tried), None)


class OpenAISpeech(OpenAIPart):
    """`Speaker` of OpenAI-compatible services."""

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AsyncIterator[AudioChunk]]:
        """Raises ConfigError when no model is set, ServiceError for no sound or one that breaks off."""
        async with AsyncExitStack() as stack:
            reply = await self._enter(
                stack,
                lambda final, learnt: self._send(request, final, learnt),
                lambda exc, learnt: self._other_format(exc, request, learnt),
            )
            asked = self._format(request, frozenset(self._learnt))
            yield await stack.enter_async_context(aclosing(self._chunks(reply, asked)))

    def _send(self, request: SpeechRequest, final: Final, learnt: Learnt) -> AbstractAsyncContextManager[Reply]:
        fields = self._fields(request, learnt)
        if request.reference is None:
            return self._service.stream("POST", "audio/speech", verb="speak", final=final, json=fields)
        clip = request.reference
        files = {"prompt_speech": (f"reference.{clip.container}", clip.data, "application/octet-stream")}
        return self._service.stream(
            "POST",
            "audio/speech",
            verb="speak",
            final=final,
            data={name: str(value) for name, value in fields.items()},
            files=files,
        )

    def _fields(self, request: SpeechRequest, learnt: Learnt) -> dict[str, object]:
        speed = self._backend.speed if request.speed is None else request.speed
        asked: dict[str, Any] = {
            "model": self._model(request.model, "speak_model"),
            "input": request.text,
            # Sent even when empty: some services refuse a request without it.
            "voice": request.voice or self._backend.voice,
            "response_format": _ASKED_AS.get(form := self._format(request, learnt), form),
        }
        asked |= {"speed": speed} if speed is not None else {}
        asked |= {"instructions": request.instructions} if request.instructions else {}
        extra = self._backend.extra_for("speak")
        if isinstance(extra.get("kwargs"), Mapping):
            extra["kwargs"] = json.dumps(extra["kwargs"], ensure_ascii=False)
        return extra | asked

    def _format(self, request: SpeechRequest, learnt: Learnt) -> str:
        """What the person or the configuration wishes, else samples, else what the service turned out to have."""
        return (request.format or self._backend.speech_format or formats_tried(learnt)[-1]).lower()

    def _other_format(self, exc: ServiceError, request: SpeechRequest, learnt: Learnt) -> str | None:
        """The next format, where the last was our own wish, and is refused."""
        ours = not (request.format or self._backend.speech_format)
        if not (ours and self._refuses(exc, "response_format", "format", *_FORMATS)):
            return None
        tried = formats_tried(learnt)
        found = format_after(tried, exc.what.lower())
        return found and f"{tried[-1]} > {found}"

    async def _chunks(self, reply: Reply, asked: str) -> AsyncGenerator[AudioChunk, None]:
        pieces = self._events(reply) if reply.content_type == "text/event-stream" else self._raw(reply)
        encoding: PcmFormat | str | None = None
        async with aclosing(pieces):
            head = b""
            async for piece in pieces:
                if encoding is None:
                    head += piece
                    if len(head) < SNIFFED:
                        continue
                    piece, encoding = head, self._encoding(reply, head, asked)
                if piece:
                    yield AudioChunk(piece, encoding)
        if encoding is None:
            if not head:
                raise ServiceError("sent no sound", who=self._service.who, cure="Check the voice and the text")
            yield AudioChunk(head, self._encoding(reply, head, asked))

    def _encoding(self, reply: Reply, head: bytes, asked: str) -> PcmFormat | str:
        kind = "" if reply.content_type == "text/event-stream" else reply.headers.get("content-type", "")
        return encoding_of(head, kind, asked)

    async def _raw(self, reply: Reply) -> AsyncGenerator[bytes, None]:
        """The body as it is; a body of text is the service's excuse."""
        if reply.content_type.startswith("text/") or reply.content_type.endswith("json"):
            body = await reply.body()
            if body.lstrip()[:1] == b"{":
                self._service.complain(reply.decoded(body))
            raise self._service.protocol_error("sent words, not sound", body)
        pings = WithoutPings()
        async for piece in reply.chunks():
            if clean := pings.feed(piece):
                yield clean
        if rest := pings.finish():
            yield rest

    async def _events(self, reply: Reply) -> AsyncGenerator[bytes, None]:
        """The sound in `speech.audio.delta` events."""
        async for event in reply.events():
            if event.data.strip() == DONE:
                return
            for each in self._objects(reply, event):
                kind = str(each.get("type") or event.name) if isinstance(each, Mapping) else ""
                if kind == "speech.audio.done":
                    await reply.drain()
                    return
                if kind == "speech.audio.delta" and isinstance(each, Mapping):
                    yield self._decoded(each.get("audio"))
        raise ServiceError("broke off in the middle of the speech", who=self._service.who, cure="Try again")

    def _decoded(self, audio: Any) -> bytes:
        try:
            return base64.b64decode(audio, validate=True)
        except (binascii.Error, ValueError, TypeError) as exc:
            raise self._service.protocol_error("sent sound that is no base64", str(audio)) from exc
