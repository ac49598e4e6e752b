"""The openai SDK's asynchronous half against `voice serve`: `python sdk_async_client.py BASE_URL FOLDER [CALL ...]`.

All at once over one client, a spoken conversation among it. `FOLDER/digits24.wav` is what is said; what sounded is
written beside it, what else came is printed as one JSON object.

Belongs here: calls of the SDK. Does not belong here: anything of this project.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import wave
from pathlib import Path
from typing import Any

import openai

TWICE = "conversation_already_has_active_response"
"""LiteLLM asks for an answer by itself after every transcript, though one is in work: to be refused, and no harm."""
QUESTION: Any = [{"role": "user", "content": "472"}]


async def chat(client: openai.AsyncOpenAI, folder: Path) -> str:
    stream = await client.chat.completions.create(model="gpt-4o-mini", messages=QUESTION, stream=True)
    return "".join([each.choices[0].delta.content or "" async for each in stream if each.choices])


async def transcription(client: openai.AsyncOpenAI, folder: Path) -> list[str]:
    sound: Any = ("digits.wav", (folder / "digits24.wav").read_bytes())
    whole = await client.audio.transcriptions.create(model="whisper-1", file=sound)
    events = await client.audio.transcriptions.create(model="gpt-4o-transcribe", file=sound, stream=True)
    return [whole.text, "".join([each.delta async for each in events if each.type == "transcript.text.delta"])]


async def speech(client: openai.AsyncOpenAI, folder: Path) -> int:
    asked: Any = {"model": "gpt-4o-mini-tts", "voice": "alloy", "input": "Dial 4071993825.", "response_format": "mp3"}
    async with client.audio.speech.with_streaming_response.create(**asked) as answer:
        pieces = [each async for each in answer.iter_bytes()]
    (folder / "async.mp3").write_bytes(b"".join(pieces))
    return len(pieces)


async def models(client: openai.AsyncOpenAI, folder: Path) -> bool:
    listed = [each.id async for each in await client.models.list()]
    return (await client.models.retrieve(listed[-1])).id == listed[-1]


async def refused(client: openai.AsyncOpenAI, folder: Path) -> str:
    try:
        await client.chat.completions.create(model="nobody-has-this", messages=QUESTION)
    except openai.NotFoundError as exc:
        return str(exc.code)
    return "taken"


async def realtime(client: openai.AsyncOpenAI, folder: Path) -> dict[str, str]:
    """A typed question, a spoken one, and an answer that is cancelled."""
    async with client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "output_modalities": ["audio"]})
        said = {}
        for name, ask in (("typed", typed(connection, "472")), ("spoken", spoken(connection, folder))):
            asking = asyncio.ensure_future(ask)
            said[name], sound = await answered(connection)
            keep(folder / f"async-{name}.pcm", sound)
            await asking
        await typed(connection, "1234567890" * 4)
        async for event in connection:
            if event.type == "response.output_audio.delta":
                await connection.response.cancel()
            elif event.type == "response.done":
                return said | {"cancelled": str(event.response.status)}
    return said


def keep(path: Path, sound: bytes) -> None:
    path.write_bytes(sound)


async def typed(connection: Any, text: str) -> None:
    content = [{"type": "input_text", "text": text}]
    await connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})
    await connection.response.create()


async def spoken(connection: Any, folder: Path) -> None:
    with wave.open(str(folder / "digits24.wav")) as file:
        pcm = file.readframes(file.getnframes()) + bytes(2 * 24_000 * 2)
    for at in range(0, len(pcm), 4800):
        await connection.input_audio_buffer.append(audio=base64.b64encode(pcm[at : at + 4800]).decode())
        await asyncio.sleep(0.1)


async def answered(connection: Any) -> tuple[str, bytes]:
    """What was said, and what sounded."""
    words, sound, seen = "", b"", list[str]()
    async for event in connection:
        seen.append(event.type)
        if event.type == "response.output_audio.delta":
            sound += base64.b64decode(event.delta)
        elif event.type == "response.output_audio_transcript.delta":
            words += event.delta
        elif event.type == "error" and event.error.code != TWICE:
            raise SystemExit(f"{event.error.message} {seen}")
        elif event.type == "response.done" and event.response.status == "completed":
            break
    return words, sound


CALLS = (chat, transcription, speech, models, refused, realtime)


async def main() -> None:
    async with openai.AsyncOpenAI(base_url=sys.argv[1], api_key="-", max_retries=0, timeout=30) as client:
        calls = [each for each in CALLS if each.__name__ in sys.argv[3:] or not sys.argv[3:]]
        found = await asyncio.gather(*(each(client, Path(sys.argv[2])) for each in calls))
    json.dump({each.__name__: what for each, what in zip(calls, found, strict=True)}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
