"""espeak-ng as an adapter: chunks of speech as espeak-ng makes them, its list of voices.

Belongs here: names, settings and the bridge from its thread to the event loop. Does not belong here:
native calls (library), the voice for a text (scripts), other rates than the voice's own.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from voicecli.backends.espeak import library as espeak
from voicecli.backends.espeak.library import SpeakingStyle
from voicecli.backends.espeak.scripts import DEFAULT_VOICE, pieces, readable, speaks, voice_for
from voicecli.backends.transport.structured import handed_over
from voicecli.backends.transport.wording import clean
from voicecli.errors import ServiceError, UsageError
from voicecli.ports import Stream
from voicecli.text.nearest import near
from voicecli.types import AudioChunk, Backend, PcmFormat, SpeechRequest, Voice

WHO = espeak.WHO
FORMAT = PcmFormat(espeak.RATE, 1)
WORDS_A_MINUTE = 175
"""At speed 1.0."""
PITCH = 50.0
_ALIASES = {
    **dict.fromkeys(("zh", "zh-cn", "zh-tw", "zh-hans", "zh-hant", "mandarin", "chinese"), "cmn"),
    **dict.fromkeys(("zh-hk", "zh-yue", "cantonese"), "yue"),
    "en-uk": "en-gb",
    "english": "en-us",
    "no": "nb",
}


class EspeakVoice:
    """Speaker, VoiceCatalog and Warm."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._pitch: float | None = getattr(backend, "pitch", None)

    async def warm(self) -> None:
        with suppress(ServiceError):
            await asyncio.to_thread(espeak.voices)

    async def voices(self) -> list[Voice]:
        """A voice for every language, and the variants of the usual one."""
        listed = await asyncio.to_thread(espeak.voices)
        variants = await asyncio.to_thread(espeak.variants)
        languages = sorted((Voice(v.code, v.name, v.code, "language") for v in listed), key=lambda voice: voice.name)
        return languages + [Voice(f"en-us+{name}", f"variant {name}", "en-us", "variant") for name in variants]

    def speak(self, request: SpeechRequest) -> Stream[AudioChunk]:
        """s16le at 22,050 Hz. Raises UsageError for an unknown voice, or a speed or pitch outside its range."""
        return aclosing(self._chunks(request))

    async def _chunks(self, request: SpeechRequest) -> AsyncGenerator[AudioChunk, None]:
        voice, manner = await asyncio.to_thread(self._manner, request)
        texts = pieces(readable(request.text, voice))
        sounded = False
        for number, text in enumerate(texts, 1):
            async with aclosing(_spoken(text, manner, more=number < len(texts))) as sound:
                async for pcm in sound:
                    sounded = sounded or any(pcm)
                    yield AudioChunk(pcm, FORMAT)
        if not sounded:
            raise ServiceError(f"nothing of '{clean(request.text, 60)}' can be spoken", who=WHO)

    def _manner(self, request: SpeechRequest) -> tuple[str, SpeakingStyle]:
        """The name of the voice and how it speaks; blocks until the library is loaded."""
        usual = self._backend.voice or self._backend.language
        usual = DEFAULT_VOICE if speaks(DEFAULT_VOICE, usual) else usual
        name = voice_for(request.text, request.voice, request.language, usual)
        speed, pitch = request.speed, request.pitch
        speed = (1.0 if self._backend.speed is None else self._backend.speed) if speed is None else speed
        pitch = (PITCH if self._pitch is None else self._pitch) if pitch is None else pitch
        slowest, fastest = espeak.SLOWEST / WORDS_A_MINUTE, espeak.FASTEST / WORDS_A_MINUTE
        if not slowest <= speed <= fastest:
            raise UsageError(f"speaks at a speed of {slowest:.2f} to {fastest:.2f}, not {speed:g}", who=WHO)
        if not 0 <= pitch <= 99:
            raise UsageError(f"has a pitch of 0 to 99, not {pitch:g}", who=WHO)
        return name, SpeakingStyle(path_of(name), round(WORDS_A_MINUTE * speed), round(pitch))


_PLACE = re.compile(r"[a-z]{2,3}(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?")
"""A language with its script and country: where there is no voice for these, the language's own is right."""


def path_of(name: str) -> str:
    """What the library calls the voice `name`: a language's code or name, with +variant. UsageError: unknown."""
    base, plus, variant = name.strip().partition("+")
    known = _paths()
    code = base.lower().replace("_", "-")
    path = known.get(_ALIASES.get(code, code))
    if path is None and _PLACE.fullmatch(code):
        path = known.get(code.partition("-")[0])
    variants = {each.lower(): each for each in espeak.variants()}
    if path is not None and (not plus or variant.lower() in variants):
        return f"{path}+{variants[variant.lower()]}" if plus else path
    similar = near(*((code, known) if path is None else (variant, variants)), 3)
    hint = f"Similar: {', '.join(similar)}. " if similar else ""
    what = f"has no voice '{clean(name, 60)}'" if path is None else f"has no variant '{clean(variant, 60)}'"
    raise UsageError(what, who=WHO, cure=f"{hint}`voice voices` lists them.")


def _paths() -> dict[str, str]:
    """Voices by their names, by the last part of their path, and, first of all, by their codes."""
    listed = espeak.voices()
    return (
        {voice.name.lower(): voice.path for voice in listed}
        | {voice.path.rpartition("/")[2].lower(): voice.path for voice in listed}
        | {voice.code.lower(): voice.path for voice in listed}
    )


def _spoken(text: str, manner: SpeakingStyle, *, more: bool) -> AsyncGenerator[bytes, None]:
    """The sound of one piece as it is made. Closed early, the library stops within one buffer."""
    loop = asyncio.get_running_loop()
    return handed_over(
        lambda take: loop.run_in_executor(None, lambda: espeak.synthesise(text, manner, take, more=more))
    )
