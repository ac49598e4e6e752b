"""Qiniu's ears, and what it lists: the pump between a recognition session and a socket.

Belongs here: carrying bytes between `recognition.Recognition` and the transport, reading the clock for it, the
requests over HTTP. Does not belong here: the order of frames and the rules of the end (recognition.py), the
layout of frames (frames.py), speaking (speech.py).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress

from voicecli.backends.qiniu.failover import Addresses
from voicecli.backends.qiniu.recognised import complaint_error, result_in, transcript_of
from voicecli.backends.qiniu.recognition import BIG_PIECE, Recognition, config
from voicecli.backends.samples import check_frame, plain_samples
from voicecli.backends.transport.reopening import reopened
from voicecli.backends.transport.structured import alongside
from voicecli.backends.transport.websocket import Socket
from voicecli.backends.transport.wording import clean
from voicecli.errors import DroppedError, InputError, VoiceError
from voicecli.ports import Stream
from voicecli.types import (
    MIC,
    AudioClip,
    AudioFrame,
    ChatDelta,
    ChatMessage,
    ChatOptions,
    HealthReport,
    TranscribeOptions,
    Transcript,
    Voice,
)

HOLD_S = 1.0
"""How long sound is held back for the config's answer, so that a slow gateway drops none of it."""

TALKATIVE, DUMB_S = 5, 8.0
"""After so many answers during the speech, so many seconds without any are a connection that died."""

URL_FORMATS = {"wav": "wav", "mp3": "mp3", "ogg": "ogg", "oga": "ogg", "opus": "ogg", "raw": "raw", "pcm": "raw"}
"""Our containers, as the service names what it fetches from an address."""

LONGEST_LIST = 5_000


class QiniuEars:
    """Ears for live sound and for recordings, each in a connection of its own; recordings at an address over HTTP."""

    def __init__(
        self, addresses: Addresses, session: Callable[[Mapping[str, object]], Recognition] = Recognition
    ) -> None:
        self._addresses, self._session = addresses, session
        self._uid = str(uuid.uuid4())

    def transcribe_live(self, frames: AsyncIterator[AudioFrame], options: TranscribeOptions) -> Stream[Transcript]:
        """One utterance. Raises what the service says, UsageError for frames that are not 16 kHz mono."""
        url = self._addresses.backend.live_url
        return reopened(lambda taped: self._conversed(taped, options, url), frames)

    def transcribe(self, clip: AudioClip, options: TranscribeOptions) -> Stream[Transcript]:
        """A recording: passed on when it is at an address, else sent as fast as the service takes it.

        As with live sound, what a dropped connection left unfinished is sent again.
        """
        if clip.url:
            return aclosing(self._fetched(clip, options))
        frames = _frames(plain_samples(clip))
        return reopened(lambda taped: self._conversed(taped, options), frames)

    @asynccontextmanager
    async def _conversed(
        self, frames: AsyncIterator[AudioFrame], options: TranscribeOptions, url: str = ""
    ) -> AsyncIterator[AsyncIterator[Transcript]]:
        extra = self._addresses.backend.extra_for("transcribe")
        session = self._session(config(self._uid, self._model(options), extra))
        async with self._addresses.socket("voice/asr", url=url) as socket:
            pump = _Pump(socket, session)
            async with alongside(pump.send(frames)), aclosing(pump.heard()) as transcripts:
                yield transcripts

    async def _fetched(self, clip: AudioClip, options: TranscribeOptions) -> AsyncGenerator[Transcript, None]:
        audio = {"format": _url_format(clip), "url": clip.url}
        body = {"model": self._model(options), "audio": audio} | self._addresses.backend.extra_for("transcribe")
        data, address = await self._addresses.json("POST", "/voice/asr", verb="transcribe", json=body)
        result, error = result_in(data), complaint_error(data)
        if error and result is None:
            raise address.own(error)
        if result is None:
            raise address.protocol_error("answered without a result", str(data))
        yield transcript_of(data, result, final=True)

    def _model(self, options: TranscribeOptions) -> str:
        return options.model or self._addresses.backend.transcribe_model or "asr"


class _Pump:
    """Carries a session's bytes to and from a socket: two ways that never wait for one another."""

    def __init__(self, socket: Socket, session: Recognition) -> None:
        self._socket, self._session = socket, session
        self._clock = asyncio.get_running_loop().time
        self._answered = asyncio.Event()
        self._answers, self._answered_at = 0, self._clock()
        self._wait: asyncio.Timeout | None = None

    async def send(self, frames: AsyncIterator[AudioFrame]) -> None:
        """The config, the sound, the last frame. A lost connection is left to `heard` to tell of."""
        session, offer = self._session, self._socket.offer
        await offer(session.start(self._clock()))
        self._hurry()
        await self._settled()
        async for frame in frames:
            check_frame(frame, self._socket.who)
            for data in session.feed(frame.pcm):
                self._mind()
                if not await offer(data):
                    return
        await offer(session.finish(self._clock()))
        self._hurry()

    def _mind(self) -> None:
        """Raise when a service that answered piece after piece has become dumb while we speak."""
        silence = self._clock() - self._answered_at
        if self._answers >= TALKATIVE and silence > DUMB_S:
            what = f"stopped answering {silence:.0f} s ago, in the middle of the speech"
            raise DroppedError(what, who=self._socket.who, cure="Try again")

    async def heard(self) -> AsyncGenerator[Transcript, None]:
        """The text so far whenever it changes, then the final one. Raises what the session raises."""
        session = self._session
        while session.final is None:
            try:
                transcript = await self._next()
            except VoiceError as exc:
                raise self._socket.service.own(exc) from exc.__cause__
            if session.answered:
                self._answered.set()
            if transcript is not None:
                yield transcript
        yield session.final

    async def _next(self) -> Transcript | None:
        """What the next message, or its absence, or the end of the connection, means to the session."""
        session = self._session
        try:
            message = await self._message()
        except TimeoutError:
            session.quiet()
        except VoiceError as broken:
            session.closed(broken)
        else:
            self._answers, self._answered_at = self._answers + 1, self._clock()
            if message is not None:
                return session.receive(message, self._clock())
            session.closed()
        return None

    async def _message(self) -> bytes | str | None:
        try:
            async with asyncio.timeout_at(self._session.deadline) as self._wait:
                return await self._socket.receive()
        finally:
            self._wait = None

    def _hurry(self) -> None:
        """The session's deadline has changed while `_message` waits."""
        if self._wait is not None and not self._wait.expired():
            self._wait.reschedule(self._session.deadline)

    async def _settled(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(HOLD_S):
                await self._answered.wait()


async def _frames(samples: bytes) -> AsyncGenerator[AudioFrame, None]:
    for at in range(0, len(samples), BIG_PIECE):
        yield AudioFrame(samples[at : at + BIG_PIECE], MIC)
        # Small sends never wait, and whoever receives must have a turn.
        await asyncio.sleep(0)


def _url_format(clip: AudioClip) -> str:
    if clip.container in URL_FORMATS:
        return URL_FORMATS[clip.container]
    cure = "Give a wav, mp3 or ogg, or download it first"
    raise InputError(f"the service does not fetch {clip.container}", who=clip.name, cure=cure)


class Thinker:
    """Chat and the list of models: OpenAI's, at the first address that works."""

    def __init__(self, addresses: Addresses) -> None:
        from voicecli.backends.openai.catalog import OpenAICatalog as Models
        from voicecli.backends.openai.completions import OpenAIChat

        self._addresses = addresses
        self._chats = {base: OpenAIChat(address) for base, address in addresses.services.items()}
        self._models = {base: Models(address) for base, address in addresses.services.items()}

    async def warm(self) -> None:
        await self._addresses.warm()

    def chat(self, messages: Sequence[ChatMessage], options: ChatOptions) -> Stream[ChatDelta]:
        """As OpenAI's."""
        return self._addresses.entered(lambda base: self._chats[base].chat(messages, options))

    async def models(self) -> Sequence[str]:
        """As OpenAI's."""
        return await self._addresses.first(lambda base: self._models[base].models())


class QiniuVoices:
    """What the service lists: its voices. That it does is also how its health is known."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses

    async def voices(self) -> Sequence[Voice]:
        """Every voice, with a sample's address where there is one. Raises ProtocolError for no list."""
        data, address = await self._addresses.json("GET", "/voice/list", verb="voices")
        if isinstance(data, Mapping) and (error := complaint_error(data)):
            raise address.own(error)
        if isinstance(data, Mapping):
            data = next((data[name] for name in ("data", "voices", "list") if data.get(name)), None)
        if not isinstance(data, list):
            raise address.protocol_error("answered something that is no list of voices", str(data))
        return list(_voices(data[:LONGEST_LIST]))

    async def check(self) -> HealthReport:
        """Raises what is wrong; returning means that the list of voices came."""
        return HealthReport(f"{len(await self.voices())} voices")


def _voices(listed: list[object]) -> Iterator[Voice]:
    for each in listed:
        found = {name: _field(each, name) for name in ("voice_type", "voice_name", "category", "url")}
        name, url = found["voice_type"], found["url"]
        if name:
            sample = url if url.startswith(("https://", "http://")) else ""
            yield Voice(name, found["voice_name"], _language_in(name), found["category"], sample)


def _field(listed: object, name: str) -> str:
    value = listed.get(name) if isinstance(listed, Mapping) else None
    return clean(value) if isinstance(value, str) else ""


def _language_in(name: str) -> str:
    """The language in a name such as qiniu_zh_female_tmjxxy; "" when it tells none."""
    parts = name.split("_")
    return parts[1] if len(parts) > 2 and len(parts[1]) == 2 and parts[1].isalpha() else ""
