"""Transcriptions and translations by upload: the request, the streamed answer, the whole one.

Belongs here: which fields are sent (as few as possible: some servers fail on any that they do not
know), when a transcript is complete. Does not belong here: what an answer's fields mean (decoding).
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

from voicecli.backends.openai.decoding import transcript, whole_transcript
from voicecli.backends.openai.lessons import REFUSING
from voicecli.backends.openai.part import DONE, Learnt, OpenAIPart
from voicecli.backends.transport.http import Reply
from voicecli.backends.transport.mixed import Mixed
from voicecli.errors import ServiceError
from voicecli.types import AudioClip, TranscribeOptions, Transcript

_KINDS = {
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "mp3": "audio/mpeg",
    "mp4": "audio/mp4",
    "mpeg": "audio/mpeg",
    "mpga": "audio/mpeg",
    "ogg": "audio/ogg",
    "wav": "audio/wav",
    "webm": "audio/webm",
}
_WORDS: dict[str, object] = {"response_format": "verbose_json", "timestamp_granularities[]": ["word", "segment"]}
_TIMELESS, _PLAIN = "no granularities", "no verbose_json"
_JSON_ONLY = ("gpt-4o", "gpt-live", "-transcribe")
TRANSLATOR = "whisper-1"
"""The model that translates in place of a configured one of _JSON_ONLY: none of them does."""
_CANT_TRANSLATE = REFUSING | {404, 405}


class Transcriptions(OpenAIPart):
    """`FileTranscriber` of OpenAI-compatible services."""

    @asynccontextmanager
    async def transcribe(self, clip: AudioClip, options: TranscribeOptions) -> AsyncIterator[AsyncIterator[Transcript]]:
        """Partial transcripts where the service streams them, then the final one. Raises ConfigError for no model."""
        # The file's own name stays here: only its extension matters to the service.
        upload = (f"audio.{clip.container}", clip.data, _KINDS.get(clip.container, "application/octet-stream"))
        path, fields = ("translations", self._translation) if options.translate else ("transcriptions", self._fields)
        async with AsyncExitStack() as stack:
            try:
                reply = await self._enter(
                    stack,
                    lambda final, learnt: self._service.stream(
                        "POST",
                        f"audio/{path}",
                        verb="transcribe",
                        final=final,
                        data=fields(options, learnt),
                        files={"file": upload},
                    ),
                    self._unlearn,
                )
            except ServiceError as exc:
                if options.translate and exc.status in _CANT_TRANSLATE:
                    exc.cure = f"Check that it translates, and with which model: -m {TRANSLATOR}"
                raise
            yield await stack.enter_async_context(aclosing(self._transcripts(reply)))

    def _translation(self, options: TranscribeOptions, learnt: Learnt) -> dict[str, object]:
        """A translation has fewer fields: it finds the language out, is not streamed, and tells no words' times."""
        asked = _asked(options)
        model = self._model(options.model, "transcribe_model")
        unable = options.model is None and any(part in model.lower() for part in _JSON_ONLY)
        asked["model"] = TRANSLATOR if unable else model
        if options.words and _PLAIN not in learnt:
            asked["response_format"] = "verbose_json"
        return self._form(asked)

    def _fields(self, options: TranscribeOptions, learnt: Learnt) -> dict[str, object]:
        asked = _asked(options)
        asked |= {"language": code} if (code := self._language(options.language)) else {}
        asked["model"] = model = self._model(options.model, "transcribe_model")
        if options.diarize:
            asked |= {"response_format": "diarized_json", "chunking_strategy": "auto"}
        elif options.words:
            asked |= _words(model.lower(), learnt)
        elif "gpt-4o" in model.lower():
            asked["stream"] = True
        return self._form(asked)

    def _form(self, asked: dict[str, object]) -> dict[str, object]:
        """The fields of the form, with what the configuration passes on."""
        return {name: _text(value) for name, value in (self._backend.extra_for("transcribe") | asked).items()}

    def _unlearn(self, exc: ServiceError, learnt: Learnt) -> str | None:
        """The next simpler way to ask, when the service refused this one for what it asked."""
        if self._refuses(exc, "granularit") and _TIMELESS not in learnt:
            return _TIMELESS
        return (
            _PLAIN if self._refuses(exc, "granularit", "verbose_json", "response_format", "response format") else None
        )

    async def _transcripts(self, reply: Reply) -> AsyncGenerator[Transcript, None]:
        if reply.content_type == "text/event-stream":
            heard = _Heard()
            async for event in reply.events():
                for each in self._objects(reply, event):
                    if heard.take(each, event.name):
                        yield heard.so_far()
                if heard.done or event.data.strip() == DONE:
                    break
            await reply.drain()
            yield self._final(heard)
        else:
            yield self._whole(reply, await reply.body())

    def _final(self, heard: _Heard) -> Transcript:
        if not heard.done:
            raise ServiceError("broke off in the middle of the transcript", who=self._service.who, cure="Try again")
        return heard.so_far(final=True)

    def _whole(self, reply: Reply, body: bytes) -> Transcript:
        """The transcript in a whole body: JSON, plain text (of any content type), or a stream at once."""
        text = body.decode("utf-8", "replace").strip()
        if text.startswith("data:"):
            return self._replayed(reply, body)
        if text[:1] in ("{", "[") or reply.content_type.endswith("json"):
            values = [*(parser := Mixed()).feed(body), *parser.finish()]
            if len(values) > 1:
                return self._replayed(reply, body)
            data = reply.decoded(values[0].data if values and parser.bare else text)
            self._service.complain(data[0] if isinstance(data, list) and data else data)
            found = whole_transcript(data)
            if found is None:
                raise self._service.protocol_error("sent no transcript", text)
            return found
        if text[:1] == "<" and not text.startswith("<|"):
            raise self._service.protocol_error("sent a page, not a transcript", body)
        return transcript(text)

    def _replayed(self, reply: Reply, body: bytes) -> Transcript:
        heard, parser = _Heard(), Mixed()
        for event in (*parser.feed(body), *parser.finish()):
            for each in self._objects(reply, event):
                heard.take(each, event.name)
        return self._final(heard)


class _Heard:
    """A transcript put together from events: OpenAI's own, or vLLM's chunks."""

    def __init__(self) -> None:
        self._text = ""
        self._segments: list[Any] = []
        self._rest: Mapping[str, Any] = {}
        self.done = False

    def take(self, data: object, name: str) -> bool:
        """Whether `data` brought new text that is not yet all."""
        if not isinstance(data, Mapping):
            return False
        kind = str(data.get("type") or name)
        if kind.endswith("text.delta"):
            return self._add(data.get("delta"))
        if kind.endswith("text.segment"):
            self._segments.append(data)
        elif kind.endswith("text.done"):
            text = data.get("text")
            self._text, self._rest = (text if isinstance(text, str) else self._text), data
            self.done = True
        elif isinstance(data.get("choices"), list):
            return self._chunk(data["choices"])
        return False

    def so_far(self, *, final: bool = False) -> Transcript:
        segments = {"segments": self._segments} if self._segments else {}
        return transcript(self._text, {**segments, **self._rest} if final else None, final=final)

    def _chunk(self, choices: list[object]) -> bool:
        new = False
        for choice in choices[:1]:
            delta = choice.get("delta") if isinstance(choice, Mapping) else None
            new = isinstance(delta, Mapping) and self._add(delta.get("content"))
            self.done = self.done or (isinstance(choice, Mapping) and bool(choice.get("finish_reason")))
        return new and not self.done

    def _add(self, piece: object) -> bool:
        self._text += piece if isinstance(piece, str) else ""
        return isinstance(piece, str) and bool(piece)


def _asked(options: TranscribeOptions) -> dict[str, object]:
    """The fields that translations have too."""
    fields = {"prompt": options.prompt, "temperature": options.temperature}
    return {name: value for name, value in fields.items() if value is not None}


def _words(model: str, learnt: Learnt) -> dict[str, object]:
    """How to ask a model for times: some fail on the question, which is learnt the first time."""
    if _PLAIN in learnt or any(part in model for part in _JSON_ONLY):
        return {}
    if _TIMELESS in learnt or "sensevoice" in model:
        return {"response_format": "verbose_json"}
    return _WORDS


def _text(value: object) -> object:
    """A value as a form field carries it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    return [str(each) for each in value] if isinstance(value, list | tuple) else str(value)
