"""Speech that was paid for already: what a service sent, under the hash of what it was asked (`--cache`).

Belongs here: keys, entries that appear whole or not at all, and a speaker that looks there first.
Does not belong here: when to use it, texts in pieces, samples.

An entry is what the service sent, byte for byte. Files are for their owner alone (0600, folders 0700).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from voicecli.ports import Speaker
from voicecli.storage.cache import Room, keep, used
from voicecli.types import AudioChunk, PcmFormat, SpeechRequest

FOLDER = "speech"
VERSION = 2
BLOCK = 65_536


def key_of(request: SpeechRequest, identity: str) -> str:
    """The name of an entry: the same words, asked in the same way of whoever `identity` stands for."""
    asked = asdict(request)
    if request.reference is not None:
        asked["reference"] = hashlib.sha256(request.reference.data).hexdigest()
    return hashlib.sha256(json.dumps([VERSION, asked, identity], sort_keys=True, default=str).encode()).hexdigest()


class CachedSpeaker:
    """A speaker that asks `inner` only for what is not kept yet, and keeps what came whole, within `most_bytes`.

    A folder that can't be written costs only that a piece is asked for again.
    """

    def __init__(self, inner: Speaker, identity: str, folder: Path, most_bytes: int | None = None) -> None:
        self._inner, self._identity, self._folder = inner, identity, folder / FOLDER
        self._room = Room(folder, most_bytes)

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AsyncGenerator[AudioChunk]]:
        key = key_of(request, self._identity)
        path = self._folder / key[:2] / key[2:]
        if kept := read_sound(path):
            used(path)
            async with aclosing(_replayed(*kept)) as chunks:
                yield chunks
            return
        async with self._inner.speak(request) as stream, aclosing(self._keeping(stream, path)) as chunks:
            yield chunks

    async def _keeping(self, stream: AsyncIterator[AudioChunk], path: Path) -> AsyncGenerator[AudioChunk]:
        """What comes, kept once it has come to its end."""
        sound = bytearray()
        encoding: PcmFormat | str = ""
        async for chunk in stream:
            sound += chunk.data
            encoding = chunk.encoding
            yield chunk
        if sound:
            await asyncio.to_thread(self._keep, path, encoding, bytes(sound))

    def _keep(self, path: Path, encoding: PcmFormat | str, sound: bytes) -> None:
        write_sound(path, encoding, sound)
        self._room.filled(len(sound))


async def _replayed(encoding: PcmFormat | str, sound: bytes) -> AsyncGenerator[AudioChunk]:
    for at in range(0, len(sound), BLOCK):
        yield AudioChunk(sound[at : at + BLOCK], encoding)


# -- entries: a line that tells the encoding, then the sound ---------------------------------------


def read_sound(path: Path) -> tuple[PcmFormat | str, bytes] | None:
    """What is kept; None for nothing, or for a damaged file."""
    try:
        head, _, sound = path.read_bytes().partition(b"\n")
        told = json.loads(head)
        encoding = PcmFormat(int(told["rate"]), int(told["channels"])) if "rate" in told else str(told["container"])
        whole = len(sound) == told["bytes"] and bool(sound)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return (encoding, sound) if whole else None


def write_sound(path: Path, encoding: PcmFormat | str, sound: bytes) -> None:
    told: dict[str, Any] = asdict(encoding) if isinstance(encoding, PcmFormat) else {"container": encoding}
    keep(path, json.dumps(told | {"bytes": len(sound)}).encode() + b"\n" + sound)
