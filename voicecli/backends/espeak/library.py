"""espeak-ng's library, called natively, one call at a time: two threads at once crash it.

Belongs here: ctypes, the lock, the list of voices. Does not belong here: asyncio, the choice of a voice.
Everything here blocks: call it on a thread. The library keeps its voice and its settings between calls,
so each synthesis sets them all.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from voicecli.errors import ConfigError, ServiceError

WHO = "espeak-ng"
RATE = 22_050
"""Samples a second; the same for every voice."""
SLOWEST, FASTEST = 80, 450
"""Words a minute that the library speaks."""

_SYNCHRONOUS, _BUFFER_MS, _DONT_EXIT = 2, 60, 0x8000
_UTF8, _END_PAUSE = 1, 0x1000
_IPA = 0x02
_SPEED, _PITCH = 1, 3
_CURE = "Install espeakng-loader again."
_TAKE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Spoken:
    """A voice as the library lists it: `code` is its language, `path` what it is chosen by."""

    code: str
    name: str
    path: str


@dataclass(frozen=True, slots=True)
class SpeakingStyle:
    """How a text is said: the path of a voice (with +variant), words a minute, pitch 0 to 99."""

    path: str
    speed: int
    pitch: int


class _Record(ctypes.Structure):
    """One entry of the library's list of voices."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


@cache
def _library() -> ctypes.CDLL:
    """The initialised library; call with the lock held."""
    try:
        import espeakng_loader

        library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = os.fsencode(espeakng_loader.get_data_path())
    except ImportError as exc:
        cure = "Install espeakng-loader, or choose another voice with --backend"
        raise ConfigError("espeak-ng, its voice, is not installed", who=WHO, cure=cure) from exc
    except (OSError, RuntimeError) as exc:
        raise ServiceError(f"espeak-ng cannot be loaded: {exc}", who=WHO, cure=_CURE) from exc
    if library.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, data, _DONT_EXIT) != RATE:
        raise ServiceError("espeak-ng does not start", who=WHO, cure=_CURE)
    library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Record))
    library.espeak_Info.restype = ctypes.c_char_p
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    return library


def version() -> str:
    """Of the library that is loaded, such as 1.52.0."""
    with _LOCK:
        text: bytes = _library().espeak_Info(None)
    return text.decode(errors="replace").split()[0]


@cache
def voices() -> tuple[Spoken, ...]:
    """Every language that can be spoken."""
    with _LOCK:
        listed = _listed(_library(), None)
    codes: dict[str, Spoken] = {}
    for voice in filter(_has_dictionary, listed):
        # Two scripts of one language share its code (yue); the second goes by the end of its path.
        code = voice.path.rpartition("/")[2] if voice.code in codes else voice.code
        codes[code] = replace(voice, code=code)
    return tuple(codes.values())


@cache
def variants() -> tuple[str, ...]:
    """Names that may follow a voice after a plus sign: en-us+f2."""
    with _LOCK:
        listed = _listed(_library(), _Record(languages=b"variant"))
    return tuple(sorted(voice.path.rpartition("/")[2] for voice in listed))


def _listed(library: ctypes.CDLL, spec: _Record | None) -> list[Spoken]:
    table = library.espeak_ListVoices(None if spec is None else ctypes.byref(spec))
    found: list[Spoken] = []
    while table[len(found)]:
        record = table[len(found)].contents
        # One byte of priority, then the language's code.
        fields = ((record.languages or b"\0")[1:], record.name or b"", record.identifier or b"")
        found.append(Spoken(*[field.decode(errors="replace").strip() for field in fields]))
    return found


def _has_dictionary(voice: Spoken) -> bool:
    """A few voices of the wheel lack theirs; the library would complain on the terminal."""
    import espeakng_loader

    language = voice.path.rpartition("/")[2].lower().partition("-")[0]
    return Path(espeakng_loader.get_data_path(), f"{language}_dict").exists()


def synthesise(text: str, manner: SpeakingStyle, take: Callable[[bytes], bool], *, more: bool = False) -> None:
    """Speak `text`; `take` gets 60 ms of s16le at a time and returns whether it wants more.

    `more`: other text follows, so it ends with the pause that stands between sentences. What the callback
    raises is lost: it must not raise. ServiceError: the library refuses.
    """
    raw = text.replace("\0", " ").encode(errors="replace")

    def hand_over(samples: Any, count: int, _events: object) -> int:
        going_on = not samples or count <= 0 or take(ctypes.string_at(samples, 2 * count))
        return 0 if going_on else 1

    callback = _TAKE(hand_over)
    with _LOCK:
        library = _library()
        if library.espeak_SetVoiceByName(manner.path.encode()) != 0:
            raise ServiceError(f"espeak-ng does not open the voice {manner.path}", who=WHO, cure=_CURE)
        library.espeak_SetParameter(_SPEED, manner.speed, 0)
        library.espeak_SetParameter(_PITCH, manner.pitch, 0)
        library.espeak_SetSynthCallback(callback)
        flags = _UTF8 | (_END_PAUSE if more else 0)
        library.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, flags, None, None)


def phonemes(text: str, voice: str) -> str:
    """`text` in IPA, as the voice at that path says it; marks of the text are lost. ServiceError: no such voice."""
    raw = ctypes.c_char_p(text.replace("\0", " ").encode(errors="replace"))
    at = ctypes.cast(raw, ctypes.c_void_p)
    found = []
    with _LOCK:
        library = _library()
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ServiceError(f"espeak-ng does not open the voice {voice}", who=WHO, cure=_CURE)
        while at.value:
            found.append(library.espeak_TextToPhonemes(ctypes.byref(at), _UTF8, _IPA).decode(errors="replace"))
    return " ".join(each.strip() for each in found if each.strip())
