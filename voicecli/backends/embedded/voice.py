"""The embedded voice: espeak-ng, through the library in the espeakng-loader wheel.

Belongs here: the native calls, one at a time, and their stream of samples. Does not belong here: text
(dialogue prepares it), rates other than the voice's own. espeak-ng is not thread-safe: one lock around
all of it, its synchronous mode, on a thread of its own.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import cache
from typing import Any

from voicecli.errors import ServiceError, UsageError
from voicecli.types import AudioChunk, Backend, PcmFormat, SpeechRequest, Voice

WHO = "embedded voice"
WORDS_A_MINUTE = 175
"""At speed 1.0."""
PITCH = 50
SAMPLE_RATE = 22_050
"""espeak-ng's, always."""
DEFAULT_VOICE = "en-us+f2"
CHINESE_VOICE = "cmn"
SYNCHRONOUS, BUFFER_MS, NO_EXIT = 2, 60, 0x8000
UTF8, RATE_PARAMETER, PITCH_PARAMETER = 1, 1, 3
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_HAN = re.compile(r"[\u3400-\u9fff]")
_LOCK = threading.Lock()
QUEUED = 64
"""Chunks (60 ms each) made ahead of who takes them: about four seconds."""


class _VoiceRecord(ctypes.Structure):
    """espeak_VOICE of speak_lib.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


@cache
def _library() -> tuple[Any, int]:
    """The initialised library and its sample rate. Call with the lock held."""
    import espeakng_loader

    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
    except OSError as exc:
        raise ServiceError(f"espeak-ng cannot be loaded: {exc}", who=WHO) from exc
    data = os.fsencode(espeakng_loader.get_data_path())
    rate = library.espeak_Initialize(SYNCHRONOUS, BUFFER_MS, data, NO_EXIT)
    if rate <= 0:
        raise ServiceError("espeak-ng does not start", who=WHO, cure="Install espeakng-loader again.")
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_VoiceRecord))
    return library, rate


def version() -> str:
    """Of the library that is loaded."""
    with _LOCK:
        library, _ = _library()
        library.espeak_Info.restype = ctypes.c_char_p
        text: bytes = library.espeak_Info(None)
        return text.decode(errors="replace")


def list_voices() -> list[Voice]:
    with _LOCK:
        library, _ = _library()
        table = library.espeak_ListVoices(None)
        found = []
        index = 0
        while table[index]:
            record = table[index].contents
            index += 1
            # One byte of priority, then the language's code.
            language = (record.languages or b"\0")[1:].decode(errors="replace")
            found.append(Voice(language, (record.name or b"").decode(errors="replace"), language))
        return sorted(found, key=lambda voice: voice.name)


def choose(text: str, wanted: str | None, configured: str) -> str:
    """The voice for `text`: the one that was asked for, or one that can read its script."""
    if wanted:
        return wanted
    if _HAN.search(text):
        return configured if configured.startswith(("cmn", "yue", "zh")) else CHINESE_VOICE
    return configured or DEFAULT_VOICE


class _Job:
    """One synthesis on a thread; chunks go to the loop through `give`, which returns True to stop."""

    def __init__(self, text: str, voice: str, speed: float, pitch: float, give: Any) -> None:
        self.text, self.voice, self.speed, self.pitch, self._give = text, voice, speed, pitch, give

    def run(self) -> int:
        """Returns the sample rate. UsageError: no such voice."""
        with _LOCK:
            library, rate = _library()
            if library.espeak_SetVoiceByName(self.voice.encode()) != 0:
                raise UsageError(f"has no voice '{self.voice}'", who=WHO, cure="`voice voices -b embedded` lists them.")
            library.espeak_SetParameter(RATE_PARAMETER, round(max(80, min(450, WORDS_A_MINUTE * self.speed))), 0)
            library.espeak_SetParameter(PITCH_PARAMETER, round(max(0, min(99, self.pitch))), 0)
            callback = _CALLBACK(self._take)
            library.espeak_SetSynthCallback(callback)
            raw = self.text.replace("\0", " ").encode()
            library.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, UTF8, None, None)
            return int(rate)

    def _take(self, samples: Any, count: int, _events: Any) -> int:
        if not samples or count <= 0:
            return 0
        return int(self._give(ctypes.string_at(samples, 2 * count)))


class EspeakVoice:
    """Speaker and VoiceCatalog."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AsyncIterator[AudioChunk]]:
        async with aclosing(self._chunks(request)) as chunks:
            yield chunks

    async def _chunks(self, request: SpeechRequest) -> AsyncGenerator[AudioChunk, None]:
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[bytes | None]()
        room, stopped = threading.Semaphore(QUEUED), threading.Event()

        def give(pcm: bytes) -> bool:
            """On the thread: waits while the queue is full, stops when nobody listens."""
            while not room.acquire(timeout=0.1):
                if stopped.is_set():
                    return True
            if not stopped.is_set():
                loop.call_soon_threadsafe(queue.put_nowait, pcm)
            return stopped.is_set()

        job = self._job(request, give)
        made = loop.run_in_executor(None, job.run)
        made.add_done_callback(lambda _: queue.put_nowait(None))
        sounded = False
        try:
            while (pcm := await queue.get()) is not None:
                room.release()
                sounded = True
                yield AudioChunk(pcm, PcmFormat(SAMPLE_RATE, 1))
            await made
        finally:
            stopped.set()
            room.release()
        if not sounded:
            raise ServiceError("nothing of this text can be spoken", who=WHO)

    def _job(self, request: SpeechRequest, give: Any) -> _Job:
        speed = request.speed or self._backend.speed or 1.0
        pitch = request.pitch if request.pitch is not None else self._backend.pitch
        wanted = request.voice or (request.language if not self._backend.voice else None)
        voice = choose(request.text, wanted, self._backend.voice)
        return _Job(request.text, voice, speed, PITCH if pitch is None else pitch, give)

    async def voices(self) -> list[Voice]:
        return await asyncio.to_thread(list_voices)


@asynccontextmanager
async def open_voice(backend: Backend) -> AsyncIterator[EspeakVoice]:
    yield EspeakVoice(backend)
