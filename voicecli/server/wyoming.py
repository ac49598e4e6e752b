"""Wyoming, Home Assistant's protocol for recognisers and voices, beside HTTP and out of the same pool.

Belongs here: its connections, its events to use cases and back. Does not belong here: recognising, speaking.
It knows no keys, so it is served on this machine alone. Source: github.com/OHF-Voice/wyoming. Needs
`voicecli[wyoming]`.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from wyoming.asr import Transcribe, Transcript, TranscriptChunk, TranscriptStart, TranscriptStop
from wyoming.audio import AudioChunk, AudioChunkConverter, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, Eventable, async_read_event, async_write_event
from wyoming.info import AsrModel, AsrProgram, Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeStopped, SynthesizeVoice

from voicecli import __version__
from voicecli.audio.pcm import wav_bytes
from voicecli.errors import UsageError, VoiceError, culprit
from voicecli.server import ears, listing, mouth
from voicecli.server.pool import Pool
from voicecli.server.refusals import Refused, told
from voicecli.server.relay import until_none
from voicecli.types import MIC, AudioFrame, SpeechRequest, TranscribeOptions
from voicecli.usecases.transcribing.batch import Wish
from voicecli.usecases.transcribing.results import text_of

HOST = "127.0.0.1"
CONNECTIONS = 64
MOST_BYTES = 1024 * 1024
"""Of one event."""
LONGEST_BYTES = MIC.bytes_for(600_000)
"""Of one utterance: ten minutes."""
MOST_WAITING = 10_000
"""Pieces of a text that wait to be spoken."""
IDLE_S = 300.0
BY = Attribution("voicecli", "")
LANGUAGES = ["en", "zh"]
"""What is told where a backend does not list the languages that it knows."""


def door(port: int) -> socket.socket:
    """The socket to listen on. Raises UsageError where the port is taken."""
    try:
        return socket.create_server((HOST, port))
    except OSError:
        raise UsageError(f"{HOST}:{port} cannot be listened on", cure="Choose another --wyoming, or end who has it.")


@asynccontextmanager
async def listening(pool: Pool, listener: socket.socket) -> AsyncIterator[None]:
    """Serves while the block runs; then every connection ends."""
    visits: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as tasks:

        def come(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if len(visits) >= CONNECTIONS:
                writer.close()
                return
            visit = tasks.create_task(_visit(pool, reader, writer))
            visits.add(visit)
            visit.add_done_callback(visits.discard)

        server = await asyncio.start_server(come, sock=listener)
        try:
            yield
        finally:
            server.close()
            for each in visits:
                each.cancel()


async def _visit(pool: Pool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, to its end: whoever sends what makes no sense is left, and nobody else notices."""
    bounded: Any = _Bounded(reader)
    try:
        async with asyncio.TaskGroup() as tasks:
            visit = HomeClient(pool, writer, tasks)
            try:
                while (event := await async_read_event(bounded)) is not None:
                    await visit.take(event)
            finally:
                visit.leave()
    except* Exception as group:
        pool.services.report.detail(f"Wyoming: a connection has ended: {group.exceptions[0]!r}")
    finally:
        writer.close()


class _Bounded:
    """A reader that gives up: on a client that says nothing, and on events that are too large."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    async def readline(self) -> bytes:
        async with asyncio.timeout(IDLE_S):
            return await self._reader.readline()

    async def readexactly(self, count: int) -> bytes:
        if count > MOST_BYTES:
            raise ValueError("an event is too large")
        async with asyncio.timeout(IDLE_S):
            return await self._reader.readexactly(count)


class HomeWire:
    """What a client is told, and the work that tells it; `leave` when the client is gone."""

    def __init__(self, writer: asyncio.StreamWriter, tasks: asyncio.TaskGroup) -> None:
        self._writer, self._tasks = writer, tasks
        self._work: set[asyncio.Task[None]] = set()

    async def write(self, *events: Eventable) -> None:
        for each in events:
            await async_write_event(each.event(), self._writer)

    def begin(self, work: Awaitable[None]) -> None:
        task = self._tasks.create_task(self._told(work))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def leave(self) -> None:
        for each in self._work:
            each.cancel()

    async def _told(self, work: Awaitable[None]) -> None:
        """What goes wrong is told without a word of the service behind."""
        try:
            await work
        except (VoiceError, Refused, ExceptionGroup) as exc:
            error = culprit(exc)
            words = (error.told if isinstance(error, Refused) else told(error)).body.error.message
            await self.write(Error(words))


class HomeEars:
    """Recognition for one client."""

    def __init__(self, pool: Pool, wire: HomeWire) -> None:
        self._pool, self._wire = pool, wire
        self._language: str | None = None
        self._sound: asyncio.Queue[AudioFrame | None] | None = None
        self._converter = AudioChunkConverter(rate=MIC.rate, width=2, channels=1)
        self._taken = 0

    def choose(self, event: Event) -> None:
        self._language = Transcribe.from_event(event).language or None

    def start(self, _event: Event) -> None:
        self._sound, self._taken = asyncio.Queue(), 0
        self._wire.begin(self._hear(until_none(self._sound)))

    def chunk(self, event: Event) -> None:
        if self._sound is None:
            return
        pcm = self._converter.convert(AudioChunk.from_event(event)).audio
        self._taken += len(pcm)
        if self._taken > LONGEST_BYTES:
            raise ValueError("an utterance is too long")
        self._sound.put_nowait(AudioFrame(pcm, MIC, asyncio.get_running_loop().time()))

    def stop(self, _event: Event) -> None:
        if self._sound is not None:
            self._sound.put_nowait(None)
            self._sound = None

    async def _hear(self, frames: AsyncIterator[AudioFrame]) -> None:
        """Words while they are spoken, where the recogniser hears live; else when all is said."""
        services, write = self._pool.named(), self._wire.write
        options = TranscribeOptions(**self._pool.taken("transcribe", None, {"language": self._language}))
        if not services.choose("transcribe_live")[0].can("transcribe_live"):
            text = await _whole(self._pool, [frame.pcm async for frame in frames], options)
            return await write(TranscriptStart(), TranscriptChunk(text), Transcript(text), TranscriptStop())
        text, shown = "", ""
        await write(TranscriptStart())
        async with services.open("transcribe_live") as live, live.transcribe_live(frames, options) as transcripts:
            async for transcript in transcripts:
                text = transcript.text
                if text.startswith(shown) and text != shown:
                    await write(TranscriptChunk(text.removeprefix(shown)))
                    shown = text
        return await write(Transcript(text), TranscriptStop())


class HomeMouth:
    """Speech for one client."""

    def __init__(self, pool: Pool, wire: HomeWire) -> None:
        self._pool, self._wire = pool, wire
        self._words: asyncio.Queue[str | None] | None = None

    def whole(self, event: Event) -> None:
        """Who streams a text sends it whole as well, for servers that know no streams."""
        if self._words is None:
            asked = Synthesize.from_event(event)
            self._wire.begin(self._say(asked.text, asked.voice))

    def start(self, event: Event) -> None:
        self._words = asyncio.Queue()
        self._wire.begin(self._say(until_none(self._words), SynthesizeStart.from_event(event).voice, streamed=True))

    def chunk(self, event: Event) -> None:
        if self._words is not None:
            self._words.put_nowait(SynthesizeChunk.from_event(event).text)
            if self._words.qsize() > MOST_WAITING:
                raise ValueError("text comes quicker than it can be spoken")

    def stop(self, _event: Event) -> None:
        if self._words is not None:
            self._words.put_nowait(None)
            self._words = None

    async def _say(
        self, text: str | AsyncIterator[str], voice: SynthesizeVoice | None, *, streamed: bool = False
    ) -> None:
        """The text, as sound as it is made."""
        request = SpeechRequest("", self._pool.voice(voice.name if voice is not None else None))
        format = {"rate": mouth.PCM_RATE, "width": 2, "channels": 1}
        await self._wire.write(AudioStart(**format))
        try:
            async with mouth.spoken(self._pool, text, request, None, "pcm") as pieces:
                rest = b""
                async for piece in pieces:
                    sound = rest + piece
                    whole = len(sound) - len(sound) % 2
                    rest = sound[whole:]
                    await self._wire.write(AudioChunk(**format, audio=sound[:whole]))
        finally:
            await self._wire.write(AudioStop(), *([SynthesizeStopped()] if streamed else []))


class HomeClient:
    """What one client has asked for. `take` its events in order; `leave` when it is gone."""

    def __init__(self, pool: Pool, writer: asyncio.StreamWriter, tasks: asyncio.TaskGroup) -> None:
        self._pool, self._wire = pool, HomeWire(writer, tasks)
        self.leave = self._wire.leave
        ears, mouth = HomeEars(pool, self._wire), HomeMouth(pool, self._wire)
        self._acts: dict[str, Callable[[Event], None]] = {
            Transcribe().event().type: ears.choose,
            AudioStart(1, 1, 1).event().type: ears.start,
            AudioChunk(1, 1, 1, b"").event().type: ears.chunk,
            AudioStop().event().type: ears.stop,
            Synthesize("").event().type: mouth.whole,
            SynthesizeStart().event().type: mouth.start,
            SynthesizeChunk("").event().type: mouth.chunk,
            SynthesizeStop().event().type: mouth.stop,
        }

    async def take(self, event: Event) -> None:
        if Describe.is_type(event.type):
            await self._describe()
        elif Ping.is_type(event.type):
            await self._wire.write(Pong(Ping.from_event(event).text))
        elif (act := self._acts.get(event.type)) is not None:
            act(event)

    async def _describe(self) -> None:
        """Tells the client which recogniser and voices there are."""
        known = (await listing.voices(self._pool))["voices"]
        voices = [
            TtsVoice(each["id"], BY, True, each["name"], None, [each["language"]] if each["language"] else LANGUAGES)
            for each in known or [{"id": "default", "name": "default", "language": ""}]
        ]
        model = AsrModel("default", BY, True, "The recogniser of this server", None, LANGUAGES)
        about = ("voicecli", BY, True, "voice serve", __version__)
        await self._wire.write(Info([AsrProgram(*about, [model], True)], [TtsProgram(*about, voices, True)]))


async def _whole(pool: Pool, pieces: list[bytes], options: TranscribeOptions) -> str:
    """The text of a whole utterance."""
    with tempfile.TemporaryDirectory(prefix="voice-") as folder:
        path = Path(folder) / "recording.wav"
        path.write_bytes(wav_bytes(b"".join(pieces), MIC))
        wish = Wish(("text",), options, cached=False)
        return text_of(await ears.heard(pool, ears.SentRecording(path, wish, None)))
