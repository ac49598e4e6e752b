"""Speech: OpenAI's shape, the local voice's (`/synthesize`) and the cloud's (`GET /v1/tts`).

Belongs here: a client's wishes to a use case, sound as it is made to a body. Does not belong here: cutting texts.
Source: OpenAI's API reference, "Create speech"; the local servers' document ("TTS"); the cloud's ("text to speech").
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, UploadFile
from pydantic import Field
from starlette.responses import Response

from voicecli.audio import foreign
from voicecli.server.chat import event
from voicecli.server.pool import Pool
from voicecli.server.refusals import DECLARED, told
from voicecli.server.relay import until_none
from voicecli.server.requests import Lenient, Number, Opened, streamed
from voicecli.types import AudioClip, SpeechRequest
from voicecli.usecases.inputs import STD
from voicecli.usecases.speaking.goals import Goal
from voicecli.usecases.speaking.saying import Saying, Text

router = APIRouter(responses=DECLARED, tags=["speech"])

MOST_TEXT = 100_000
"""Characters of one text; OpenAI takes 4,096."""
MOST_SAMPLE = 20 * 1024 * 1024
PCM_RATE = 24_000
"""What OpenAI calls pcm: s16le mono at this rate."""
KINDS = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
Container = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
SOUND: dict[int | str, dict[str, Any]] = {
    200: {"content": {kind: {} for kind in (*KINDS.values(), "text/event-stream")}}
}


class VoiceId(Lenient):
    """A voice of one's own, as OpenAI names it."""

    id: str


class SpeechIn(Lenient):
    """`POST /v1/audio/speech`."""

    input: str = Field(min_length=1, max_length=MOST_TEXT)
    model: str | None = None
    voice: str | VoiceId | None = None
    response_format: Container | None = None
    speed: Number | None = Field(default=None, ge=0.25, le=4)
    instructions: str | None = None
    stream_format: Literal["audio", "sse"] | None = None


async def said(pool: Pool, text: str, request: SpeechRequest, backend: str | None, container: str) -> Response:
    """The body, begun as soon as there is sound."""
    relay = await pool.relayed(spoken(pool, text, request, backend, container))
    return streamed(relay, aiter(relay), KINDS[container])


@asynccontextmanager
async def spoken(
    pool: Pool, text: Text, request: SpeechRequest, backend: str | None, container: str
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Pieces of the file, as they are made."""
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
    aac = foreign.AacEncoder(pieces.put_nowait, PCM_RATE) if container == "aac" and find_spec("av") else None
    goal = Goal(STD, "pcm", rate=PCM_RATE) if aac or container == "pcm" else Goal(STD, container)
    saying = Saying(pool.named(backend), request, goal, stdout=aac.feed if aac else pieces.put_nowait)

    async def say() -> None:
        try:
            await saying.say(text)
            if aac:
                aac.close()
        finally:
            pieces.put_nowait(None)

    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(say())
        try:
            yield until_none(pieces)
        finally:
            if not speaking.done():
                speaking.cancel()


async def _events(relay: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    """The same in base64, as server-sent events."""
    try:
        async for piece in relay:
            yield event({"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()})
    except Exception as exc:
        yield event(told(exc).body.model_dump())
        return
    nothing = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    yield event({"type": "speech.audio.done", "usage": nothing})


@router.post("/v1/audio/speech", response_class=Response, responses=SOUND)
async def speech(asked: SpeechIn, pool: Opened) -> Response:
    """Speak a text, as sound or as events with sound in them."""
    meant = await pool.meant("speak", asked.model)
    voice = asked.voice.id if isinstance(asked.voice, VoiceId) else asked.voice
    wishes: dict[str, Any] = {"speed": asked.speed, "instructions": asked.instructions or None}
    wishes = pool.taken("speak", meant.backend, wishes)
    request = SpeechRequest(asked.input, pool.voice(voice), meant.model, **wishes)
    container = asked.response_format or "mp3"
    if asked.stream_format != "sse":
        return await said(pool, asked.input, request, meant.backend, container)
    relay = await pool.relayed(spoken(pool, asked.input, request, meant.backend, container))
    return streamed(relay, _events(relay), "text/event-stream")


@router.post("/synthesize", response_class=Response, responses=SOUND)
async def synthesize(
    pool: Opened,
    text: Annotated[str, Form(min_length=1, max_length=MOST_TEXT)],
    style: Annotated[str | None, Form()] = None,
    temperature: Annotated[float | None, Form(ge=0, le=2)] = None,
    top_p: Annotated[float | None, Form(ge=0, le=1)] = None,
    prompt_audio: Annotated[UploadFile | None, File()] = None,
) -> Response:
    """Speak a text as a WAV, in a style or like a recording, as the local voice server does."""
    sample = None
    if prompt_audio is not None:
        data = await prompt_audio.read(MOST_SAMPLE)
        sample = AudioClip(data, (prompt_audio.filename or "a.wav").rpartition(".")[2].lower(), name="sample")
    wishes = {"style": style, "temperature": temperature, "top_p": top_p, "reference": sample}
    request = SpeechRequest(text, **pool.taken("speak", None, wishes))
    return await said(pool, text, request, None, "wav")


@router.get("/v1/tts", response_class=Response, responses=SOUND)
async def tts(text: str, pool: Opened) -> Response:
    """Speak a text as an MP3, as the cloud does."""
    return await said(pool, text, SpeechRequest(text), None, "mp3")
