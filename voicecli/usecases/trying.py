"""What is chosen in a set-up, tried at once: a service with its key, a microphone, a loudspeaker, a voice.

Belongs here: one trial each, and what came of it in words. Does not belong here: asking, drawing, the file.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

from voicecli.errors import DeviceError, NoSpeechError, UnreachableError
from voicecli.types import SpeechRequest, TranscribeOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from voicecli.audio.devices import Device, Kind
    from voicecli.types import Backend, Voice
    from voicecli.wiring.services import Services

TRY_S = 8.0
HEAR_S = 6.0
"""How long a person may take to begin to speak."""
ENDS = "Enter goes on"
LOUD_DBFS, QUIET_DBFS = 0.0, -60.0
RATE = 24_000
ENGLISH = "Good morning. This is how I sound."
SENTENCES = {"zh": "早上好，这就是我的声音。", "de": "Guten Morgen. So klinge ich.", "fr": "Bonjour. Voici ma voix."}
"""What a voice says so that a person hears how it sounds, by language."""


async def service(backend: Backend) -> tuple[str, Sequence[str]]:
    """What a service answers to its key, in words, and the models that it lists. Raises what asking raises."""
    from voicecli.wiring import family_of

    began = perf_counter()
    family = family_of(backend)
    hurried = replace(backend, timeout_s=min(backend.timeout_s, TRY_S), connect_timeout_s=TRY_S / 2)
    names: Sequence[str] = ()
    try:
        async with asyncio.timeout(TRY_S):
            if family.models is not None:
                async with family.models(hurried) as catalog:
                    names = await catalog.models()
            elif family.health is not None:
                async with family.health(hurried) as health:
                    names = (await health.check()).models or ()
            else:
                return "is not tried: it has nothing to ask without a cost", ()
    except TimeoutError:
        raise UnreachableError(f"did not answer within {TRY_S:.0f} s", who=backend.name) from None
    listed = f", {len(names)} models" if names else ""
    return f"works{listed}, {perf_counter() - began:.1f} s", names


def fitting(names: Sequence[str]) -> dict[str, str]:
    """The first model of a list that sounds right for each verb."""
    from voicecli.config import BASIC_VERBS
    from voicecli.wiring import is_for

    found = {verb: next((name for name in names if is_for(name, verb)), "") for verb in BASIC_VERBS}
    return {verb: name for verb, name in found.items() if name}


def devices(kind: Kind, most: int = 9) -> list[Device]:
    """The microphones or loudspeakers, the system's own first, each name once. Raises DeviceError: there is none."""
    from voicecli.audio.devices import choose, list_devices

    found = list_devices()
    first = choose(found, kind)
    named = {first.name: first}
    for each in found:
        if each.channels(kind):
            named.setdefault(each.name, each)
    return [*named.values()][:most]


async def level(device: str, moved: Callable[[float], object]) -> None:
    """Tells how loud a microphone is, from 0 to 1, until it is cancelled. DeviceError: it gives nothing."""
    from voicecli.audio import pcm
    from voicecli.audio.capture import SoundCardMicrophone

    held = 0.0
    async with SoundCardMicrophone(device) as frames:
        async for frame in frames:
            now = (pcm.level_dbfs(frame.pcm) - QUIET_DBFS) / (LOUD_DBFS - QUIET_DBFS)
            held = max(min(1.0, now), held - 0.03)
            moved(max(0.0, held))


async def heard(services: Services, stop: asyncio.Event) -> str:
    """One sentence as it is recognised; "" where none was said before `stop`. Raises what recognising raises."""
    from voicecli.usecases.dictation import Said, dictate

    said = Said()

    def sentence(_segment: object, final: bool) -> None:
        if final:
            stop.set()

    @contextmanager
    def stopping() -> Iterator[asyncio.Event]:
        yield stop

    try:
        await dictate(services, TranscribeOptions(), said, stopping, sentence, lambda exc: None, HEAR_S, ENDS)
    except NoSpeechError:
        return ""
    if said.lost:
        raise said.lost[-1]
    return said.transcript.text if said.segments else ""


async def chime(device: str) -> None:
    """Two notes out of a loudspeaker. Raises DeviceError."""
    from voicecli.audio.cues import CHIME, tones
    from voicecli.audio.solo import play

    async def once() -> AsyncIterator[bytes]:
        yield tones(CHIME, RATE)

    await play(once(), RATE, device)


async def voices(services: Services) -> Sequence[Voice]:
    """The voices of whoever is to speak; none where it lists none."""
    can, _ = services.choose("speak")
    if not can.can("voices"):
        return ()
    async with asyncio.timeout(TRY_S), replace(services, backend=can.backend.name).open("voices") as catalog:
        return await catalog.voices()


async def sample(services: Services, request: SpeechRequest, language: str) -> None:
    """A sentence of its `language` (a code, "" for English) as `request` asks, out of the loudspeaker."""
    from voicecli.usecases.speaking.saying import Saying

    sentence = next((text for code, text in SENTENCES.items() if language.lower().startswith(code)), ENGLISH)
    await Saying(services, request).say(sentence)


def has_sound(kind: Kind) -> DeviceError | None:
    """Why there is no microphone or loudspeaker; None: there is one."""
    try:
        devices(kind)
    except DeviceError as exc:
        return exc
    return None
