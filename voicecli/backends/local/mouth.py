"""The voice on this machine: Piper, Kokoro or Matcha through sherpa-onnx, clause by clause; at last espeak-ng.

Belongs here: which voice says a text, and the bridge from its thread. Does not belong here: sounds of words (sounds),
loading (engine), native calls of espeak-ng.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from voicecli.backends.espeak.scripts import printable, reader_of
from voicecli.backends.espeak.voice import EspeakVoice
from voicecli.backends.local import choosing
from voicecli.backends.local.building import SherpaVoice, build_voice, tried
from voicecli.backends.local.engine import WHO, loaded, on_thread, relieve, working
from voicecli.backends.local.kinds import FoundModel
from voicecli.backends.local.sounds import clauses, sounds
from voicecli.backends.transport.structured import handed_over
from voicecli.backends.transport.wording import clean
from voicecli.errors import ConfigError, ServiceError, UsageError, VoiceError
from voicecli.ports import Stream
from voicecli.storage.models import subtag
from voicecli.types import AudioChunk, Backend, PcmFormat, SpeechRequest, Voice

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SLOWEST, FASTEST = 0.5, 2.5
LONGEST_NUMBER = 9
"""Figures of a voice's number: sherpa-onnx takes 32 bits, and the first voice for one that there is not."""
SPEAKERS = {
    "kokoro-v1.0": (
        "af_alloy af_aoede af_bella af_heart af_jessica af_kore af_nicole af_nova af_river af_sarah af_sky am_adam "
        "am_echo am_eric am_fenrir am_liam am_michael am_onyx am_puck am_santa bf_alice bf_emma bf_isabella bf_lily "
        "bm_daniel bm_fable bm_george bm_lewis ef_dora em_alex em_santa ff_siwis hf_alpha hf_beta hm_omega hm_psi "
        "if_sara im_nicola jf_alpha jf_gongitsune jf_nezumi jf_tebukuro jm_kumo pf_dora pm_alex pm_santa zf_xiaobei "
        "zf_xiaoni zf_xiaoxiao zf_xiaoyi zm_yunjian zm_yunxi zm_yunxia zm_yunyang"
    ).split()
}
"""The names of a model's voices, in its order."""
USUAL = {"kokoro-v1.0": {"en": "af_heart", "zh": "zf_xiaobei"}}
ACCENTS = {"a": "en-us", "b": "en-gb"}
"""espeak-ng's voice by the first letter of a Kokoro voice."""


@dataclass(frozen=True, slots=True)
class ChosenVoice:
    """A model and which of its voices speaks; `accent` is espeak-ng's voice for words that are not Chinese."""

    found: FoundModel
    speaker: int = 0
    accent: str = "en-us"


class LocalSpeaker:
    """Speaker, VoiceCatalog and Warm."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._last_resort = EspeakVoice(backend)

    async def warm(self) -> None:
        with suppress(VoiceError):
            choice = self._choice(SpeechRequest("Hello."))
            await (self._last_resort.warm() if choice is None else on_thread("speak", partial(_ready, choice)))

    async def check(self) -> str:
        """The name of the voice that speaks; its files are whole. Raises what is wrong with them."""
        choice = await asyncio.to_thread(self._choice, SpeechRequest("Hello."))
        if choice is None:
            return "espeak-ng"
        await asyncio.to_thread(tried, choice.found)
        return choice.found.name

    async def voices(self) -> list[Voice]:
        """The voices of installed models, then espeak-ng's."""
        own = [voice for each in choosing.here(self._backend, "speak") for voice in _voices(each.name)]
        return own + await self._last_resort.voices()

    def speak(self, request: SpeechRequest) -> Stream[AudioChunk]:
        """s16le at the model's rate. Raises UsageError for an unknown voice, or a speed or pitch that it lacks."""
        choice = self._choice(request)
        return self._last_resort.speak(request) if choice is None else aclosing(self._chunks(choice, request))

    def _choice(self, request: SpeechRequest) -> ChosenVoice | None:
        """The model and the voice for a text; None: espeak-ng. ConfigError: a model that is damaged or unknown."""
        wish = request.voice or self._backend.voice
        model, _, speaker = (wish or "").partition(":")
        names = {each.name for each in choosing.here(self._backend, "speak")}
        for name in names & SPEAKERS.keys():
            if wish in SPEAKERS[name]:
                model, speaker = name, str(wish)
        if wish and model not in names:
            return None  # one of espeak-ng's, or nobody's: it will tell
        language = request.language or self._backend.language or _language(request.text)
        try:
            named = model or self._backend.speak_model or None
            found = choosing.found(self._backend, "speak", named, None if named else language)
        except ConfigError:
            if wish or self._backend.speak_model or any(choosing.suits(name, language) for name in names):
                raise
            return None
        return _chosen(found, speaker, language)

    async def _chunks(self, choice: ChosenVoice, request: SpeechRequest) -> AsyncGenerator[AudioChunk, None]:
        speed = request.speed or self._backend.speed or 1.0
        if not SLOWEST <= speed <= FASTEST:
            raise UsageError(f"speaks at a speed of {SLOWEST} to {FASTEST}, not {speed:g}", who=WHO)
        if request.pitch is not None:
            raise UsageError(f"{choice.found.name} has no pitch to choose", who=WHO, cure="espeak-ng's voices have.")
        sounded = False
        for clause in clauses(printable(request.text)):
            async with aclosing(_spoken(choice, clause, speed)) as chunks:
                async for chunk in chunks:
                    sounded = True
                    yield chunk
        if not sounded:
            raise ServiceError(f"nothing of '{clean(request.text, 60)}' can be spoken", who=WHO)


def _ready(choice: ChosenVoice) -> None:
    """Loads the model and lets it say a word: the first time takes longest."""
    _say(loaded(choice.found, build_voice), choice, "yes.", 1.0, lambda *_: 0)


def pace_of(found: FoundModel) -> float:
    """Seconds that the model takes for a second of sound, once it is warm. Blocks. Raises ServiceError."""
    model, length = loaded(found, build_voice), 0

    def take(samples: NDArray[np.float32], _progress: float) -> int:
        nonlocal length
        length += len(samples)
        return 1

    choice = _chosen(found, "", "en")
    _say(model, choice, "Yes.", 1.0, take)
    began, length = time.monotonic(), 0
    _say(model, choice, "This is how I speak when nobody is in a hurry.", 1.0, take)
    rate: int = model.sample_rate
    return round((time.monotonic() - began) * rate / max(1, length), 2)


def _language(text: str) -> str:
    """The language whose voice a text needs."""
    reader = reader_of(text)
    return {"": "en", "cmn": "zh"}.get(reader, reader)


def _voices(model: str) -> list[Voice]:
    languages = choosing.languages_of(model) or ("",)
    if model not in SPEAKERS:
        return [Voice(model, f"model {model}", languages[0], "model")]
    codes = {"a": "en-us", "b": "en-gb", "z": "zh", "j": "ja", "e": "es", "f": "fr", "h": "hi", "i": "it", "p": "pt"}
    return [Voice(name, f"{name[3:].title()} of {model}", codes[name[0]], "model") for name in SPEAKERS[model]]


def _chosen(found: FoundModel, speaker: str, language: str) -> ChosenVoice:
    names = SPEAKERS.get(found.name, [])
    spoken = subtag(language)
    name = speaker or USUAL.get(found.name, {}).get(spoken, "")
    if name.isdecimal() and len(name) <= LONGEST_NUMBER:
        return ChosenVoice(found, int(name))
    if name and name not in names:
        have = f"It has: {', '.join(names[:8])} …" if names else "Its voices have numbers: MODEL:0."
        raise UsageError(f"{found.name} has no voice '{clean(name, 60)}'", who=WHO, cure=have)
    return ChosenVoice(found, names.index(name) if name else 0, ACCENTS.get(name[:1], "en-us"))


async def _spoken(choice: ChosenVoice, clause: str, speed: float) -> AsyncGenerator[AudioChunk, None]:
    """The sound of a clause as it is made. Closed early, the model stops at its next piece; nobody waits for that."""
    busy = threading.Event()

    def make(hand_over: Callable[[AudioChunk], bool]) -> None:
        busy.set()
        model = loaded(choice.found, build_voice)
        if choice.speaker > (last := max(0, model.num_speakers - 1)):
            raise UsageError(f"{choice.found.name} has no voice {choice.speaker}, its last is {last}", who=WHO)
        form = PcmFormat(model.sample_rate, 1)

        def take(samples: NDArray[np.float32], _progress: float) -> int:
            return int(not len(samples) or hand_over(AudioChunk(_pcm(samples), form)))

        _say(model, choice, clause, speed, take)
        busy.clear()

    made: AsyncGenerator[AudioChunk, None] = handed_over(lambda take: on_thread("speak", partial(make, take)))
    try:
        async with aclosing(made) as chunks:
            async for chunk in chunks:
                yield chunk
    finally:
        if busy.is_set():
            relieve("speak")


def _say(
    model: SherpaVoice,
    choice: ChosenVoice,
    clause: str,
    speed: float,
    take: Callable[[NDArray[np.float32], float], int],
) -> None:
    """Blocks while the clause is made; `take` gets its samples."""
    import sherpa_onnx as sherpa

    known = _known(choice.found.paths["tokens"])
    points = [ord(char) for char in sounds(clause, choice.accent) if char in known]
    if not points:
        return
    wish = sherpa.GenerationConfig()
    wish.sid, wish.speed, wish.phoneme_codepoints = choice.speaker, speed, [points]
    with working():
        model.generate("", wish, callback=take)


@cache
def _known(tokens: Path) -> frozenset[str]:
    """The sounds that a model has, by its file of tokens."""
    lines = tokens.read_text(encoding="utf-8").splitlines()
    return frozenset(line[: line.rindex(" ")] for line in lines if " " in line)


def _pcm(samples: NDArray[np.float32]) -> bytes:
    """s16le."""
    import numpy as np

    return bytes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
