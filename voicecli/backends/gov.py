"""A government cloud service: answers out of a knowledge base, recognition of raw bytes, speech by address.

    POST /v1/chat/completions   OpenAI's shape, whole; temperature, max_tokens and category must be sent;
                                no system role, so a system prompt opens the first user message;
                                unset, the document's example is sent: 0.8 and 500
    POST /v1/asr                the recording's bytes -> {"result", "status"}; 20000000 is success
    GET  /v1/tts?text=…         audio/mpeg; any other type, or none, is a failure told in the body

`base_url` may end with /v1 or not. A key is sent only when one is configured.

Belongs here: what goes into these requests and what their answers mean. Does not belong here: the
transport (http), cutting text into pieces short enough for an address.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import TypeVar

from voicecli.backends.family import own
from voicecli.backends.gov_settings import GovSettings
from voicecli.backends.openai.decoding import ChunkedAnswer
from voicecli.backends.openai.messages import folded
from voicecli.backends.sensevoice import language_in, strip_tags
from voicecli.backends.transport.http import HttpAdapter, HttpService, Reply
from voicecli.backends.transport.wording import Complaint, clean, complaint_in, complaint_of
from voicecli.errors import ConfigError, ServiceError, VoiceError
from voicecli.ports import Stream
from voicecli.text.clean import one_line
from voicecli.types import (
    AudioChunk,
    AudioClip,
    Backend,
    ChatDelta,
    ChatMessage,
    ChatOptions,
    HealthReport,
    SpeechRequest,
    TranscribeOptions,
    Transcript,
    Usage,
)

SUCCESS = 20_000_000
"""The status of a recognition that succeeded."""

EXAMPLE: Mapping[str, object] = {"temperature": 0.8, "max_tokens": 500}
"""What the service requires and nobody has set: as in its document's example."""
_WORDS_BYTES = 64 * 1024
_SAMPLE = "好"


T = TypeVar("T", bound=HttpAdapter)


@asynccontextmanager
async def opened(backend: Backend, adapter: type[T]) -> AsyncIterator[T]:
    """An adapter of the service at `base_url`. Raises ConfigError without an address."""
    root = backend.base_url.rstrip("/").removesuffix("/v1")
    async with HttpService(backend, root, placeholder="") as service:
        yield adapter(service)


# -- ears ------------------------------------------------------------------------------------------


class GovTranscriber(HttpAdapter):
    """Sends the recording's bytes as they are. It takes no options."""

    def transcribe(self, clip: AudioClip, options: TranscribeOptions) -> Stream[Transcript]:
        """The whole text. Raises ServiceError for any status but success."""
        extra = self._service.backend.extra_for("transcribe")
        kind = {"Content-Type": "application/octet-stream"}
        return self._read(
            self._service.stream(
                "POST", "/v1/asr", verb="transcribe", content=clip.data, params=extra or None, headers=kind
            ),
            _heard,
        )


async def _heard(service: HttpService, reply: Reply) -> AsyncGenerator[Transcript, None]:
    data = await reply.json()
    status, result = (data.get("status"), data.get("result")) if isinstance(data, Mapping) else (None, None)
    if str(status) != str(SUCCESS):
        raise _failure(service, data, status)
    if not isinstance(result, str):
        raise service.protocol_error("answered without a result", json.dumps(data, ensure_ascii=False))
    words, tags = strip_tags(one_line(result))
    yield Transcript(words, language=language_in(tags), tags=tags)


# -- chat ------------------------------------------------------------------------------------------


class GovChat(HttpAdapter):
    """Answers in one piece, out of the knowledge base that `category` names."""

    def chat(self, messages: Sequence[ChatMessage], options: ChatOptions) -> Stream[ChatDelta]:
        """One delta. Raises ConfigError where nobody named a category."""
        body = self._body(messages, options)
        return self._read(self._service.stream("POST", "/v1/chat/completions", verb="chat", json=body), _said)

    def _body(self, messages: Sequence[ChatMessage], options: ChatOptions) -> dict[str, object]:
        backend = own(GovSettings, self._service.backend)
        fields = {
            "model": options.model or backend.chat_model or None,
            "temperature": options.temperature,
            "max_tokens": options.max_tokens,
            "category": options.category or backend.category or None,
        }
        asked = {name: value for name, value in fields.items() if value is not None}
        body = {**EXAMPLE, **backend.extra_for("chat"), **asked}
        if body.get("category") is None:
            cure = f"Set category in [backends.{backend.name}], or give --category"
            raise ConfigError("the service requires category", who=backend.name, cure=cure)
        return {**body, "messages": [{"role": each.role, "content": each.content} for each in folded(messages)]}


async def _said(service: HttpService, reply: Reply) -> AsyncGenerator[ChatDelta, None]:
    data = await reply.json()
    service.complain(data)
    if not isinstance(data, Mapping) or not data.get("choices"):
        raise _failure(service, data)
    answer = ChunkedAnswer()
    delta, rest = answer.take(data) or ChatDelta(), answer.rest() or ChatDelta()
    text = (delta.text + rest.text).lstrip()
    if not text:
        raise ServiceError("gave an empty answer", who=service.who)
    # The service sends zeros for usage: it does not count.
    usage = delta.usage if delta.usage != Usage() else None
    yield replace(delta, text=text, finish_reason=delta.finish_reason or "stop", usage=usage)


# -- voice -----------------------------------------------------------------------------------------


class GovSpeaker(HttpAdapter):
    """One voice, MP3. The text stands in the address, so it must be short."""

    def speak(self, request: SpeechRequest) -> Stream[AudioChunk]:
        """The MP3 in pieces. Raises ServiceError with the body's words when the type says that it is none."""
        params = self._service.backend.extra_for("speak") | {"text": request.text}
        return self._read(self._service.stream("GET", "/v1/tts", verb="speak", params=params), _sound)


async def _sound(service: HttpService, reply: Reply) -> AsyncGenerator[AudioChunk, None]:
    if not reply.content_type.startswith("audio/"):
        raise _failure(service, _read(await reply.body(_WORDS_BYTES)))
    anything = False
    async for piece in reply.chunks():
        if piece:
            anything = True
            yield AudioChunk(piece, "mp3")
    if not anything:
        raise ServiceError("answered without any sound", who=service.who)


# -- health ----------------------------------------------------------------------------------------


class GovHealth(HttpAdapter):
    """No health is documented: one character is spoken."""

    async def check(self) -> HealthReport:
        """Raises what is wrong."""
        async with self._service.stream("GET", "/v1/tts", verb="health", params={"text": _SAMPLE}) as reply:
            async with aclosing(_sound(self._service, reply)) as sound:
                async for _ in sound:
                    break
            await reply.drain()
        return HealthReport("speech ok")


# -- failures --------------------------------------------------------------------------------------


def _failure(service: HttpService, data: object, status: object = None) -> VoiceError:
    """Our error for an answer that reports a failure in a way of the service's own: also where its text would stand."""
    complaint = complaint_in(data)
    result = data.get("result") if isinstance(data, Mapping) else None
    told = result if isinstance(result, str) else json.dumps(data, ensure_ascii=False)
    words = complaint.words or (clean(told) if data else "") or "gave no reason"
    shown = "" if status is None else f" (status {clean(str(status), 20)})"
    return service.error(Complaint(words + shown, complaint.code))


def _read(body: bytes) -> object:
    """What stands in a body where sound should: JSON, or the words of a text or a page."""
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return complaint_of(body).words
    return found
