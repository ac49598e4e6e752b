"""openai-agents against `voice serve`: `python agents_client.py ws://HOST:PORT/v1/realtime FOLDER`, by itself.

A typed question, a spoken one (`FOLDER/digits24.wav`), and a long answer that is interrupted by speech. What sounded is
written to FOLDER, what else came is printed as one JSON object.

Belongs here: calls of the library. Does not belong here: anything of this project.
"""

from __future__ import annotations

import asyncio
import json
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import agents
from agents.realtime import RealtimeAgent, RealtimeRunner

Heard = Callable[[Any], bool]


async def until(session: Any, sound: bytearray, done: Heard) -> None:
    async with asyncio.timeout(30):
        async for event in session:
            if event.type == "audio":
                sound += event.audio.data
            if event.type == "error":
                raise SystemExit(str(event.error))
            if done(event):
                return


def ended(event: Any) -> bool:
    return bool(event.type == "audio_end")


async def speak(session: Any, folder: Path) -> None:
    with wave.open(str(folder / "digits24.wav")) as file:
        pcm = file.readframes(file.getnframes()) + bytes(2 * 24_000 * 2)
    for at in range(0, len(pcm), 4800):
        await session.send_audio(pcm[at : at + 4800])
        await asyncio.sleep(0.1)


async def main(url: str, folder: Path) -> None:
    agents.set_tracing_disabled(True)
    settings: Any = {"model_name": "realtime", "voice": "ash"}
    runner = RealtimeRunner(RealtimeAgent(name="digits", instructions="Count."), config={"model_settings": settings})
    session = await runner.run(model_config={"url": f"{url}?model=realtime", "api_key": "-"})
    async with session:
        for name, act in (("typed", session.send_message("472")), ("spoken", speak(session, folder))):
            sound = bytearray()
            acting = asyncio.ensure_future(act)
            await until(session, sound, ended)
            await acting
            (folder / f"{name}.pcm").write_bytes(sound)
        await session.send_message("1234567890" * 4)
        await until(session, sound, lambda event: bool(event.type == "audio"))
        await asyncio.sleep(2.5)
        speaking = asyncio.ensure_future(speak(session, folder))
        await until(session, sound, lambda event: bool(event.type == "audio_interrupted"))
        speaking.cancel()
    json.dump({"interrupted": True}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
