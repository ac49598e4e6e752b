"""Recordings to a local SenseVoice: whole, with partial lines, or by its own API.

Belongs here: what goes into these requests and what their answers mean.
Does not belong here: the transport (http), lines (server, ndjson), tags (sensevoice).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from voicecli.backends.selfhosted.server import Field, answered, form_fields, form_file, member, messages, opened, shown
from voicecli.backends.sensevoice import language_in, strip_tags
from voicecli.backends.transport.http import HttpAdapter, HttpService, Reply
from voicecli.errors import UsageError
from voicecli.ports import Opened, Stream
from voicecli.text.clean import one_line
from voicecli.types import AudioClip, Backend, TranscribeOptions, Transcript

STREAM, WHOLE, OWN = "/asr/stream", "/asr", "/api/v1/asr"
ENDINGS = (OWN, STREAM, WHOLE)


def open_transcriber(backend: Backend) -> Opened[SenseVoiceEars]:
    """Ears at `asr_url`. Raises ConfigError without one."""
    return opened(backend, "asr_url", ENDINGS, SenseVoiceEars)


class SenseVoiceEars(HttpAdapter):
    """Sends a recording as it is; language, emotion and events come back as tags."""

    def __init__(self, service: HttpService, path: str = "") -> None:
        super().__init__(service)
        self._paths = [path] if path else [STREAM, WHOLE]

    def transcribe(self, clip: AudioClip, options: TranscribeOptions) -> Stream[Transcript]:
        """Partial texts where the server streams them, then the final one."""
        return answered(self._service, self._paths, _READ, verb="transcribe", files=self._form(clip, options))

    def _form(self, clip: AudioClip, options: TranscribeOptions) -> list[Field]:
        backend = self._service.backend
        own = self._paths == [OWN]
        if options.language and not own:
            raise UsageError(
                "POST /asr takes no language: SenseVoice tells by itself",
                who=backend.name,
                cure=f"Leave the language out, or end asr_url with {OWN} if the server has that",
            )
        # SenseVoice writes zh for zh-CN.
        language = (options.language or backend.language).lower().replace("_", "-").partition("-")[0]
        asked = {"keys": "audio", "lang": language or "auto"} if own else {}
        return [
            *form_fields(backend.extra_for("transcribe") | asked),
            form_file("files" if own else "file", clip, "audio"),
        ]


async def _partials(server: HttpService, reply: Reply) -> AsyncGenerator[Transcript, None]:
    """There is no final marker: what came last is final when the body ends; nothing at all is no speech."""
    last = ""
    async with aclosing(messages(server, reply)) as found:
        async for message in found:
            text = message.get("partial_text", message.get("text"))
            if not isinstance(text, str):
                raise server.protocol_error("sent a line without 'partial_text'", shown(message))
            last = text
            yield _transcript(text, final=False)
    yield _transcript(last)


async def _whole(server: HttpService, reply: Reply) -> AsyncGenerator[Transcript, None]:
    yield _transcript(member(server, await reply.json(), "text"))


async def _results(server: HttpService, reply: Reply) -> AsyncGenerator[Transcript, None]:
    """SenseVoice's own answer. Its clean_text loses words between tags, so raw_text is taken."""
    data = await reply.json()
    server.complain(data)
    found = data.get("result") if isinstance(data, Mapping) else None
    texts = [_raw(each) for each in found] if isinstance(found, list) else [None]
    if None in texts:
        raise server.protocol_error("answered without a result", shown(data))
    yield _transcript("\n".join(text for text in texts if text))


def _raw(result: object) -> str | None:
    text = result.get("raw_text", result.get("text")) if isinstance(result, Mapping) else None
    return text if isinstance(text, str) else None


_READ: dict[str, Callable[[HttpService, Reply], AsyncGenerator[Transcript, None]]] = {
    STREAM: _partials,
    WHOLE: _whole,
    OWN: _results,
}


def _transcript(text: str, *, final: bool = True) -> Transcript:
    words, tags = strip_tags(one_line(text))
    return Transcript(words, final, language=language_in(tags), tags=tags)
