"""What this machine can do alone: no key, no network; models that `voice models pull` fetches once.

Belongs here: the Family. Does not belong here: anything that costs an import before a factory is called.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from voicecli.backends.family import Capabilities, Family, Limits, own
from voicecli.backends.local.settings import LocalSettings
from voicecli.ports import Opened
from voicecli.types import Backend

if TYPE_CHECKING:
    from voicecli.backends.local.ears import Ears
    from voicecli.backends.local.health import LocalModels
    from voicecli.backends.local.mouth import LocalSpeaker
    from voicecli.backends.local.offline import OfflineChat
    from voicecli.backends.local.replicas import EarsInRay, VoiceInRay


def transcribe(backend: Backend) -> Opened[Ears]:
    """Recordings and live sound."""
    from voicecli.backends.local.building import begin

    begin(backend)  # before numpy is imported
    from voicecli.backends.local.ears import Ears

    return nullcontext(Ears(backend))


def chat(backend: Backend) -> Opened[OfflineChat]:
    """The offline skills."""
    from voicecli.backends.local.offline import OfflineChat

    return nullcontext(OfflineChat())


def speak(backend: Backend) -> Opened[LocalSpeaker]:
    """Speech, and the list of voices."""
    from voicecli.backends.local.mouth import LocalSpeaker

    return nullcontext(LocalSpeaker(backend))


def transcribe_in_ray(backend: Backend) -> Opened[EarsInRay]:
    """Recordings, one an utterance."""
    from voicecli.backends.local.replicas import open_ears

    return open_ears(backend)


def speak_in_ray(backend: Backend) -> Opened[VoiceInRay]:
    """Speech."""
    from voicecli.backends.local.replicas import open_voice

    return open_voice(backend)


def models(backend: Backend) -> Opened[LocalModels]:
    """What is installed, and whether it works."""
    from voicecli.backends.local.health import LocalModels

    return nullcontext(LocalModels(backend))


def describe(backend: Backend) -> Capabilities:
    """A model that lacks some of this says so when it is chosen: looking at the models here would cost every start."""
    heard = frozenset({"language", "model", "words", "hotwords"})
    _, replicas = own(LocalSettings, backend).span
    here = Capabilities(
        backend,
        transcribe=transcribe,
        transcribe_live=transcribe,
        chat=chat,
        speak=speak,
        voices=speak,
        models=models,
        health=models,
        takes={
            "transcribe": heard,
            "transcribe_live": heard,
            "speak": frozenset({"voice", "language", "speed", "pitch"}),
        },
        limits=Limits(plain=True),
        stops_on_cancel=frozenset({"chat", "speak"}),
        offline=True,
        rehears=True,
        lanes=1,
    )
    if not replicas:
        return here
    return replace(
        here,
        transcribe=transcribe_in_ray,
        transcribe_live=None,
        speak=speak_in_ray,
        rehears=False,
        lanes=2 * replicas,
    )


FAMILY = Family("local", "This machine alone: no key, no network", describe, LocalSettings, built_in=True)
