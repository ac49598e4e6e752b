"""Qiniu's voice: a text to sound, over a WebSocket as it is made, or over HTTP when it is whole.

Belongs here: the request, the answers' sound, the choice between the two ways. Does not belong here:
decoding MP3, cutting a text into sentences, the transport.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from voicecli.backends.qiniu.failover import Addresses
from voicecli.backends.qiniu.recognised import complaint_error
from voicecli.backends.qiniu.settings import BYTES, CHARACTERS, VOICE
from voicecli.backends.transport.http import HttpService
from voicecli.backends.transport.websocket import Socket
from voicecli.backends.transport.wording import json_in
from voicecli.errors import InputError, ProtocolError, ServiceError, UnreachableError, VoiceError
from voicecli.types import AudioChunk, PcmFormat, SpeechRequest
from voicecli.types.jsonvalue import laid_over

PCM = PcmFormat(24_000, 1)
"""What its pcm is."""

_ENCODINGS: dict[str, PcmFormat | str] = {"mp3": "mp3", "wav": "wav", "pcm": PCM}
_NO_SOCKET = frozenset({400, 404, 405, 426, 501})
"""Answers to a handshake that say: there is no such WebSocket here."""

_IDLE = 1_000
"""Messages without sound, one after the other, that are put up with."""


@dataclass(frozen=True, slots=True)
class AnswerSound:
    """One answer's sound; `last` says that no other follows, `number` which answer it is (None: untold)."""

    data: bytes
    last: bool
    number: int | None = None


def sound_in(data: object) -> AnswerSound:
    """The sound in one decoded answer. Raises the error that it reports, ProtocolError for broken base64."""
    error = complaint_error(data)
    if error:
        raise error
    fields = data if isinstance(data, Mapping) else {}
    encoded, sequence = fields.get("data"), fields.get("sequence")
    try:
        sound = base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else b""
    except (binascii.Error, ValueError) as exc:
        raise ProtocolError("sent sound that is no base64") from exc
    if isinstance(sequence, bool) or not isinstance(sequence, int):
        return AnswerSound(sound, False)
    # -1 may stand for the last answer, whichever it is.
    return AnswerSound(sound, sequence < 0, None if sequence == -1 else abs(sequence))


class Order:
    """Tells whether a message that could not be read was a piece of the sound: then a sequence number is missing.

    Any other such message is skipped. A service that numbers nothing cannot show that no piece is missing. Numbers
    are compared only after something was skipped: no document promises that they have no gaps.
    """

    def __init__(self) -> None:
        self._next = {0, 1}
        self._skipped: ProtocolError | None = None

    def skip(self, why: ProtocolError) -> None:
        """Something came that is no answer."""
        self._skipped = self._skipped or why

    def follow(self, sound: AnswerSound) -> None:
        """An answer came. Raises why something was skipped, unless this is the very next one."""
        if self._skipped and sound.number not in self._next:
            raise self._skipped
        self._skipped = None
        self._next = set() if sound.number is None else {sound.number + 1}

    def end(self) -> None:
        """No answer follows, and none was said to be the last. Raises why something was skipped."""
        if self._skipped:
            raise self._skipped


class QiniuSpeaker:
    """Speaks one text a request. Each synthesis over the WebSocket is a connection of its own."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses

    async def warm(self) -> None:
        await self._addresses.warm()

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AsyncIterator[AudioChunk]]:
        """One synthesis. WAV comes whole over HTTP, anything else as it is made over the WebSocket.

        Raises what the service says, InputError for a text beyond the limits.
        """
        body = self._body(request)
        async with AsyncExitStack() as stack:
            socket = None if body["audio"]["encoding"] == "wav" else await self._opened(stack, body)
            chunks = self._conversed(socket, body) if socket else self._whole(body)
            yield await stack.enter_async_context(aclosing(chunks))

    def _body(self, request: SpeechRequest) -> dict[str, Any]:
        backend, text = self._addresses.backend, request.text
        if len(text) > CHARACTERS or len(text.encode()) > BYTES:
            raise InputError(f"the text is longer than {CHARACTERS} characters or {BYTES} bytes", who=backend.name)
        wished = next((f for f in (request.format, backend.speech_format) if f in _ENCODINGS), "mp3")
        audio = {
            "voice_type": request.voice or backend.voice or VOICE,
            "encoding": wished,
            "speed_ratio": request.speed or backend.speed or 1.0,
        }
        return laid_over({"audio": audio, "request": {"text": text}}, backend.extra_for("speak"))

    async def _opened(self, stack: AsyncExitStack, body: Mapping[str, Any]) -> Socket | None:
        """The WebSocket, or None where the service has no such thing."""
        voice = str(body["audio"]["voice_type"])
        try:
            return await stack.enter_async_context(
                self._addresses.socket("voice/tts", {"VoiceType": voice}, verb="speak")
            )
        except ServiceError as exc:
            if exc.status not in _NO_SOCKET:
                raise
            return None

    async def _conversed(self, socket: Socket, body: dict[str, object]) -> AsyncGenerator[AudioChunk, None]:
        """Chunks as they come. The end is a negative sequence, or a close in good order after some sound."""
        spoken, idle, order = False, 0, Order()
        await socket.offer(json.dumps(body, ensure_ascii=False).encode())
        try:
            while (sound := await self._next(socket, order)) is not None:
                idle = 0 if sound.data else idle + 1
                if idle > _IDLE:
                    raise ProtocolError(f"sent {idle} messages without sound")
                if sound.data:
                    spoken = True
                    yield AudioChunk(sound.data, encoding_of(body))
                if sound.last:
                    break
        except ProtocolError as exc:
            raise socket.service.own(exc) from exc.__cause__
        if not spoken:
            raise _silent(socket.service)

    async def _next(self, socket: Socket, order: Order) -> AnswerSound | None:
        """The next answer; None when the peer has closed in good order. Raises ProtocolError for one that is lost."""
        message = await self._message(socket)
        if message is None:
            order.end()
            return None
        try:
            data = json_in(message)
        except ProtocolError as exc:
            order.skip(exc)
            return AnswerSound(b"", False)
        sound = _checked(data, socket.service)
        order.follow(sound)
        return sound

    async def _message(self, socket: Socket) -> bytes | str | None:
        try:
            async with asyncio.timeout(self._addresses.backend.timeout_s):
                return await socket.receive()
        except TimeoutError as exc:
            seconds = f"{self._addresses.backend.timeout_s:g} s"
            raise UnreachableError(f"sent nothing for {seconds}", who=socket.who, cure="Try again") from exc

    async def _whole(self, body: dict[str, object]) -> AsyncGenerator[AudioChunk, None]:
        """Over HTTP, in one piece."""
        data, address = await self._addresses.json("POST", "/voice/tts", verb="speak", json=body)
        sound = _checked(data, address)
        if not sound.data:
            raise _silent(address)
        yield AudioChunk(sound.data, encoding_of(body))


def encoding_of(body: Mapping[str, Any]) -> PcmFormat | str:
    """What the sound asked for by `body` is; a configured encoding that we don't know passes by its name."""
    name = str(body["audio"]["encoding"])
    return _ENCODINGS.get(name, name)


def _checked(data: object, service: HttpService) -> AnswerSound:
    try:
        return sound_in(data)
    except VoiceError as exc:
        raise service.own(exc) from exc.__cause__


def _silent(service: HttpService) -> VoiceError:
    return ServiceError("sent no sound", who=service.who, cure="Try again, or another voice")
