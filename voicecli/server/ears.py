"""Recognition: OpenAI's shape, the local recogniser's (`/asr`), and the cloud's (`/v1/asr`, a body of bytes).

Belongs here: uploads to the use case, transcripts to the formats asked for. Does not belong here: planning, cutting.
Source: OpenAI's API reference, "Create transcription" and "Create translation"; the local servers' document
("SenseVoice"); the cloud's ("speech recognition").
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Request, UploadFile
from starlette.responses import PlainTextResponse, Response

from voicecli.audio import pieces
from voicecli.errors import NoSpeechError
from voicecli.server.chat import event
from voicecli.server.pool import Meant, Pool
from voicecli.server.refusals import DECLARED, Refused
from voicecli.server.requests import Opened, lines, streamed
from voicecli.text.subtitles import Layout, verbose_json
from voicecli.types import TranscribeOptions, Transcript
from voicecli.usecases.transcribing.batch import Wish, transcribe
from voicecli.usecases.transcribing.plan import Job, Source
from voicecli.usecases.transcribing.results import TASKS, render, text_of

router = APIRouter(responses=DECLARED, tags=["recognition"])

Format = Literal["json", "text", "srt", "vtt", "verbose_json", "diarized_json"]
Granularity = Literal["word", "segment"]
CLOUDS_SUCCESS = 20_000_000
UNKNOWN = {
    "seek": 0,
    "tokens": [],
    "temperature": 0.0,
    "avg_logprob": 0.0,
    "compression_ratio": 1.0,
    "no_speech_prob": 0.0,
}
"""Fields of a segment that strict clients of OpenAI's want, and that nobody here knows."""
LONGEST_S = 12 * 3600.0
"""Seconds that a recording may last: silence of days is a few kilobytes."""
COPIED = 1024 * 1024
"""Bytes of an upload that are copied at once."""
KINDS = ("application/json", "text/plain", "text/event-stream", "application/x-ndjson")
ANSWERS: dict[int | str, dict[str, Any]] = {200: {"content": {kind: {} for kind in KINDS}}}


@dataclass(frozen=True, slots=True)
class SentRecording:
    """A recording on this machine's disk, and what is wanted of it."""

    path: Path
    wish: Wish
    backend: str | None


async def heard(pool: Pool, upload: SentRecording) -> Transcript:
    """The transcript; one without words for a recording without speech. Raises what went wrong, Refused: too long."""
    if await asyncio.to_thread(pieces.seconds, upload.path) > LONGEST_S:
        raise Refused(413, f"A recording may last {LONGEST_S / 3600:.0f} hours.")
    found: list[Transcript] = []
    job, services = Job(Source(str(upload.path)), {"json": None}), pool.named(upload.backend)
    with tempfile.TemporaryDirectory(prefix="voice-") as folder:
        (failure,) = await transcribe(
            services, upload.wish, [job], Path(folder), lambda _, each: found.append(each), lambda _job, _exc: None
        )
    if failure is not None and not isinstance(failure, NoSpeechError):
        raise failure
    return found[0] if found else Transcript("")


async def uploaded(pool: Pool, file: UploadFile, wish: Wish, backend: str | None) -> Transcript:
    """The transcript of an upload. Raises as `heard` does, and Refused for an empty file."""

    async def blocks() -> AsyncIterator[bytes]:
        while block := await file.read(COPIED):
            yield block

    return await copied(pool, blocks(), wish, backend, file.filename or "")


async def copied(
    pool: Pool, blocks: AsyncIterable[bytes], wish: Wish, backend: str | None, name: str = ""
) -> Transcript:
    """The same of blocks of a file. Of a client's `name` for it only the extension counts, if it looks like one."""
    extension = re.search(r"\.([a-z0-9]{2,5})$", name.lower())
    kind = extension[1] if extension and extension[1] != "json" else "wav"
    with tempfile.TemporaryDirectory(prefix="voice-") as folder:
        path = Path(folder) / f"recording.{kind}"
        with path.open("wb") as target:
            async for block in blocks:
                target.write(block)
        if not path.stat().st_size:
            raise Refused(400, "The recording is empty.")
        return await heard(pool, SentRecording(path, wish, backend))


def wish_of(pool: Pool, meant: Meant, asked: TranscribeOptions, kind: Format, words: bool) -> Wish:
    """What is asked of the recogniser; options that it lacks and that clients send unasked are left out."""
    unasked = {"prompt": asked.prompt, "temperature": asked.temperature}
    taken = pool.taken("transcribe", meant.backend, unasked)
    options = TranscribeOptions(
        asked.language, meant.model, taken.get("prompt"), taken.get("temperature"), translate=asked.translate
    )
    formats = {"srt": "srt", "vtt": "vtt", "verbose_json": "verbose_json"}
    return Wish((formats.get(kind, "text"),), options, words=words, cached=False)


def written(transcript: Transcript, kind: Format, task: str) -> Response | dict[str, object]:
    """The transcript in the format asked for."""
    if kind in ("json", "diarized_json"):
        return {"text": text_of(transcript)}
    if kind == "verbose_json":
        whole = verbose_json(transcript)
        return whole | {"task": task, "segments": [UNKNOWN | each for each in whole.get("segments", ())]}
    return PlainTextResponse(render("recording", transcript, kind, Layout(), task))


# -- OpenAI's ----------------------------------------------------------------------------------------


@router.post("/v1/audio/transcriptions", response_model=None, responses=ANSWERS)
async def transcriptions(
    pool: Opened,
    file: Annotated[UploadFile, File()],
    model: Annotated[str | None, Form()] = None,
    language: Annotated[str | None, Form(max_length=20)] = None,
    prompt: Annotated[str | None, Form(max_length=10_000)] = None,
    response_format: Annotated[Format, Form()] = "json",
    temperature: Annotated[float | None, Form(ge=0, le=1)] = None,
    stream: Annotated[bool, Form()] = False,
    timestamp_granularities: Annotated[list[Granularity] | None, Form(alias="timestamp_granularities[]")] = None,
) -> Response | dict[str, Any]:
    """Turn a recording of any length into text or subtitles."""
    meant = await pool.meant("transcribe", model)
    asked = TranscribeOptions(language or None, prompt=prompt or None, temperature=temperature)
    words = "word" in (timestamp_granularities or ())
    wish = wish_of(pool, meant, asked, response_format, words)
    if stream:
        relay = await pool.relayed(aclosing(_once(pool, file, wish, meant.backend)))
        return streamed(relay, _events(relay), "text/event-stream")
    return written(await uploaded(pool, file, wish, meant.backend), response_format, TASKS[0])


@router.post("/v1/audio/translations", response_model=None, responses=ANSWERS)
async def translations(
    pool: Opened,
    file: Annotated[UploadFile, File()],
    model: Annotated[str | None, Form()] = None,
    prompt: Annotated[str | None, Form(max_length=10_000)] = None,
    response_format: Annotated[Format, Form()] = "json",
    temperature: Annotated[float | None, Form(ge=0, le=1)] = None,
) -> Response | dict[str, object]:
    """Turn a recording into English text, whatever is spoken."""
    meant = await pool.meant("transcribe", model)
    asked = TranscribeOptions(prompt=prompt or None, temperature=temperature, translate=True)
    wish = wish_of(pool, meant, asked, response_format, False)
    return written(await uploaded(pool, file, wish, meant.backend), response_format, TASKS[1])


async def _once(pool: Pool, file: UploadFile, wish: Wish, backend: str | None) -> AsyncGenerator[Transcript]:
    """The transcript, once it is known: a recording may be cut into pieces that are recognised side by side."""
    yield await uploaded(pool, file, wish, backend)


async def _events(transcripts: AsyncIterable[Transcript]) -> AsyncIterator[bytes]:
    async for transcript in transcripts:
        text = text_of(transcript)
        if text:
            yield event({"type": "transcript.text.delta", "delta": text})
        yield event({"type": "transcript.text.done", "text": text})
    yield b"data: [DONE]\n\n"


# -- the documents' ----------------------------------------------------------------------------------


@router.post("/asr")
async def asr(pool: Opened, file: Annotated[UploadFile, File()]) -> dict[str, str]:
    """Turn a recording into text, as the local recogniser does."""
    return {"text": text_of(await uploaded(pool, file, Wish(cached=False), None))}


@router.post("/asr/stream", response_model=None, responses=ANSWERS)
async def asr_stream(pool: Opened, file: Annotated[UploadFile, File()]) -> Response:
    """Turn a recording into text, told in lines: `{"partial_text": …}`."""
    relay = await pool.relayed(aclosing(_once(pool, file, Wish(cached=False), None)))
    found = ({"partial_text": text_of(transcript)} async for transcript in relay)
    return streamed(relay, lines(found), "application/x-ndjson")


@router.post("/v1/asr", openapi_extra={"requestBody": {"content": {"application/octet-stream": {}}, "required": True}})
async def cloud_asr(request: Request, pool: Opened) -> dict[str, object]:
    """Turn the recording that is the body into text, as the cloud does."""
    transcript = await copied(pool, request.stream(), Wish(cached=False), None)
    return {"result": text_of(transcript), "status": CLOUDS_SUCCESS}
