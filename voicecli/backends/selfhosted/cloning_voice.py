"""Text to a local server that speaks in a style, or like the person in a reference recording.

Belongs here: what goes into these requests and what their answers mean.
Does not belong here: the transport (http), form fields (server), what to do with the sound.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from voicecli.backends.family import own
from voicecli.backends.selfhosted.server import Field, form_fields, form_file, opened
from voicecli.backends.selfhosted.settings import SelfhostedSettings
from voicecli.backends.transport.http import HttpAdapter, HttpService, Reply
from voicecli.backends.transport.wording import complaint_of
from voicecli.errors import ServiceError, UsageError, VoiceError
from voicecli.ports import Opened, Stream
from voicecli.types import AudioChunk, Backend, SpeechRequest, Voice

STYLES = ("style1", "style2")
"""The styles that the documents name: suggestions, never a limit."""

ENDINGS = ("/synthesize",)

_MARK = b"RIFF"
_HEADER = 44
_WORDS_BYTES = 64 * 1024


def open_speaker(backend: Backend) -> Opened[CloningSpeaker]:
    """A voice at `tts_url`. Raises ConfigError without one."""
    return opened(backend, "tts_url", ENDINGS, lambda server, _path: CloningSpeaker(server))


def open_voices(backend: Backend) -> Opened[Voices]:
    """The styles at `tts_url`. Raises ConfigError without one."""
    return opened(backend, "tts_url", ENDINGS, lambda _server, _path: Voices(backend))


class CloningSpeaker(HttpAdapter):
    """A voice. It answers after the whole synthesis: give it sentences, not pages."""

    def speak(self, request: SpeechRequest) -> Stream[AudioChunk]:
        """One WAV in pieces. Raises UsageError for a style and a reference at once."""
        return self._read(self._service.stream("POST", ENDINGS[0], verb="speak", files=self._form(request)), _wav)

    def _form(self, request: SpeechRequest) -> list[Field]:
        backend = own(SelfhostedSettings, self._service.backend)
        asked = list(dict.fromkeys(each for each in (request.style, request.voice) if each))
        if len(asked) + bool(request.reference) > 1:
            raise UsageError("takes one of --style, --voice and --reference: each chooses the voice", who=backend.name)
        form = backend.extra_for("speak") | {"text": request.text}
        if request.reference:
            form.pop("style", None)
        elif asked or "style" not in form:
            form["style"] = next(iter(asked), "") or backend.style or backend.voice or STYLES[0]
        tuned = {"temperature": request.temperature, "top_p": request.top_p}
        form |= {name: value for name, value in tuned.items() if value is not None}
        reference = [form_file("prompt_audio", request.reference, "prompt")] if request.reference else []
        return [*form_fields(form), *reference]


async def _wav(server: HttpService, reply: Reply) -> AsyncGenerator[AudioChunk, None]:
    head, size = b"", 0
    async for piece in reply.chunks():
        size += len(piece)
        if len(head) < len(_MARK):
            piece = head = head + piece
            if not _MARK.startswith(head[: len(_MARK)]):
                raise await _no_wav(server, reply, head)
            if len(head) < len(_MARK):
                continue
        yield AudioChunk(piece, "wav")
    if size <= _HEADER:
        raise ServiceError("answered without any sound", who=server.who)


async def _no_wav(server: HttpService, reply: Reply, head: bytes) -> VoiceError:
    """What a server says where a WAV should stand."""
    if head[:1] not in b"{[<":
        return server.protocol_error("sent something that is no WAV", head if head.isascii() else repr(head[:16]))
    body = head + b"".join([piece async for piece in reply.chunks(_WORDS_BYTES)])
    return server.error(complaint_of(body, reply.content_type))


class Voices:
    """What `--voice` and `--style` may be, as far as the documents tell: the service lists none."""

    def __init__(self, backend: Backend) -> None:
        self._backend = own(SelfhostedSettings, backend)

    async def voices(self) -> Sequence[Voice]:
        """The configured style, then the documented ones. A server may have more."""
        names = dict.fromkeys(each for each in (self._backend.style, self._backend.voice, *STYLES) if each)
        return [Voice(name, category="style", listed=False) for name in names]
